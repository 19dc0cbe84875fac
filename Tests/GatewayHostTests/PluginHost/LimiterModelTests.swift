// The limiter against LimiterReference: the same random operations, the same answers.

import PluginABI
import Testing

@testable import GatewayHost

@Suite struct LimiterModelTests {
    private struct Held {
        var node: LimiterNode
        var kind: gw_demand_kind
        var amount: Int64
        var window: UInt64
        var number: Int
    }

    @Test func hundredsOfStepsAnswerAsTheReferenceDoes() {
        let seed = UInt64.random(in: 0 ... .max)
        for round in 0..<6 where !walk(seed &+ UInt64(round)) {
            Issue.record("it differs with the seed \(seed &+ UInt64(round))")
            return
        }
    }

    /// Seeds that once found something.
    @Test(arguments: [UInt64(1), 2, 3, 42])
    func theseSeedsToo(seed: UInt64) { #expect(walk(seed)) }

    /// - Returns: whether all answers were the same.
    private func walk(_ seed: UInt64) -> Bool {
        var random = SplitMix(state: seed)
        let store = LimiterStore()
        var reference = LimiterReference()
        var held: [Held] = []
        var monotonic: UInt64 = .random(in: 0...100_000, using: &random)
        var wall: UInt64 = 1_700_000_000_000
        let names = ["a", "b", "c"]
        for step in 0..<700 {
            let passes = [UInt64(0), 0, 1, 50, 3_000, 40_000, 200_000].randomElement(using: &random)!
            let passed = passes == 0 ? 0 : UInt64.random(in: 0...passes, using: &random)
            monotonic += passed
            wall += passed
            if !held.isEmpty, Int.random(in: 0..<10, using: &random) < 4 {
                let one = held.remove(at: Int.random(in: 0..<held.count, using: &random))
                if one.kind == GW_DEMAND_LEASE {
                    store.release(lease: one.amount, of: one.node)
                    reference.release(one.number)
                } else {
                    let spent = Int64.random(in: 0...(2 * one.amount + 3), using: &random)
                    store.settle(reserved: one.amount, in: one.window, spent: spent, of: one.node)
                    reference.settle(one.number, spent)
                }
                continue
            }
            let demands = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                LimiterReference.Demand.any(names.randomElement(using: &random)!, wall, &random)
            }
            let (expected, numbers) = reference.take(demands, monotonic: monotonic, wall: wall)
            let answer = take(store, demands, monotonic, wall, numbers, &held)
            if answer != expected {
                Issue.record("seed \(seed), step \(step): \(demands) gave \(answer), and \(expected) is right")
                return false
            }
        }
        return true
    }

    private func take(
        _ store: LimiterStore, _ demands: [LimiterReference.Demand], _ monotonic: UInt64, _ wall: UInt64, _ numbers: [Int],
        _ held: inout [Held]
    ) -> LimiterReference.Answer {
        let keys = demands.map { Array($0.key.utf8) }
        var grants = [gw_grant](repeating: gw_grant(), count: demands.count)
        var outcome = LimiterStore.Outcome.full
        var taken: [Held] = []
        keys.withBytesOfAll { keys in
            var copies = demands.enumerated().map { index, demand -> LimiterDemand in
                let isEndless = demand.period.upperBound == .max
                let length =
                    demand.kind == GW_DEMAND_BUDGET
                    ? (isEndless ? 0 : demand.period.upperBound - demand.period.lowerBound) : demand.length
                let before: BudgetWindow.Before =
                    if let amount = demand.before {
                        if let time = demand.beforeAt { .spent(amount, at: time) } else { .nothing }
                    } else {
                        .unknown
                    }
                return LimiterDemand(
                    kind: demand.kind, key: keys[index], cost: demand.cost, limit: demand.limit, periodMilliseconds: length,
                    period: BudgetPeriod(start: demand.period.lowerBound, end: demand.period.upperBound), before: before)
            }
            copies.withUnsafeMutableBufferPointer { copies in
                grants.withUnsafeMutableBufferPointer { grants in
                    outcome = store.take(
                        copies, namespace: 1, time: LimiterTime(monotonicNanoseconds: monotonic * 1_000_000, wallMilliseconds: wall),
                        grants: grants
                    ) { node, index in
                        taken.append(
                            Held(
                                node: node, kind: copies[index].kind, amount: copies[index].cost, window: copies[index].window,
                                number: index < numbers.count ? numbers[index] : -1))
                    }
                }
            }
        }
        held += taken
        let shown = grants.map {
            LimiterReference.Grant(remaining: $0.remaining, reset: $0.reset_ms, retry: $0.retry_after_ms, spent: $0.spent)
        }
        switch outcome {
        case .granted: return .granted(shown)
        case .refused(let first): return .refused(first, shown)
        case .unknown(let first): return .unknown(first)
        case .full: return .unknown(-1)
        }
    }
}

extension [[UInt8]] {
    /// Runs `body` with a view of each.
    fileprivate func withBytesOfAll(_ body: ([Bytes]) -> Void) {
        func next(_ index: Int, _ views: [Bytes]) {
            if index == count { return body(views) }
            self[index].withUnsafeBytes { next(index + 1, views + [Bytes($0)]) }
        }
        next(0, [])
    }
}
