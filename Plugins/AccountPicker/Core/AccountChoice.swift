// Which account takes a request, and why the others do not.
//
// An account is eligible if it is enabled, serves the model, does not cool and has a free place. Of
// the eligible ones those of the first priority remain, without those that this exchange has tried
// already as long as there is another; among them the strategy decides:
//
//     round-robin     smooth weighted turns (as nginx has them), counted per worker
//     least-loaded    the fewest requests in flight for its weight, turns among equals
//
// Kind: confined to its worker; accounts themselves are shared. Time comes from the caller, once and
// only if some account has failed lately.

import PluginKit

/// Accounts by why they cannot take a request. The sentence counts them and names none.
struct Census {
    var cooling = 0
    var full = 0
    var disabled = 0
    var otherModels = 0
    /// The key is bound to others.
    var otherKeys = 0
    /// Milliseconds until the first of the cooling ones may be tried.
    var soonest: UInt64 = .max

    var refusal: Refusal {
        var parts: [String] = []
        if cooling > 0 { parts.append("\(cooling) cooling after failures") }
        if full > 0 { parts.append("\(full) at full concurrency") }
        if otherModels > 0 { parts.append("\(otherModels) not for this model") }
        if otherKeys > 0 { parts.append("\(otherKeys) not for this key") }
        if disabled > 0 { parts.append("\(disabled) disabled") }
        var message = "no account can take this request now: "
        message += parts.isEmpty ? "none is configured" : parts.joined(separator: ", ")
        // A full account may have a place at any moment; a cooling one says when.
        var seconds: Int? = full > 0 ? 1 : nil
        if seconds == nil, cooling > 0 {
            seconds = max(1, Int((soonest + 999) / 1000))
            message += "; the first may be tried in \(seconds!) s"
        }
        return Refusal(.overloaded, message, retryAfter: seconds, shouldRetry: seconds != nil)
    }
}

/// Indices of the accounts that an exchange has tried. The host allows at most twenty attempts
/// (`limits.attempts`); if it ever allows more, the oldest are forgotten and eligible again.
struct TriedAccounts: BitwiseCopyable {
    private static let limit = 20
    private var indices = InlineArray<20, Int32>(repeating: -1)
    private var count = 0

    mutating func insert(_ index: Int) {
        guard !contains(index) else { return }
        indices[count % Self.limit] = Int32(index)
        count += 1
    }

    func contains(_ index: Int) -> Bool {
        for slot in 0..<min(count, Self.limit) where indices[slot] == Int32(index) { return true }
        return false
    }
}

struct AccountChoice: ~Copyable {
    /// An account as every request looks at it: what is constant of it, in one place in memory and
    /// without a reference to count. `accounts` keeps the objects.
    private struct Row {
        private(set) var account: Unmanaged<Account>
        private(set) var priority = 0
        private(set) var weight = 0
        private(set) var concurrency = 0
        private(set) var isEnabled = false
        private(set) var servesAll = false
        /// Its record was deleted; the row waits for exchanges that still name it, and then for another account.
        var isGone = false
        /// Exchanges of this worker that hold a place of it.
        var held: Int32 = 0
        /// For smooth weighted turns: grows by the weight, pays the round when chosen.
        var credit = 0

        init(_ account: Account) {
            self.account = Unmanaged.passUnretained(account)
            set(account)
        }

        mutating func set(_ account: Account) {
            self.account = Unmanaged.passUnretained(account)
            priority = account.priority
            weight = account.weight
            concurrency = account.concurrency ?? .max
            isEnabled = account.isEnabled
            servesAll = account.models.allowEverything
        }

        mutating func leave() {
            isGone = true
            isEnabled = false
        }

        func isWanted(_ wanted: Bytes) -> Bool { account._withUnsafeGuaranteedRef { $0.isWanted(wanted) } }

        @inline(__always)
        var isHealthy: Bool { account._withUnsafeGuaranteedRef { $0.isHealthy } }
        @inline(__always)
        var load: Int { account._withUnsafeGuaranteedRef { $0.load } }

        @inline(__always)
        func serves(_ model: Bytes) -> Bool {
            servesAll || model.isAbsent || account._withUnsafeGuaranteedRef { $0.models.allow(model) }
        }
    }

    /// By row; those that are gone among them.
    private(set) var accounts: [Account] = []
    /// Why the accounts that the last `take` left out could not take the request.
    private(set) var census = Census()
    private let strategy: Strategy
    private var rows: UnsafeMutablePointer<Row>
    private var count = 0
    private var capacity: Int
    private var rowsByID: [String: Int] = [:]
    /// Positions of the accounts among which the strategy decides.
    private var eligible: UnsafeMutablePointer<Int>
    private var eligibleCount = 0

    /// - Parameter start: turns to skip, so that workers do not all begin with the same account.
    init(_ accounts: [Account], _ strategy: Strategy, start: Int = 0) {
        self.strategy = strategy
        capacity = max(accounts.count, 8)
        rows = .allocate(capacity: capacity)
        eligible = .allocate(capacity: capacity)
        for account in accounts { set(account) }
        for _ in 0..<start {
            for index in 0..<count { eligible[index] = index }
            eligibleCount = count
            _ = takeTurn()
        }
    }

    // MARK: Changes, between requests

    /// A new account, or what is said of one now.
    mutating func set(_ account: Account) {
        if let index = rowsByID[account.id] {
            accounts[index] = account
            return rows[index].set(account)
        }
        let index = freeRow()
        rowsByID[account.id] = index
        if index == count {
            accounts.append(account)
            count += 1
        } else {
            accounts[index] = account
        }
        (rows + index).initialize(to: Row(account))
    }

    /// The account takes no more requests; those that it carries end with it.
    mutating func remove(_ id: String) {
        guard let index = rowsByID.removeValue(forKey: id) else { return }
        rows[index].leave()
    }

    private mutating func freeRow() -> Int {
        for index in 0..<count where rows[index].isGone && rows[index].held == 0 { return index }
        if count == capacity {
            let larger = UnsafeMutablePointer<Row>.allocate(capacity: 2 * capacity)
            larger.moveInitialize(from: rows, count: count)
            rows.deallocate()
            rows = larger
            eligible.deallocate()
            eligible = .allocate(capacity: 2 * capacity)
            capacity *= 2
        }
        return count
    }

    deinit {
        rows.deallocate()
        eligible.deallocate()
    }

    /// Runs `body` with an account, uncounted.
    @inline(__always)
    func withAccount<Result>(_ index: Int, _ body: (Account) -> Result) -> Result {
        precondition(index >= 0 && index < count, "an account that does not exist")
        return rows[index].account._withUnsafeGuaranteedRef(body)
    }

    /// The account for the next attempt, with one of its places taken; or nil, and `census` says why.
    /// - Parameter wanted: ids of accounts and groups that may serve it; absent: all.
    mutating func take(
        model: Bytes, wanted: Bytes = .absent, tried: inout TriedAccounts, now: () -> UInt64
    ) -> Int? {
        // An account that another worker filled between the look and the taking is looked at again.
        for _ in 0...count {
            findEligible(model: model, wanted: wanted, tried: &tried, now: now)
            guard let index = takeTurn() else { return nil }
            if rows[index].account._withUnsafeGuaranteedRef({ $0.take() }) {
                rows[index].held &+= 1
                return index
            }
        }
        return nil
    }

    /// Gives back a place that `take` took.
    func giveBack(_ index: Int) {
        precondition(index >= 0 && index < count, "an account that does not exist")
        rows[index].held &-= 1
        rows[index].account._withUnsafeGuaranteedRef { $0.giveBack() }
    }

    /// True if an account that is not in `tried` could take the request now.
    func hasAnother(model: Bytes, wanted: Bytes = .absent, tried: TriedAccounts, now: () -> UInt64) -> Bool {
        (0..<count).contains { index in
            !tried.contains(index) && isServing(index, model, now) && (wanted.isAbsent || rows[index].isWanted(wanted))
                && rows[index].load < rows[index].concurrency
        }
    }

    /// True if some account other than `index` is enabled, serves the model and does not cool.
    func isHealthyWithout(_ index: Int, model: Bytes, now: () -> UInt64) -> Bool {
        (0..<count).contains { $0 != index && isServing($0, model, now) }
    }

    // MARK: Private

    private func isServing(_ index: Int, _ model: Bytes, _ now: () -> UInt64) -> Bool {
        rows[index].isEnabled && rows[index].serves(model)
            && (rows[index].isHealthy || !accounts[index].cooling.isCooling(at: now()))
    }

    @inline(__always)
    private mutating func findEligible(
        model: Bytes, wanted: Bytes, tried: inout TriedAccounts, now: () -> UInt64
    ) {
        census = Census()
        var kept = 0
        var best = Int.max
        var bestWasTried = true
        for index in 0..<count {
            let row = rows + index
            guard row.pointee.isEnabled else {
                if !row.pointee.isGone { census.disabled += 1 }
                continue
            }
            if !wanted.isAbsent, !row.pointee.isWanted(wanted) {
                census.otherKeys += 1
                continue
            }
            guard row.pointee.serves(model) else {
                census.otherModels += 1
                continue
            }
            if !row.pointee.isHealthy {
                let cooling = accounts[index].cooling
                let now = now()
                guard !cooling.isCooling(at: now) else {
                    census.cooling += 1
                    census.soonest = min(census.soonest, cooling.until - now)
                    continue
                }
            }
            if row.pointee.load >= row.pointee.concurrency {
                census.full += 1
                continue
            }
            // Untried before tried, then the smaller priority.
            let wasTried = tried.contains(index)
            if wasTried != bestWasTried ? bestWasTried : row.pointee.priority < best {
                kept = 0
                best = row.pointee.priority
                bestWasTried = wasTried
            }
            if wasTried == bestWasTried, row.pointee.priority == best {
                eligible[kept] = index
                kept &+= 1
            }
        }
        eligibleCount = kept
    }

    /// Of the eligible accounts, the one whose turn it is.
    @inline(__always)
    private mutating func takeTurn() -> Int? {
        if strategy == .leastLoaded, eligibleCount > 1 { keepLeastLoaded() }
        guard eligibleCount > 0 else { return nil }
        var chosen = eligible[0]
        var round = 0
        for place in 0..<eligibleCount {
            let row = rows + eligible[place]
            round += row.pointee.weight
            row.pointee.credit += row.pointee.weight
            if row.pointee.credit > rows[chosen].credit { chosen = eligible[place] }
        }
        rows[chosen].credit -= round
        return chosen
    }

    /// Leaves the accounts with the smallest load for their weight.
    private mutating func keepLeastLoaded() {
        var best = eligible[0]
        var bestLoad = rows[best].load
        var kept = 0
        for place in 0..<eligibleCount {
            let index = eligible[place]
            // load / weight compared without division.
            let load = rows[index].load
            let difference = load * rows[best].weight - bestLoad * rows[index].weight
            if difference > 0 { continue }
            if difference < 0 {
                best = index
                bestLoad = load
                kept = 0
            }
            eligible[kept] = index  // kept never runs ahead of the place that is read
            kept += 1
        }
        eligibleCount = kept
    }
}
