// What is remembered of places that do not answer, after a list of events.

import Testing

@testable import GatewayHost

@Suite struct DialMemoryTests {
    private let place = DialMemory.Place(host: "a.example", port: 443, proxy: [])
    private let silence = UpstreamFault(.timeoutConnect, "no connection to a.example:443 within 10000 ms")

    private func at(_ milliseconds: Int) -> Instant { Instant(nanoseconds: 1).adding(milliseconds: milliseconds) }

    @Test func aPlaceThatIsSilentIsToldAtOnceAndTriedByOneAtATime() {
        var memory = DialMemory()
        #expect(memory.refusal(of: place, at: at(0)) == nil)
        var now = 0
        var rests: [Int] = []
        for _ in 0..<6 {
            memory.failed(place, silence, at: at(now), chance: 0)
            // Others that had been dialled at the same time end, too.
            memory.failed(place, silence, at: at(now), chance: 7)
            #expect(memory.refusal(of: place, at: at(now))?.sentence.hasSuffix("within 10000 ms a moment ago") == true)
            var rest = 0
            while memory.refusal(of: place, at: at(now + rest)) != nil { rest += 250 }
            rests.append(rest)
            now += rest
            // That one finds out; others need not wait for it.
            #expect(memory.refusal(of: place, at: at(now))?.sentence.hasSuffix("another connection is being tried") == true)
        }
        #expect(rests == [750, 1500, 3000, 6000, 11_250, 11_250])
        memory.succeeded(place)
        #expect(memory.count == 0 && memory.refusal(of: place, at: at(now)) == nil)
    }

    @Test(arguments: [(0, 750), (1, 751), (250, 1000), (251, 750), (UInt64.max, 750 + Int(UInt64.max % 251))])
    func chanceTakesAQuarterAtMost(chance: UInt64, rest: Int) {
        var memory = DialMemory()
        memory.failed(place, silence, at: at(0), chance: chance)
        #expect(memory.refusal(of: place, at: at(rest - 1)) != nil && memory.refusal(of: place, at: at(rest)) == nil)
    }

    @Test func aProbeThatIsNotHeardOfIsForgotten() {
        var memory = DialMemory()
        memory.failed(place, silence, at: at(0), chance: 0)
        #expect(memory.refusal(of: place, at: at(1000)) == nil)
        #expect(memory.refusal(of: place, at: at(1000 + DialMemory.probeMilliseconds - 1)) != nil)
        #expect(memory.refusal(of: place, at: at(1000 + DialMemory.probeMilliseconds)) == nil)
    }

    @Test(arguments: [UpstreamFault.Kind.connect, .proxy, .tls, .closed])
    func whatIsAnAnswerIsNotRemembered(kind: UpstreamFault.Kind) {
        var memory = DialMemory()
        memory.failed(place, UpstreamFault(kind, "refused"), at: at(0), chance: 0)
        #expect(memory.refusal(of: place, at: at(0)) == nil)
        memory.failed(place, silence, at: at(0), chance: 0)
        memory.failed(place, UpstreamFault(kind, "refused"), at: at(1), chance: 0)
        #expect(memory.refusal(of: place, at: at(2)) == nil, "it answers again")
    }

    @Test func placesAreAloneAndBounded() {
        var memory = DialMemory()
        memory.failed(place, silence, at: at(0), chance: 0)
        var other = place
        other.proxy = Array("socks5h://p:1".utf8)
        #expect(memory.refusal(of: other, at: at(1)) == nil)
        for number in 0..<2 * DialMemory.limit {
            memory.failed(DialMemory.Place(host: "h\(number)", port: 1, proxy: []), silence, at: at(number), chance: 0)
        }
        #expect(memory.count <= DialMemory.limit)
    }
}
