// How a proxy stands after a list of events, and which of several an attempt gets.

import PluginKit
import Testing

@testable import SOCKSProxyCore

@Suite struct ExitHealthTests {
    @Test func itRestsTwiceAsLongEachTime() {
        var health = ExitHealth()
        #expect(health.admission(at: 0) == .yes)
        var now: UInt64 = 1000
        var rests: [UInt64] = []
        for _ in 0..<10 {
            // A chance of 0 is the shortest rest: three quarters.
            health.failed(at: now, chance: 0)
            rests.append(health.until - now)
            #expect(health.admission(at: health.until - 1) == .no(until: health.until))
            now = health.until
            #expect(health.admission(at: now) == .asProbe)
            #expect(health.probeBegins(at: now) == now + ExitHealth.probeLimit)
            #expect(health.phase == .probing && health.admission(at: now) == .no(until: now + ExitHealth.probeLimit))
        }
        #expect(rests == [1500, 3000, 6000, 12_000, 24_000, 48_000, 96_000, 192_000, 225_000, 225_000])
        health.succeeded()
        #expect(health == ExitHealth() && health.admission(at: now) == .yes)
    }

    @Test(arguments: [0, 1, 499, 500, 501, UInt64.max])
    func chanceAddsAQuarterAtMost(chance: UInt64) {
        var health = ExitHealth()
        health.failed(at: 0, chance: chance)
        #expect((1500...2000).contains(health.until))
    }

    @Test func whatFailedTogetherCountsOnce() {
        var health = ExitHealth()
        for now in [UInt64(10), 11, 12] { health.failed(at: now, chance: 0) }
        #expect(health.failures == 1 && health.until == 1510)
    }

    @Test func aProbeThatIsNotHeardOfIsForgotten() {
        var health = ExitHealth()
        health.failed(at: 0, chance: 0)
        let probe = health.probeBegins(at: 2000)
        #expect(health.admission(at: 2000 + ExitHealth.probeLimit) == .asProbe)
        for other in [0, probe - 1] { health.probeLeft(other, at: 2400) }
        #expect(health.phase == .probing, "somebody else's end says nothing")
        health.probeLeft(probe, at: 2500)
        #expect(health.phase == .resting && health.admission(at: 2500) == .asProbe && health.failures == 1)
        var open = ExitHealth()
        open.probeLeft(probe, at: 1)
        #expect(open == ExitHealth())
    }
}

@Suite struct ExitRouteTests {
    private func route(_ count: Int) -> ExitRoute {
        ExitRoute((0..<count).map { Exit("socks5h://127.0.0.1:\(1000 + $0)".withBytes { ProxyURL($0)! }) })
    }

    @Test func itStaysWithTheOneThatWorks() {
        let route = route(3)
        #expect(route.pick(at: 0).place == 0)
        _ = route.exits[0].failed(at: 0, chance: 0)
        #expect(route.pick(at: 1, without: 1).place == 1)
        route.worked(1)
        // The first one is due again, but nobody's request is risked while another works.
        #expect(route.pick(at: 5000).place == 1 && route.exits[0].current.phase == .resting)
        _ = route.exits[1].failed(at: 5000, chance: 0)
        #expect(route.pick(at: 5001).place == 2)
        route.worked(2)
        _ = route.exits[2].failed(at: 5002, chance: 0)
        // Nobody is open: the first that is due is tried, by one request at a time.
        #expect(
            route.pick(at: 5003) == ExitRoute.Pick(place: 0, probe: 5003 + ExitHealth.probeLimit)
                && route.exits[0].current.phase == .probing)
        #expect(route.pick(at: 5004) == ExitRoute.Pick(place: 1), "the one whose rest ends first; never none")
        _ = route.exits[0].succeeded()
        route.worked(0)
        #expect(route.pick(at: 5005) == ExitRoute.Pick(place: 0))
    }

    @Test func whetherAnotherOneIsLeft() {
        let route = route(2)
        #expect(route.hasAnother(at: 0, without: 1) && !route.hasAnother(at: 0, without: 3))
        _ = route.exits[1].failed(at: 0, chance: 0)
        #expect(!route.hasAnother(at: 1, without: 1))
        #expect(route.hasAnother(at: 2000, without: 1), "its rest is over")
    }
}
