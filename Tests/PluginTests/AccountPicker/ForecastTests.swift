// When an account is left alone before it refuses.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct ForecastTests {
    private static let wall = 1_772_366_400
    private static let now: UInt64 = 1_000_000

    private func forecast(
        _ headers: [(String, String)], scope: LimitScope = .opus, usual: UsualUse = UsualUse(),
        inFlight: Int = 0, later: Int = 0
    ) -> (account: Forecast, family: Forecast) {
        var report = LimitReport()
        for (name, value) in headers {
            "anthropic-ratelimit-\(name)".withBytes { name in value.withBytes { report.take(name, $0) } }
        }
        return report.forecast(
            usual, scope: scope, inFlight: inFlight, later: later, wall: Self.wall, now: Self.now)
    }

    private func requests(limit: Int, remaining: Int, seconds: Int = 60) -> [(String, String)] {
        [
            ("requests-limit", "\(limit)"), ("requests-remaining", "\(remaining)"),
            ("requests-reset", Timestamp(seconds: Self.wall + seconds).text),
        ]
    }

    /// Requests that go out before it is left alone.
    private func room(_ forecast: Forecast, at now: UInt64 = now) -> Int {
        var forecast = forecast
        var count = 0
        while !forecast.leavesAlone(at: now), count < 1_000 {
            forecast.spend()
            count += 1
            if forecast.until == 0 { return .max }
        }
        return count
    }

    @Test func whatRemainsIsTheRoom() {
        #expect(room(forecast(requests(limit: 50, remaining: 7)).family) == 7)
        #expect(room(forecast(requests(limit: 50, remaining: 0)).family) == 0)
        #expect(forecast(requests(limit: 50, remaining: 7)).account == .unknown)
    }

    @Test func requestsThatTheUpstreamHasNotCountedYetTakeOfIt() {
        #expect(room(forecast(requests(limit: 50, remaining: 7), later: 3).family) == 4)
        #expect(room(forecast(requests(limit: 50, remaining: 7), later: 30).family) == 0)
    }

    @Test func theNarrowestBucketCounts() {
        let tokens = [
            ("output-tokens-limit", "8000"), ("output-tokens-remaining", "2500"),
            ("output-tokens-reset", Timestamp(seconds: Self.wall + 60).text),
        ]
        #expect(room(forecast(requests(limit: 50, remaining: 40) + tokens).family) == 5)
        #expect(room(forecast(requests(limit: 50, remaining: 3) + tokens).family) == 3)
        #expect(room(forecast(tokens, inFlight: 2).family) == 3)
    }

    @Test func whatRequestsUseIsLearnt() {
        var usual = UsualUse()
        for _ in 0..<60 { usual.used(inputTokens: 10_000, outputTokens: 100) }
        let input = [
            ("input-tokens-limit", "400000"), ("input-tokens-remaining", "40000"),
            ("input-tokens-reset", Timestamp(seconds: Self.wall + 60).text),
        ]
        let room = room(forecast(input, usual: usual).family)
        #expect((4...5).contains(room))
    }

    @Test func farFromTheLimitNothingIsSaid() {
        #expect(forecast(requests(limit: 4_000, remaining: 3_900)).family == .unknown)
        #expect(Forecast.unknown.bits == 0 && !Forecast.unknown.leavesAlone(at: 0))
    }

    @Test func aBucketIsUsedAgainWhenATenthHasComeBack() {
        let empty = forecast(requests(limit: 100, remaining: 0, seconds: 60)).family
        #expect(empty.leavesAlone(at: Self.now + 5_999) && !empty.leavesAlone(at: Self.now + 6_000))
        let over = forecast(requests(limit: 100, remaining: 0, seconds: -1)).family
        #expect(over == .unknown)
    }

    @Test func aWindowOpensAtItsReset() {
        let full = forecast([("unified-5h-utilization", "1.02"), ("unified-5h-reset", "\(Self.wall + 1_200)")]).account
        #expect(full.leavesAlone(at: Self.now + 1_199_999) && !full.leavesAlone(at: Self.now + 1_200_000))
        let nearly = forecast([("unified-7d-utilization", "0.99"), ("unified-7d-reset", "\(Self.wall + 60)")]).account
        #expect(room(nearly) == 4)
        // Somebody's reset in a year is asked again within the hour.
        let year = forecast([("unified-5h-utilization", "1"), ("unified-5h-reset", "\(Self.wall + 31_000_000)")]).account
        #expect(!year.leavesAlone(at: Self.now + 3_600_000))
    }

    @Test func aWindowOfAFamilyIsTheFamilys() {
        let opus = [("unified-7d_opus-utilization", "1.0"), ("unified-7d_opus-reset", "\(Self.wall + 60)")]
        #expect(forecast(opus).family.leavesAlone(at: Self.now) && forecast(opus).account == .unknown)
        #expect(forecast(opus, scope: .haiku).family == .unknown)
    }

    @Test func howFastAWindowFillsIsLearnt() {
        var usual = UsualUse()
        for step in 0..<100 {
            usual.moved(from: Double(step) * 0.001, to: Double(step + 1) * 0.001, requests: 10)
        }
        #expect(abs(usual.share - 0.0001) < 0.000_01)
        let before = usual
        usual.moved(from: 0.9, to: 0.1, requests: 5)  // a new window
        usual.moved(from: -1, to: 0.5, requests: 5)  // the first report
        usual.moved(from: 0.1, to: 0.2, requests: 0)
        #expect(usual == before)
    }

    @Test func itFitsIntoAWord() {
        var forecast = forecast(requests(limit: 50, remaining: 7)).family
        #expect(Forecast(bits: forecast.bits) == forecast)
        for _ in 0..<20 { forecast.spend() }
        #expect(Forecast(bits: forecast.bits) == forecast && forecast.room == 0)
    }

    @Test func thePaceIsMeasuredAgainstTheFasterPeers() {
        var peers = PeerPace()
        var slow = Pace()
        var usual = Pace()
        for step in 0..<400 {
            // Half of all samples come from the slow one, and still the others set the pace.
            let sample = step % 2 == 0 ? 6_000.0 : Double(400 + step % 7 * 50)
            peers.observed(sample)
            if step % 2 == 0 { slow.observed(sample, peers: peers) } else { usual.observed(sample, peers: peers) }
        }
        #expect(slow.isMuchSlower(than: peers) && !usual.isMuchSlower(than: peers))
        #expect(Pace(bits: slow.bits) == slow && PeerPace(bits: peers.bits) == peers)
        // Milliseconds are nothing to move a conversation for.
        var quick = PeerPace()
        quick.observed(2)
        var tenfold = Pace()
        for _ in 0..<20 { tenfold.observed(20, peers: quick) }
        #expect(!tenfold.isMuchSlower(than: quick))
        #expect(!Pace().isMuchSlower(than: peers))
    }
}
