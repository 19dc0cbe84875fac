// gw.limiter/1 over Redis against LimiterReference, which memory is held against as well: the same random operations, the
// same answers. And what only Redis does: names, expiry, renewal, settling twice.

import PluginABI
import Testing

@testable import GatewayHost

@Suite struct SharedLimiterTests {
    private final class Desk {
        let lab: LoopRedisLab
        let settings: SharedStoreSettings
        var number = 0

        init() throws {
            lab = try LoopRedisLab()
            lab.up()
            settings = SharedStoreSettings(lab.client.settings, prefix: "gw", node: "n1")
        }

        func demand(
            _ kind: gw_demand_kind, _ key: String, cost: Int64, limit: Int64, length: UInt64 = 0,
            period: BudgetPeriod = .forEver, before: BudgetWindow.Before = .nothing
        ) -> SharedDemand {
            Array(key.utf8).withUnsafeBytes {
                SharedDemand(
                    LimiterDemand(
                        kind: kind, key: Bytes($0), cost: cost, limit: limit, periodMilliseconds: length, period: period,
                        before: before), settings, instance: "limits")
            }
        }

        func take(_ demands: [SharedDemand], at time: UInt64?, lifetime: Int = 1 << 40) -> (SharedAnswer?, [SharedHolding]) {
            number += 1
            let id = Array("n1.0.\(number)".utf8)
            var answer: SharedAnswer?
            let words = lab.ask(SharedAnswer.question(demands, id: id, time: time, lifetime: lifetime)) {
                answer = SharedAnswer($0, demands, now: time ?? 0)
            }
            if answer == nil { Issue.record("Redis answered \(words)") }
            return (answer, answer?.holdings(demands, id: id) ?? [])
        }

        @discardableResult
        func give(_ holding: SharedHolding, spent: Int64 = 0, at time: UInt64?) -> String {
            lab.ask(SharedAnswer.giving(holding, spent: spent, time: time))
        }
    }

    @Test func aThousandStepsAnswerAsTheReferenceDoes() throws {
        let desk = try Desk()
        let seed = UInt64.random(in: 0 ... .max)
        for round in 0..<4 where !walk(desk, seed &+ UInt64(round)) {
            Issue.record("it differs with the seed \(seed &+ UInt64(round))")
            return
        }
    }

    /// - Returns: whether all answers were the same.
    private func walk(_ desk: Desk, _ seed: UInt64) -> Bool {
        desk.lab.ask("FLUSHALL")
        var random = SplitMix(state: seed)
        var reference = LimiterReference()
        var held: [(holding: SharedHolding, number: Int)] = []
        var now: UInt64 = 1_700_000_000_000
        for step in 0..<1000 {
            let passes = [UInt64(0), 0, 1, 50, 3_000, 40_000, 200_000].randomElement(using: &random)!
            now += passes == 0 ? 0 : UInt64.random(in: 0...passes, using: &random)
            if !held.isEmpty, Int.random(in: 0..<10, using: &random) < 4 {
                let (holding, number) = held.remove(at: Int.random(in: 0..<held.count, using: &random))
                let spent = holding.kind == GW_DEMAND_LEASE ? 0 : Int64.random(in: 0...(2 * holding.amount + 3), using: &random)
                desk.give(holding, spent: spent, at: now)
                // Twice is once.
                if Bool.random(using: &random) { desk.give(holding, spent: spent, at: now) }
                if holding.kind == GW_DEMAND_LEASE { reference.release(number) } else { reference.settle(number, spent) }
                continue
            }
            let demands = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                LimiterReference.Demand.any(["a", "b", "c"].randomElement(using: &random)!, now, &random)
            }
            let (expected, numbers) = reference.take(demands, monotonic: now, wall: now)
            let (answer, holdings) = desk.take(demands.map { shared($0, desk) }, at: now)
            guard let answer, Self.shown(answer) == expected else {
                let shown = answer.map { "\(Self.shown($0))" } ?? "nothing"
                Issue.record("seed \(seed), step \(step): \(demands) gave \(shown), and \(expected) is right")
                return false
            }
            let kept = demands.indices.filter { demands[$0].kind != GW_DEMAND_RATE }
            for (holding, index) in zip(holdings, kept) { held.append((holding, numbers[index])) }
        }
        return true
    }

    private func shared(_ demand: LimiterReference.Demand, _ desk: Desk) -> SharedDemand {
        let isEndless = demand.period.upperBound == .max
        let length =
            demand.kind == GW_DEMAND_BUDGET ? (isEndless ? 0 : demand.period.upperBound - demand.period.lowerBound) : demand.length
        let before: BudgetWindow.Before =
            if let amount = demand.before {
                if let time = demand.beforeAt { .spent(amount, at: time) } else { .nothing }
            } else {
                .unknown
            }
        return desk.demand(
            demand.kind, demand.key, cost: demand.cost, limit: demand.limit, length: length,
            period: BudgetPeriod(start: demand.period.lowerBound, end: demand.period.upperBound), before: before)
    }

    private static func shown(_ answer: SharedAnswer) -> LimiterReference.Answer {
        let grants = answer.grants.map {
            LimiterReference.Grant(remaining: $0.remaining, reset: $0.reset_ms, retry: $0.retry_after_ms, spent: $0.spent)
        }
        switch answer.outcome {
        case .granted: return .granted(grants)
        case .refused(let first): return .refused(first, grants)
        case .unknown(let first): return .unknown(first)
        case .full: return .unknown(-1)
        }
    }

    /// Rates with limits that change, beside RateWindow itself.
    @Test func ratesAreExactWhateverTheirSize() throws {
        let desk = try Desk()
        for (name, limits, period) in [
            ("small", [3, 5, 2, 0, 7], 60_000), ("large", [1_000_000, 900_000, 1_100_000], 86_400_000),
            ("month", [1_500_000], 30 * 86_400_000), ("brief", [1, 2], 1),
        ] as [(String, [Int64], UInt64)] {
            var window = RateWindow()
            var random = SplitMix(state: 7)
            var now: UInt64 = 1_700_000_000_000
            for step in 0..<150 {
                now += .random(in: 0...(period / 5 + 1), using: &random)
                let limit = limits.randomElement(using: &random)!
                let cost = Int64.random(in: 0...(limit / 2 + 1), using: &random)
                let (answer, _) = desk.take([desk.demand(GW_DEMAND_RATE, name, cost: cost, limit: limit, length: period)], at: now)
                var here = window.take(
                    cost: cost, limit: limit, periodNanoseconds: period * 1_000_000, now: now * 1_000_000)
                if !here.isGranted {
                    here = window.take(
                        cost: cost, limit: limit, periodNanoseconds: period * 1_000_000, now: now * 1_000_000, keeping: false)
                }
                let grant = try #require(answer?.grants.first)
                let isSame =
                    (answer?.outcome == .granted) == here.isGranted && grant.remaining == here.remaining
                    && grant.reset_ms == (here.resetNanoseconds + 999_999) / 1_000_000
                    && grant.retry_after_ms == (here.retryNanoseconds + 999_999) / 1_000_000
                #expect(isSame, "\(name) \(step): \(grant) \(here)")
                if !isSame { return }
            }
        }
    }

    @Test func whatIsTooLargeForTheNumbersOfScriptsGrantsLessAndNeverMore() throws {
        let desk = try Desk()
        let limit: Int64 = 1 << 50
        let day: UInt64 = 86_400_000
        func take(_ cost: Int64) throws -> SharedAnswer {
            try #require(desk.take([desk.demand(GW_DEMAND_RATE, "huge", cost: cost, limit: limit, length: day)], at: 1_700_000_000_000).0)
        }
        let half = try take(limit / 2)
        #expect(half.outcome == .granted && half.grants[0].remaining <= limit / 2)
        #expect(half.grants[0].remaining > limit / 2 - limit / 1_000_000)
        #expect(try take(limit / 2 + 1).outcome == .refused(first: 0))
        #expect(try take(limit / 2 - limit / 1_000_000).outcome == .granted)
        #expect(try take(limit + 1).grants[0].retry_after_ms == 0)
    }

    @Test func aNodeThatDiesFreesWhatItHeld() throws {
        let desk = try Desk()
        let now: UInt64 = 1_700_000_000_000
        func lease() -> [SharedDemand] { [desk.demand(GW_DEMAND_LEASE, "l", cost: 2, limit: 3)] }
        let (first, held) = desk.take(lease(), at: now, lifetime: 15_000)
        #expect(first?.outcome == .granted)
        #expect(desk.take(lease(), at: now + 15_000 - 1, lifetime: 15_000).0?.outcome == .refused(first: 0))
        // Somebody who lives renews.
        var renew = RedisScriptCall(SharedScripts.renew, keys: 1, words: 4)
        renew.add(held[0].holdings)
        renew.add(now + 10_000)
        renew.add(15_000)
        renew.add(held[0].kind.rawValue)
        renew.add(held[0].member)
        #expect(desk.lab.ask(renew) == "1")
        #expect(desk.take(lease(), at: now + 24_999, lifetime: 15_000).0?.outcome == .refused(first: 0))
        #expect(desk.take(lease(), at: now + 25_000, lifetime: 15_000).0?.outcome == .granted)
        // It comes too late and takes nothing away.
        #expect(desk.give(held[0], at: now + 25_001) == "0")
        #expect(desk.take(lease(), at: now + 25_002, lifetime: 15_000).0?.outcome == .refused(first: 0))
        // After a restart without its memory a renewal holds again what is held.
        desk.lab.ask("FLUSHALL")
        #expect(desk.lab.ask(renew) == "1")
        #expect(desk.take(lease(), at: now + 11_000).0?.outcome == .refused(first: 0))
    }

    @Test(arguments: [GW_DEMAND_BUDGET, GW_DEMAND_WINDOW])
    func aReservationThatExpiredIsStillSettledOnce(kind: gw_demand_kind) throws {
        let desk = try Desk()
        let now: UInt64 = 1_700_000_000_000
        let length: UInt64 = kind == GW_DEMAND_WINDOW ? 3_600_000 : 0
        func reserve(_ cost: Int64) -> [SharedDemand] { [desk.demand(kind, "b", cost: cost, limit: 100, length: length)] }
        let (_, held) = desk.take(reserve(60), at: now, lifetime: 15_000)
        #expect(desk.take(reserve(60), at: now + 1, lifetime: 15_000).0?.outcome == .refused(first: 0))
        let (after, _) = desk.take(reserve(0), at: now + 20_000, lifetime: 15_000)
        #expect(after?.grants[0].remaining == 100)
        #expect(desk.give(held[0], spent: 25, at: now + 20_001) == "1")
        #expect(desk.give(held[0], spent: 25, at: now + 20_002) == "0")
        let (end, _) = desk.take(reserve(0), at: now + 20_003, lifetime: 15_000)
        #expect(end?.grants[0].spent == 25 && end?.grants[0].remaining == 75)
    }

    @Test func whatWasSpentWhileRedisWasAwayCountsOnce() throws {
        let desk = try Desk()
        let now: UInt64 = 1_700_000_000_000
        let day = BudgetPeriod(start: now - 1000, end: now + 86_400_000)
        func budget(_ cost: Int64, _ before: BudgetWindow.Before = .unknown) -> SharedDemand {
            desk.demand(GW_DEMAND_BUDGET, "b", cost: cost, limit: 100, length: 1, period: day, before: before)
        }
        func tell(_ number: Int, spent: Int64, window: UInt64) -> String {
            let holding = SharedHolding(budget(10), id: Array("n2.0.7".utf8), number: number, window: Int64(window), isTakenAlone: true)
            return desk.lab.ask(SharedAnswer.telling(holding, spent: spent, time: now))
        }
        // Nobody knows what was spent: the ledger will say it, this included.
        #expect(tell(1, spent: 7, window: day.start) == "0")
        #expect(desk.take([budget(10)], at: now).0?.outcome == .unknown(first: 0))
        let (first, _) = desk.take([budget(10, .spent(20, at: now))], at: now)
        #expect(first?.outcome == .granted && first?.grants[0].spent == 20)
        #expect(tell(2, spent: 30, window: day.start) == "1")
        #expect(tell(2, spent: 30, window: day.start) == "0", "it was sent twice")
        #expect(tell(3, spent: 30, window: day.start - 86_400_000) == "0", "that period is over")
        let (second, _) = desk.take([budget(0)], at: now + 1)
        #expect(second?.grants[0].spent == 50 && second?.grants[0].remaining == 40)
        // What is left behind counts for nothing when it expires.
        let (third, _) = desk.take([budget(0)], at: now + UInt64(LimiterScript.tombstoneMilliseconds) + 2)
        #expect(third?.grants[0].spent == 50 && third?.grants[0].remaining == 40)
    }

    @Test func allKeysOfATakeHaveOneHashTag() throws {
        let desk = try Desk()
        let (answer, _) = desk.take(
            [
                desk.demand(GW_DEMAND_RATE, "key:a", cost: 1, limit: 5, length: 60_000),
                desk.demand(GW_DEMAND_LEASE, "group:b", cost: 1, limit: 5),
                desk.demand(GW_DEMAND_BUDGET, "key:a", cost: 1, limit: 5),
            ], at: nil)
        #expect(answer?.outcome == .granted)
        let keys = desk.lab.ask("KEYS", "*").dropFirst().dropLast().split(separator: " ")
        #expect(!keys.isEmpty && keys.allSatisfy { $0.hasPrefix("gw:{limits}:") })
        // Nothing that expires stays for ever.
        for key in keys where !key.contains(":l:2.") { #expect(Int(desk.lab.ask("PTTL", String(key)))! > 0, "\(key)") }
    }

    @Test func nodesAreCounted() throws {
        let desk = try Desk()
        func beat(_ node: String, at time: UInt64) -> String {
            var call = RedisScriptCall(SharedScripts.nodes, keys: 1, words: 3)
            call.add(Array("gw:nodes".utf8))
            call.add(time)
            call.add(15_000)
            call.add(Array(node.utf8))
            return desk.lab.ask(call)
        }
        #expect(beat("a", at: 1000) == "1" && beat("b", at: 2000) == "2" && beat("a", at: 3000) == "2")
        #expect(beat("a", at: 17_001) == "1")
    }
}
