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

struct AccountChoice {
    let accounts: [Account]
    private let strategy: Strategy
    /// Of each account, for smooth weighted turns: grows by its weight, pays the round when chosen.
    private var credit: [Int]
    private var eligible: [Int] = []

    /// - Parameter start: turns to skip, so that workers do not all begin with the same account.
    init(_ accounts: [Account], _ strategy: Strategy, start: Int = 0) {
        self.accounts = accounts
        self.strategy = strategy
        credit = Array(repeating: 0, count: accounts.count)
        eligible.reserveCapacity(accounts.count)
        for _ in 0..<start {
            eligible = Array(accounts.indices)
            _ = takeTurn()
        }
    }

    /// The account for the next attempt, with one of its places taken; or nil, and `census` says why.
    mutating func take(
        model: Bytes, tried: TriedAccounts, now: () -> UInt64, census: inout Census
    ) -> Int? {
        // An account that another worker filled between the look and the taking is looked at again.
        for _ in 0...accounts.count {
            census = Census()
            findEligible(model: model, tried: tried, now: now, census: &census)
            guard let index = takeTurn() else { return nil }
            if accounts[index].take() { return index }
        }
        return nil
    }

    /// True if an account that is not in `tried` could take the request now.
    func hasAnother(model: Bytes, tried: TriedAccounts, now: () -> UInt64) -> Bool {
        accounts.indices.contains { index in
            guard !tried.contains(index), isServing(accounts[index], model, now) else { return false }
            return accounts[index].concurrency.map { accounts[index].load < $0 } ?? true
        }
    }

    /// True if some account other than `index` is enabled, serves the model and does not cool.
    func isHealthyWithout(_ index: Int, model: Bytes, now: () -> UInt64) -> Bool {
        accounts.indices.contains { $0 != index && isServing(accounts[$0], model, now) }
    }

    // MARK: Private

    private func isServing(_ account: Account, _ model: Bytes, _ now: () -> UInt64) -> Bool {
        account.isEnabled && (model.isAbsent || account.models.allow(model))
            && (account.isHealthy || !account.cooling.isCooling(at: now()))
    }

    private mutating func findEligible(
        model: Bytes, tried: TriedAccounts, now: () -> UInt64, census: inout Census
    ) {
        eligible.removeAll(keepingCapacity: true)
        var best = Int.max
        var bestWasTried = true
        for index in accounts.indices {
            let account = accounts[index]
            guard account.isEnabled else {
                census.disabled += 1
                continue
            }
            guard model.isAbsent || account.models.allow(model) else {
                census.otherModels += 1
                continue
            }
            if !account.isHealthy {
                let cooling = account.cooling
                let now = now()
                guard !cooling.isCooling(at: now) else {
                    census.cooling += 1
                    census.soonest = min(census.soonest, cooling.until - now)
                    continue
                }
            }
            if let concurrency = account.concurrency, account.load >= concurrency {
                census.full += 1
                continue
            }
            // Untried before tried, then the smaller priority.
            let wasTried = tried.contains(index)
            if wasTried != bestWasTried ? bestWasTried : account.priority < best {
                eligible.removeAll(keepingCapacity: true)
                best = account.priority
                bestWasTried = wasTried
            }
            if wasTried == bestWasTried, account.priority == best { eligible.append(index) }
        }
    }

    /// Of `eligible`, the one whose turn it is.
    private mutating func takeTurn() -> Int? {
        if strategy == .leastLoaded, eligible.count > 1 { keepLeastLoaded() }
        guard var chosen = eligible.first else { return nil }
        var round = 0
        for index in eligible {
            round += accounts[index].weight
            credit[index] += accounts[index].weight
            if credit[index] > credit[chosen] { chosen = index }
        }
        credit[chosen] -= round
        return chosen
    }

    /// Leaves the accounts with the smallest load for their weight.
    private mutating func keepLeastLoaded() {
        var best = eligible[0]
        var bestLoad = accounts[best].load
        var kept = 0
        for place in eligible.indices {  // not over `eligible`, which would be copied when it changes
            let index = eligible[place]
            // load / weight compared without division.
            let load = accounts[index].load
            let difference = load * accounts[best].weight - bestLoad * accounts[index].weight
            if difference > 0 { continue }
            if difference < 0 {
                best = index
                bestLoad = load
                kept = 0
            }
            eligible[kept] = index  // kept never runs ahead of the place that is read
            kept += 1
        }
        eligible.removeSubrange(kept...)
    }
}
