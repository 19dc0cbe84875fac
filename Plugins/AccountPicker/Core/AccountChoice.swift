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
    /// Milliseconds until the first of the cooling ones may be tried.
    var soonest: UInt64 = .max

    var refusal: Refusal {
        var parts: [String] = []
        if cooling > 0 { parts.append("\(cooling) cooling after failures") }
        if full > 0 { parts.append("\(full) at full concurrency") }
        if otherModels > 0 { parts.append("\(otherModels) not for this model") }
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
        let account: Unmanaged<Account>
        let priority: Int
        let weight: Int
        let concurrency: Int
        let isEnabled: Bool
        let servesAll: Bool
        /// For smooth weighted turns: grows by the weight, pays the round when chosen.
        var credit = 0

        init(_ account: Account) {
            self.account = Unmanaged.passUnretained(account)
            priority = account.priority
            weight = account.weight
            concurrency = account.concurrency ?? .max
            isEnabled = account.isEnabled
            servesAll = account.models.allowEverything
        }

        @inline(__always)
        var isHealthy: Bool { account._withUnsafeGuaranteedRef { $0.isHealthy } }
        @inline(__always)
        var load: Int { account._withUnsafeGuaranteedRef { $0.load } }

        @inline(__always)
        func serves(_ model: Bytes) -> Bool {
            servesAll || model.isAbsent || account._withUnsafeGuaranteedRef { $0.models.allow(model) }
        }
    }

    let accounts: [Account]
    /// Why the accounts that the last `take` left out could not take the request.
    private(set) var census = Census()
    private let strategy: Strategy
    private let rows: UnsafeMutablePointer<Row>
    private let count: Int
    /// Positions of the accounts among which the strategy decides.
    private let eligible: UnsafeMutablePointer<Int>
    private var eligibleCount = 0

    /// - Parameter start: turns to skip, so that workers do not all begin with the same account.
    init(_ accounts: [Account], _ strategy: Strategy, start: Int = 0) {
        self.accounts = accounts
        self.strategy = strategy
        count = accounts.count
        rows = .allocate(capacity: max(count, 1))
        eligible = .allocate(capacity: max(count, 1))
        for index in 0..<count { (rows + index).initialize(to: Row(accounts[index])) }
        for _ in 0..<start {
            for index in 0..<count { eligible[index] = index }
            eligibleCount = count
            _ = takeTurn()
        }
    }

    deinit {
        rows.deallocate()
        eligible.deallocate()
    }

    /// Runs `body` with an account, uncounted.
    @inline(__always)
    func withAccount<Result>(_ index: Int, _ body: (Account) -> Result) -> Result {
        precondition(index >= 0 && index < count, "an account that is not configured")
        return rows[index].account._withUnsafeGuaranteedRef(body)
    }

    /// The account for the next attempt, with one of its places taken; or nil, and `census` says why.
    mutating func take(model: Bytes, tried: inout TriedAccounts, now: () -> UInt64) -> Int? {
        // An account that another worker filled between the look and the taking is looked at again.
        for _ in 0...count {
            findEligible(model: model, tried: &tried, now: now)
            guard let index = takeTurn() else { return nil }
            if rows[index].account._withUnsafeGuaranteedRef({ $0.take() }) { return index }
        }
        return nil
    }

    /// True if an account that is not in `tried` could take the request now.
    func hasAnother(model: Bytes, tried: TriedAccounts, now: () -> UInt64) -> Bool {
        (0..<count).contains { index in
            !tried.contains(index) && isServing(index, model, now) && rows[index].load < rows[index].concurrency
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
    private mutating func findEligible(model: Bytes, tried: inout TriedAccounts, now: () -> UInt64) {
        census = Census()
        var kept = 0
        var best = Int.max
        var bestWasTried = true
        for index in 0..<count {
            let row = rows + index
            guard row.pointee.isEnabled else {
                census.disabled += 1
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
