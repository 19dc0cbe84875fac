// How often a password may be tried: from one address, and for one user.
//
// The first few failures are free; from then on each doubles the time until the next try. A try counts as
// failed from its beginning, so that many at once are no way around; when it turns out well it is taken back.
// A user's own delay stays short, because anybody can cause it; an address's grows long.
//
// Memory is bounded: when a table is full, the quarter that is closest to being forgotten goes.
//
// Kind: value. Pure: the time comes in, in milliseconds of any clock that only goes forward.

struct LoginThrottle: Sendable {
    struct Policy: Sendable {
        var freeFailures = 5
        var firstDelayMilliseconds = 1_000
        var longestDelayMilliseconds: Int
        /// A count is forgotten when nothing has failed for this long after its delay.
        var memoryMilliseconds = 900_000
        var entryLimit = 10_000

        static let address = Policy(longestDelayMilliseconds: 900_000)
        static let user = Policy(longestDelayMilliseconds: 30_000)

        /// The wait after the `failures`th failure.
        func delay(after failures: Int) -> Int {
            guard failures >= freeFailures else { return 0 }
            let doublings = min(failures - freeFailures, 30)
            return min(firstDelayMilliseconds << doublings, longestDelayMilliseconds)
        }
    }

    /// What a try was told, for taking it back.
    enum Ruling: Sendable, Equatable {
        case mayTry
        /// For so long nothing is tried. `isFirst`: nobody was told since the last try, so it is worth a line.
        case wait(milliseconds: Int, isFirst: Bool)
    }

    private struct Count: Sendable {
        var failures = 0
        var blockedUntil = 0
        var wasTold = false
    }

    private struct Table: Sendable {
        let policy: Policy
        var counts: [String: Count] = [:]

        mutating func look(_ key: String, _ now: Int) -> (wait: Int, isFirst: Bool) {
            guard var count = counts[key] else { return (0, false) }
            if now >= count.blockedUntil + policy.memoryMilliseconds {
                counts[key] = nil
                return (0, false)
            }
            guard count.blockedUntil > now else { return (0, false) }
            let isFirst = !count.wasTold
            count.wasTold = true
            counts[key] = count
            return (count.blockedUntil - now, isFirst)
        }

        mutating func failed(_ key: String, _ now: Int) {
            if counts[key] == nil, counts.count >= policy.entryLimit { makeRoom(now) }
            var count = counts[key] ?? Count()
            count.failures += 1
            count.blockedUntil = now + policy.delay(after: count.failures)
            count.wasTold = false
            counts[key] = count
        }

        mutating func takeBack(_ key: String) {
            guard var count = counts[key] else { return }
            count.failures -= 1
            count.blockedUntil = 0
            counts[key] = count.failures > 0 ? count : nil
        }

        private mutating func makeRoom(_ now: Int) {
            counts = counts.filter { now < $0.value.blockedUntil + policy.memoryMilliseconds }
            guard counts.count >= policy.entryLimit else { return }
            let order = counts.sorted { ($0.value.blockedUntil, $0.value.failures) < ($1.value.blockedUntil, $1.value.failures) }
            for (key, _) in order.prefix(max(policy.entryLimit / 4, 1)) { counts[key] = nil }
        }
    }

    private var addresses: Table
    private var users: Table

    init(address: Policy = .address, user: Policy = .user) {
        addresses = Table(policy: address)
        users = Table(policy: user)
    }

    /// Asks before a password is looked at. `mayTry` is counted as a failure until `succeeded`.
    mutating func begin(address: String, user: String, now: Int) -> Ruling {
        let byAddress = addresses.look(address, now)
        let byUser = users.look(user, now)
        let wait = max(byAddress.wait, byUser.wait)
        if wait > 0 { return .wait(milliseconds: wait, isFirst: byAddress.isFirst || byUser.isFirst) }
        addresses.failed(address, now)
        users.failed(user, now)
        return .mayTry
    }

    /// The password was right. What others failed at from this address still counts.
    mutating func succeeded(address: String, user: String) {
        addresses.takeBack(address)
        users.counts[user] = nil
    }

    var entryCount: Int { addresses.counts.count + users.counts.count }

    /// What an address counts as: neighbours of one IPv6 network are one.
    static func key(of address: String) -> String {
        guard let address = IPAddress(address) else { return "local" }
        return address.isIPv4 ? address.description : "\(IPAddress(high: address.high, low: 0))/64"
    }
}
