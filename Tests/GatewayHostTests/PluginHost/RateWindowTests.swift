import Testing

@testable import GatewayHost

@Suite struct RateWindowTests {
    private let minute: UInt64 = 60_000_000_000

    @Test func aFullLimitPassesAtOnceAndThenOneAtATime() {
        var rate = RateWindow()
        let now: UInt64 = 1_000_000_000_000
        for left in (0..<60).reversed() {
            let decision = rate.take(cost: 1, limit: 60, periodNanoseconds: minute, now: now)
            #expect(decision.isGranted && decision.remaining == left)
        }
        let refused = rate.take(cost: 1, limit: 60, periodNanoseconds: minute, now: now)
        #expect(!refused.isGranted && refused.retryNanoseconds == 1_000_000_000 && refused.resetNanoseconds == minute)
        #expect(!rate.take(cost: 1, limit: 60, periodNanoseconds: minute, now: now + 999_999_999).isGranted)
        #expect(rate.take(cost: 1, limit: 60, periodNanoseconds: minute, now: now + 1_000_000_000).isGranted)
        #expect(!rate.take(cost: 1, limit: 60, periodNanoseconds: minute, now: now + 1_000_000_000).isGranted)
    }

    /// 7 per 10 ns does not divide: after any number of rounds not one nanosecond is lost or won.
    @Test func theRateIsExactForEver() {
        var rate = RateWindow()
        var now: UInt64 = 123_456_789
        for _ in 0..<7 { #expect(rate.take(cost: 1, limit: 7, periodNanoseconds: 10, now: now).isGranted) }
        for _ in 0..<10_000 {
            var granted = 0
            for _ in 0..<10 {
                now += 1
                while rate.take(cost: 1, limit: 7, periodNanoseconds: 10, now: now).isGranted { granted += 1 }
            }
            #expect(granted == 7)
        }
    }

    @Test func theLargestNumbersDoNotOverflow() {
        var rate = RateWindow()
        let now = UInt64.max / 2
        let all = rate.take(cost: .max, limit: .max, periodNanoseconds: .max, now: now)
        #expect(all.isGranted && all.remaining == 0)
        let more = rate.take(cost: 1, limit: .max, periodNanoseconds: .max, now: now)
        #expect(!more.isGranted && more.retryNanoseconds > 0)
        #expect(!rate.take(cost: .max, limit: 1, periodNanoseconds: 1, now: now).isGranted)
        #expect(!rate.take(cost: 1, limit: 0, periodNanoseconds: 1, now: now).isGranted)
    }

    @Test func whatCanNeverPassHasNoRetryTime() {
        var rate = RateWindow()
        let decision = rate.take(cost: 11, limit: 10, periodNanoseconds: minute, now: 0)
        #expect(!decision.isGranted && decision.retryNanoseconds == 0 && decision.remaining == 10)
    }

    @Test func waitingAsToldIsEnoughAndNoLongerThanNeeded() {
        var rate = RateWindow()
        var seed: UInt64 = 42
        var now: UInt64 = 5_000_000
        for _ in 0..<5000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let cost = Int64(seed >> 33 % 5) + 1
            let decision = rate.take(cost: cost, limit: 13, periodNanoseconds: 1_000_003, now: now)
            if decision.isGranted {
                now += seed >> 40 % 50_000
            } else {
                var early = rate
                #expect(
                    !early.take(cost: cost, limit: 13, periodNanoseconds: 1_000_003, now: now + decision.retryNanoseconds - 1).isGranted)
                now += decision.retryNanoseconds
                #expect(rate.take(cost: cost, limit: 13, periodNanoseconds: 1_000_003, now: now).isGranted)
            }
        }
    }

    @Test func aChangedLimitKeepsWhatIsInUse() {
        var rate = RateWindow()
        _ = rate.take(cost: 30, limit: 60, periodNanoseconds: minute, now: 0)
        #expect(rate.take(cost: 0, limit: 100, periodNanoseconds: minute, now: 0).remaining == 70)
        #expect(rate.take(cost: 0, limit: 10, periodNanoseconds: minute, now: 0).remaining == 0)
    }

    @Test func lookingTakesNothing() {
        var rate = RateWindow()
        let decision = rate.take(cost: 5, limit: 10, periodNanoseconds: minute, now: 0, keeping: false)
        #expect(decision.isGranted && decision.remaining == 10)
        #expect(rate.isIdle(at: 0))
    }
}
