// Which account takes a request, why the others do not, and how many are looked at.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct SelectionTests {
    /// Accounts of a test and one worker's choice among them.
    private final class Bench {
        let pool = AccountPool(workers: 1, key: (1, 2))
        var members: [Member] = []
        var picking: Picking
        var clock: UInt64 = 1_000
        var last = Decision()

        init(
            _ count: Int, strategy: SelectionStrategy = .roundRobin, concurrency: Int = Standing.unlimited,
            _ change: (Int, inout Member) -> Void = { _, _ in }
        ) {
            for number in 0..<count {
                var member = Member(standing: pool.standing("a\(number)", concurrency: concurrency))
                change(number, &member)
                members.append(member)
            }
            picking = Picking(pool, Roster(members), strategy, start: 0)
        }

        func route(_ wanted: String? = nil, model: String? = nil) -> Route {
            (wanted ?? "").withBytes { words in
                (model ?? "").withBytes {
                    picking.route(wanted: wanted == nil ? .absent : words, model: model == nil ? .absent : $0)
                }
            }
        }

        /// The name of the account that takes a request; "-" for none.
        @discardableResult
        func pick(_ pick: inout Pick, _ route: Route? = nil) -> String {
            last = Decision()
            let route = route ?? self.route()
            guard picking.pick(&pick, route, now: { self.clock }, &last) != nil else { return "-" }
            return pick.standing!.takeUnretainedValue().id
        }

        /// One request that ends at once.
        @discardableResult
        func serve(_ route: Route? = nil, scope: LimitScope = .opus) -> String {
            var pick = Pick()
            pick.scope = scope
            let name = self.pick(&pick, route)
            picking.giveBack(&pick, now: { self.clock })
            return name
        }

        func cool(_ number: Int, _ scope: LimitScope = .account, seconds: UInt64 = 60) {
            members[number].standing.change(scope) {
                $0.failed(
                    .rateLimited, at: clock, asked: AskedWait(milliseconds: seconds * 1000, source: .retryAfter),
                    cap: 3_600_000, chance: 0)
            }
        }
    }

    // MARK: Turns

    @Test func roundRobinGivesEqualTurnsAndWeightedByWeight() {
        let weights = [3, 1, 1]
        let equal = Bench(3) { $1.weight = weights[$0] }
        #expect((0..<6).map { _ in equal.serve() } == ["a0", "a1", "a2", "a0", "a1", "a2"])
        let weighted = Bench(3, strategy: .weighted) { $1.weight = weights[$0] }
        let turns = (0..<10).map { _ in weighted.serve() }
        #expect(turns == ["a0", "a0", "a1", "a0", "a2", "a0", "a0", "a1", "a0", "a2"])
    }

    @Test func turnsByWeightAreSpreadAndBounded() {
        #expect(Route.slots([2, 2, 2]) == [0, 1, 2])
        for weights in [[1, 1000], [5, 3, 1], [1], [1000, 1000, 999], Array(repeating: 1000, count: 1000)] {
            let slots = Route.slots(weights)
            #expect(slots.count <= 4096 && Set(slots).count == weights.count)
        }
        let slots = Route.slots((1...1000).map { $0 })
        #expect(slots.count <= 5096 && Set(slots).count == 1000)
    }

    @Test func leastLoadedIsExactAmongFew() {
        let bench = Bench(2, strategy: .leastLoaded) { $1.weight = 2 - $0 }
        var running: [Pick] = []
        for _ in 0..<6 {
            var pick = Pick()
            bench.pick(&pick)
            running.append(pick)
        }
        #expect(bench.members.map(\.standing.load) == [4, 2])
        for var pick in running { bench.picking.giveBack(&pick, now: { 0 }) }
        #expect(bench.members.map(\.standing.load) == [0, 0])
        #expect(Set((0..<3).map { _ in bench.serve() }) == ["a0", "a1"], "idle ones take turns")
    }

    @Test func leastLoadedIsNearlyEvenAmongMany() {
        let bench = Bench(1_000, strategy: .leastLoaded)
        var running: [Pick] = []
        for _ in 0..<10_000 {
            var pick = Pick()
            bench.pick(&pick)
            running.append(pick)
        }
        let loads = bench.members.map(\.standing.load)
        #expect(loads.min()! >= 8 && loads.max()! <= 12, "\(loads.min()!) to \(loads.max()!)")
    }

    @Test func extremeWeightsStarveNobody() {
        let bench = Bench(3, strategy: .leastLoaded) { $1.weight = $0 == 0 ? 1000 : 1 }
        #expect(Set((0..<2_100).map { _ in bench.serve() }) == ["a0", "a1", "a2"])
    }

    // MARK: Who may

    @Test func smallerPrioritiesComeFirst() {
        let bench = Bench(4) { $1.priority = $0 < 2 ? 90 : 10 }
        #expect(Set((0..<4).map { _ in bench.serve() }) == ["a2", "a3"])
        bench.cool(2)
        bench.cool(3)
        #expect(Set((0..<4).map { _ in bench.serve() }) == ["a0", "a1"])
    }

    @Test func theFirstUsableGroupWins() {
        let groups = [[], ["x"], ["x", "y"], ["y"]]
        let bench = Bench(4) {
            $1.groups = groups[$0]
            $1.priority = 100 - $0
        }
        #expect(bench.serve() == "a3", "a key without groups has all, the smallest priority first")
        #expect(bench.serve(bench.route("x")) == "a2")
        #expect(bench.serve(bench.route("y x")) == "a3")
        bench.cool(3)
        #expect(bench.serve(bench.route("y x")) == "a2")
        bench.cool(2)
        #expect(bench.serve(bench.route("y x")) == "a1", "the second group, when the first has nobody")
        bench.cool(1)
        #expect(bench.serve(bench.route("y x")) == "-")
        #expect(bench.serve(bench.route("unknown")) == "-")
        #expect(bench.last.count(.otherGroups) == 4)
    }

    @Test func aDedicatedAccountServesItsKeysAndNobodyElse() {
        let bench = Bench(3) {
            $1.isDedicated = $0 == 1
            $1.groups = ["x"]
        }
        #expect(Set((0..<6).map { _ in bench.serve() }) == ["a0", "a2"])
        #expect(bench.last.count(.dedicated) == 1)
        #expect(Set((0..<6).map { _ in bench.serve(bench.route("x")) }) == ["a0", "a2"], "not through its groups either")
        #expect(bench.serve(bench.route("a1")) == "a1")
        #expect(bench.last.why == .ownAccount)
        bench.cool(1)
        #expect(bench.serve(bench.route("a1")) == "-", "its key never falls through to others")
        #expect(bench.last.count(.cooling) == 1 && bench.last.count(.otherGroups) == 2)
        #expect(bench.serve(bench.route("a1 x")) == "a0", "unless the key says so")
        #expect(bench.serve(bench.route("gone")) == "-")
    }

    @Test func accountsServeTheModelsTheySay() throws {
        let haiku = try ModelPatterns(Settings(JSON.list([.text("claude-haiku-*")])))
        let bench = Bench(2) { if $0 == 0 { $1.models = haiku } }
        #expect(Set((0..<4).map { _ in bench.serve(bench.route(model: "claude-haiku-4-5")) }) == ["a0", "a1"])
        #expect(Set((0..<4).map { _ in bench.serve(bench.route(model: "claude-opus-5-5")) }) == ["a1"])
        #expect(bench.last.count(.otherModels) == 1)
        let off = Bench(2) { $1.isEnabled = $0 == 1 }
        #expect(off.serve() == "a1" && off.last.count(.switchedOff) == 1 && off.last.why == .onlyOne)
    }

    @Test func kindsOfModelsAreAsManyAsTheRules() throws {
        let haiku = try ModelPatterns(Settings(JSON.list([.text("claude-haiku-*")])))
        let bench = Bench(3) { if $0 == 0 { $1.models = haiku } }
        let routes = (0..<1_000).map { bench.route(model: "made-up-\($0)") }
        #expect(Set(routes.map(ObjectIdentifier.init)).count == 1)
        #expect(bench.route(model: "claude-haiku-9") !== routes[0])
    }

    // MARK: How they stand

    @Test func aFamilyThatCoolsLeavesTheOthers() {
        let bench = Bench(2)
        bench.cool(0, .opus)
        #expect(Set((0..<4).map { _ in bench.serve(scope: .opus) }) == ["a1"])
        #expect(Set((0..<4).map { _ in bench.serve(scope: .haiku) }) == ["a0", "a1"])
        bench.cool(1, .account)
        #expect(bench.serve(scope: .opus) == "-" && bench.picking.selection.shortage.cooling == 2)
        #expect(bench.serve(scope: .haiku) == "a0")
    }

    @Test func whoCameBackIsProbedByOneRequest() {
        let bench = Bench(2)
        bench.cool(0)
        bench.clock += 60_000
        var probe = Pick()
        while bench.pick(&probe) != "a0" { bench.picking.giveBack(&probe, now: { bench.clock }) }
        #expect(probe.isProbe)
        #expect(Set((0..<4).map { _ in bench.serve() }) == ["a1"])
        bench.picking.succeeded(&probe, now: { bench.clock })
        #expect(Set((0..<4).map { _ in bench.serve() }) == ["a0", "a1"])
    }

    @Test func aFullAccountIsPassedOver() {
        let bench = Bench(2, concurrency: 1)
        var first = Pick()
        var second = Pick()
        #expect(bench.pick(&first) != bench.pick(&second))
        #expect(bench.serve() == "-")
        #expect(bench.picking.selection.shortage == Shortage(cooling: 0, full: 2, probing: 0, soonest: .max))
        bench.picking.giveBack(&first, now: { 0 })
        #expect(bench.serve() == "a0")
    }

    @Test func whoIsNearlyExhaustedIsLeftAloneButNotTheLast() {
        let bench = Bench(2)
        var report = LimitReport()
        report.requests = .init(limit: 50, remaining: 2, reset: 160)
        bench.members[0].standing.reported(report, .opus, startedThen: 0, wall: 100, now: bench.clock)
        #expect((0..<6).map { _ in bench.serve() }.count { $0 == "a0" } == 2)
        #expect(bench.last.count(.nearlyExhausted) <= 1)
        #expect(bench.serve(scope: .haiku) == "a0" || bench.serve(scope: .haiku) == "a0", "the family alone")
        bench.cool(1)
        #expect(bench.serve() == "a0" && bench.last.why == .evenNearlyExhausted)
    }

    @Test func whatWasTriedComesLast() {
        let bench = Bench(3)
        var pick = Pick()
        let names = (0..<3).map { _ in
            defer { bench.picking.giveBack(&pick, now: { 0 }) }
            return bench.pick(&pick)
        }
        #expect(Set(names).count == 3)
        let another = bench.picking.hasAnother(pick, bench.route(), now: 0)
        #expect(!another)
        bench.pick(&pick)
        #expect(bench.last.why == .evenTried && bench.last.attempt == 4)
    }

    // MARK: Conversations

    private func conversation(_ bench: Bench, _ name: String) -> Pick {
        var pick = Pick()
        pick.scope = .opus
        pick.conversation = name.withBytes { bench.pool.sticky.tag(tenant: "t", conversation: $0) }
        pick.hasConversation = true
        return pick
    }

    @Test func aConversationStaysWhereItIs() {
        let bench = Bench(5)
        var homes: [String] = []
        for round in 0..<4 {
            for number in 0..<20 {
                var pick = conversation(bench, "c\(number)")
                let name = bench.pick(&pick)
                bench.picking.giveBack(&pick, now: { 0 })
                if round == 0 { homes.append(name) } else { #expect(homes[number] == name && bench.last.why == .sticky) }
            }
        }
        #expect(Set(homes).count == 5)
    }

    @Test func itGivesWayWhenItsAccountCoolsIsFullOrSlow() {
        let bench = Bench(2, concurrency: 2)
        var pick = conversation(bench, "c")
        #expect(bench.pick(&pick) == "a0")
        bench.picking.giveBack(&pick, now: { 0 })
        bench.cool(0, .opus)
        var moved = conversation(bench, "c")
        #expect(bench.pick(&moved) == "a1" && bench.last.gaveWay == PassedOver.cooling.rawValue)
        #expect(bench.last.bound == bench.members[0].standing.serial)
        var other = Pick()
        other.scope = .haiku
        while bench.members[1].standing.load < 2 { bench.pick(&other) }
        bench.clock += 60_000
        var back = conversation(bench, "c")
        #expect(bench.pick(&back) == "a0" && bench.last.gaveWay == PassedOver.full.rawValue)
        bench.picking.succeeded(&back, now: { bench.clock })
        bench.picking.giveBack(&back, now: { 0 })
        bench.picking.giveBack(&moved, now: { 0 })
        for _ in 0..<60 {
            bench.pool.peers.observed(400, .opus)
            bench.members[0].standing.observed(9_000, peers: bench.pool.peers[.opus])
        }
        var slow = conversation(bench, "c")
        #expect(bench.pick(&slow) == "a1" && bench.last.gaveWay == PassedOver.slow.rawValue)
    }

    @Test func aConversationLeavesAnAccountThatItsKeyMayNotUseAnyMore() {
        let bench = Bench(3) { $1.groups = $0 == 0 ? ["x"] : ["y"] }
        var pick = conversation(bench, "c")
        #expect(bench.pick(&pick, bench.route("x y")) == "a0")
        var later = conversation(bench, "c")
        #expect(bench.pick(&later, bench.route("y")) != "a0")
        #expect(bench.last.gaveWay == PassedOver.otherGroups.rawValue)
    }

    // MARK: Cost

    @Test(arguments: SelectionStrategy.allCases) func aRequestLooksAtFewOfManyAccounts(strategy: SelectionStrategy) {
        let bench = Bench(1_000, strategy: strategy, concurrency: 50) { $1.weight = 1 + $0 % 7 }
        var looks: [Int] = []
        func serve() {
            bench.serve()
            looks.append(bench.picking.selection.looks)
        }
        for _ in 0..<500 { serve() }
        #expect(looks.max()! <= 4, "all are well")
        looks = []
        for number in 0..<1_000 where number % 3 != 0 { bench.cool(number, seconds: 600) }
        for _ in 0..<500 { serve() }
        let mean = looks.reduce(0, +) / looks.count
        #expect(mean <= 16, "two thirds rest: \(mean) looks")
        for number in 0..<1_000 { bench.cool(number, seconds: 600) }
        looks = []
        for _ in 0..<100 { serve() }
        #expect(looks.first! <= 1_016 && looks.dropFirst().max()! == 0, "all rest: one looks, the others know")
        #expect(bench.picking.selection.shortage.cooling == 1_000)
        bench.pool.reset(bench.members[500].standing, now: bench.clock)
        #expect(bench.serve() == "a500", "somebody came back before its time")
    }

    @Test func aConversationCostsOneLook() {
        let bench = Bench(1_000, strategy: .leastLoaded)
        for number in 0..<50 {
            var pick = conversation(bench, "c\(number)")
            bench.pick(&pick)
            var again = conversation(bench, "c\(number)")
            bench.pick(&again)
            #expect(bench.picking.selection.looks == 1)
        }
    }

    // MARK: The trail

    @Test func theTrailSaysWhyThisOneAndWhyNotThatOne() {
        let bench = Bench(5, concurrency: 1) { if $0 == 3 { $1.isDedicated = true } }
        bench.cool(0, .opus, seconds: 30)
        var busy = Pick()
        busy.scope = .haiku
        while bench.pick(&busy) != "a1" { bench.picking.giveBack(&busy, now: { 0 }) }
        bench.serve()
        let json = bench.last.json { bench.pool.standing(serial: $0)?.id }
        #expect(json.contains(#""account":"a2","why":"turn","scope":"opus""#), "\(json)")
        #expect(json.contains(#"{"account":"a0","reason":"cooling","trouble":"rate_limited","of":"opus","for_seconds":30}"#))
        #expect(json.contains(#"{"account":"a1","reason":"full"}"#) && json.contains(#"{"account":"a4","reason":"not_its_turn"}"#))
        #expect(json.contains(#""counts":{"dedicated":1,"cooling":1,"full":1,"not_its_turn":1},"looks":4"#), "\(json)")
        #expect(json.withBytes { (try? JSON(parsing: $0)) != nil })
    }

    @Test func theRingKeepsTheLastDecisions() {
        let ring = DecisionRing(capacity: 4)
        var places: [Int] = []
        for number in UInt64(1)...6 {
            var decision = Decision()
            decision.request = number / 2
            decision.attempt = UInt8(number)
            places.append(ring.append(decision))
        }
        #expect(ring.find(1).map(\.attempt) == [3] && ring.find(3).map(\.attempt) == [6] && ring.find(0).isEmpty)
        ring.finish(places[4], request: 2, attempt: 5, status: 429)
        ring.finish(places[0], request: 0, attempt: 1, status: 500)  // overwritten meanwhile
        #expect(ring.find(2).map(\.outcome.status) == [-1, 429])
    }
}
