// Who may look a name up, by events.

import Testing

@testable import GatewayHost

@Suite struct LookupLineTests {
    @Test func ofOneNameAFewAtATimeAndOthersAreNotHeldUp() {
        var line = LookupLine<Int>(limit: 2)
        func begins(_ name: String, _ number: Int) -> Bool { line.begin(name, number) }
        func ended(_ name: String, isWanted: (Int) -> Bool = { _ in true }) -> Int? { line.ended(name, isWanted: isWanted) }
        #expect(begins("silent.example", 1) && begins("silent.example", 2))
        #expect(!begins("silent.example", 3) && !begins("silent.example", 4) && !begins("silent.example", 5))
        #expect(begins("other.example", 6))
        #expect(ended("silent.example") { $0 != 3 } == 4, "the third does not want it any more")
        #expect(ended("other.example") == nil)
        #expect(ended("silent.example") == 5)
        #expect(ended("silent.example") == nil)
        #expect(line.count == 1)
        #expect(ended("silent.example") == nil)
        #expect(line.count == 0 && begins("silent.example", 7))
    }

    @Test func thoseWhoWaitMayBeSentHome() {
        var line = LookupLine<Int>(limit: 1)
        let begun = (1...3).map { line.begin("a", $0) }
        #expect(begun == [true, false, false])
        let left = line.leave()
        #expect(left == [2, 3])
        let next = [line.ended("a", isWanted: { _ in true }), line.ended("nobody", isWanted: { _ in true })]
        #expect(next == [nil, nil] && line.count == 0)
    }

    @Test func whateverHappensTheLimitHoldsAndNobodyIsForgotten() {
        let seed = UInt64.random(in: 0 ... .max)
        var chance = seed
        func next(_ bound: Int) -> Int {
            chance = chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(chance >> 33) % bound
        }
        var line = LookupLine<Int>(limit: 3)
        var running: [String: [Int]] = [:]
        var waiting: [String: [Int]] = [:]
        for number in 0..<5_000 {
            let name = "n\(next(4))"
            if next(2) == 0 {
                if line.begin(name, number) { running[name, default: []].append(number) } else { waiting[name, default: []].append(number) }
            } else if let place = running[name]?.indices.randomElement() {
                running[name]?.remove(at: place)
                let expected = waiting[name]?.first
                let begins = line.ended(name, isWanted: { _ in true })
                #expect(begins == expected, "seed \(seed)")
                if let expected {
                    waiting[name]?.removeFirst()
                    running[name]?.append(expected)
                }
            }
            for (name, count) in running.mapValues(\.count) {
                #expect(count <= 3 && (waiting[name, default: []].isEmpty || count == 3), "seed \(seed)")
            }
        }
    }

    @Test func whatIsNewOfProxiesIsToldOnce() {
        let ways = ReopenedWays()
        var seen: UInt64 = 0
        func news() -> ReopenedWays.Told { ways.since(&seen) }
        #expect(news() == .nothing)
        ways.announce(Bytes("http://a:1"))
        ways.announce(Bytes("http://b:1"))
        #expect(news() == .these([Array("http://a:1".utf8), Array("http://b:1".utf8)]))
        #expect(news() == .nothing)
        let late = seen
        for _ in 0..<64 { ways.announce(Bytes("http://c:1")) }
        #expect(news() == .these(Array(repeating: Array("http://c:1".utf8), count: 64)))
        ways.announce(Bytes("http://d:1"))
        #expect(news() == .these([Array("http://d:1".utf8)]))
        seen = late
        #expect(news() == .all)
        #expect(news() == .nothing)
    }
}
