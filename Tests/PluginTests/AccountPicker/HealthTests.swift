// The machine of an account's health, by lists of events.

import Testing

@testable import AccountPickerCore

@Suite struct HealthTests {
    private static let cap: UInt64 = 3_600_000

    private enum Event {
        case failed(Trouble, at: UInt64, asked: UInt64? = nil, chance: UInt64 = 0)
        case succeeded(at: UInt64)
        case probe(at: UInt64, starts: Bool)
        case left(at: UInt64)
    }

    /// Where it is after `events`.
    private func after(_ events: [Event], cap: UInt64 = cap) -> Health {
        var health = Health()
        for event in events {
            switch event {
            case .failed(let trouble, let now, let asked, let chance):
                health.failed(
                    trouble, at: now, asked: asked.map { AskedWait(milliseconds: $0, source: .retryAfter) }, cap: cap,
                    chance: chance)
            case .succeeded(let now): health.succeeded(at: now)
            case .probe(let now, let starts):
                let started = health.startProbe(at: now)
                #expect(started == starts)
            case .left(let now): health.probeLeft(at: now)
            }
            #expect(Health(bits: health.bits) == health)
        }
        return health
    }

    @Test func aFailureCoolsForTheWaitOfItsTrouble() {
        for trouble in Trouble.allCases {
            let health = after([.failed(trouble, at: 100)])
            #expect(health.until == 100 + trouble.firstWait && health.trouble == trouble && health.failures == 1)
            #expect(health.admission(at: health.until - 1) == .no(until: health.until))
            #expect(health.admission(at: health.until) == .asProbe)
        }
        #expect(after([]).admission(at: 0) == .yes && Health().bits == 0)
    }

    @Test func theUpstreamsOwnEndIsBelievedWithinReason() {
        let asked = after([.failed(.rateLimited, at: 0, asked: 12_000)])
        #expect(asked.until == 12_000 && asked.source == .retryAfter)
        #expect(after([.failed(.rateLimited, at: 0, asked: 1)]).until == 1_000)
        #expect(after([.failed(.rateLimited, at: 0, asked: 8 * 86_400_000)]).until == Self.cap)
        #expect(after([.failed(.rateLimited, at: 0)], cap: 20_000).until == 20_000)
    }

    @Test func failuresInARowWaitTwiceAsLongEachTimeUpToABound() {
        var events: [Event] = []
        var now: UInt64 = 0
        var waits: [UInt64] = []
        for _ in 0..<10 {
            events.append(.failed(.serverError, at: now))
            let until = after(events).until
            waits.append((until - now) / 1000)
            now = until
            events.append(.probe(at: now, starts: true))
        }
        #expect(waits == [5, 10, 20, 40, 80, 160, 320, 640, 640, 640])
    }

    @Test func chanceMakesABackOffLongerByUpToAQuarterAndNothingElse() {
        for chance in [UInt64](0..<256) + [.max] {
            let until = after([.failed(.serverError, at: 0, chance: chance)]).until
            #expect(until >= 5_000 && until < 6_250)
            #expect(after([.failed(.serverError, at: 0, asked: 7_000, chance: chance)]).until == 7_000)
        }
        #expect(after([.failed(.serverError, at: 0, chance: 255)]).until > 6_000)
    }

    @Test func failuresTogetherAreOneFailure() {
        let one = after([.failed(.serverError, at: 0)])
        #expect(after(Array(repeating: .failed(.serverError, at: 0), count: 20)) == one)
        #expect(after([.failed(.serverError, at: 0), .failed(.serverError, at: 4_999)]) == one)
    }

    @Test func whileCoolingOnlyALaterEndFromTheUpstreamCounts() {
        let later = after([.failed(.serverError, at: 0), .failed(.rateLimited, at: 1_000, asked: 30_000)])
        #expect(later.until == 31_000 && later.failures == 1 && later.trouble == .rateLimited)
        let earlier = after([.failed(.rateLimited, at: 0, asked: 30_000), .failed(.serverError, at: 1, asked: 2_000)])
        #expect(earlier.until == 30_000 && earlier.trouble == .rateLimited)
    }

    @Test func oneRequestProbesAndTheOthersGoElsewhere() {
        let cooled: [Event] = [.failed(.serverError, at: 0)]
        #expect(after(cooled + [.probe(at: 4_999, starts: false)]).phase == .cooling)
        let probing = after(cooled + [.probe(at: 5_000, starts: true), .probe(at: 5_001, starts: false)])
        #expect(probing.phase == .probing && probing.admission(at: 5_001) == .no(until: 15_000))
        #expect(after(cooled + [.probe(at: 5_000, starts: true), .succeeded(at: 5_100)]) == .healthy)
        let failed = after(cooled + [.probe(at: 5_000, starts: true), .failed(.serverError, at: 5_100)])
        #expect(failed.phase == .cooling && failed.until == 15_100 && failed.failures == 2)
    }

    @Test func aProbeThatSaysNothingIsFollowedByAnother() {
        let probing: [Event] = [.failed(.serverError, at: 0), .probe(at: 5_000, starts: true)]
        #expect(after(probing + [.probe(at: 15_000, starts: true)]).until == 25_000)
        #expect(after(probing + [.left(at: 5_500), .probe(at: 5_500, starts: true)]).phase == .probing)
        #expect(after([.left(at: 5)]) == .healthy)
    }

    @Test func aSuccessHealsAfterTheCoolingAndNotDuringIt() {
        #expect(after([.failed(.serverError, at: 0), .succeeded(at: 4_999)]).phase == .cooling)
        #expect(after([.failed(.serverError, at: 0), .succeeded(at: 5_000)]) == .healthy)
        let again = after([
            .failed(.serverError, at: 0), .succeeded(at: 5_000), .failed(.serverError, at: 6_000),
        ])
        #expect(again.until == 11_000)
    }

    @Test func theThirdRefusalOfACredentialNeedsTheOperator() {
        let twice: [Event] = [
            .failed(.unauthorised, at: 0), .probe(at: 30_000, starts: true), .failed(.unauthorised, at: 30_000),
            .probe(at: 90_000, starts: true),
        ]
        #expect(after(twice).phase == .probing)
        let third = after(twice + [.failed(.unauthorised, at: 90_000)])
        #expect(third.phase == .needsOperator && third.until == 90_000 + 3_600_000)
        #expect(after(twice + [.failed(.serverError, at: 90_000)]).phase == .cooling)
        // An hour later one request finds out whether the provider was at fault.
        let tried: [Event] = twice + [.failed(.unauthorised, at: 90_000), .probe(at: 3_690_000, starts: true)]
        #expect(after(tried + [.succeeded(at: 3_690_100)]) == .healthy)
        #expect(after(tried + [.failed(.unauthorised, at: 3_690_100)]).phase == .needsOperator)
    }

    @Test func whatTheGatewayItselfCannotUseIsDisabled() {
        let health = after([.failed(.misconfigured, at: 0)])
        #expect(health.phase == .disabled && health.admission(at: 60_000) == .asProbe)
        #expect(after([.failed(.closed, at: 0)]).phase == .needsOperator)
        // What fails while it is disabled was sent before.
        #expect(after([.failed(.misconfigured, at: 0), .failed(.serverError, at: 1, asked: 90_000)]) == health)
    }

    @Test func aSnapshotOfAProbeIsACoolingAccount() {
        let health = Health(phase: .probing, until: .max, failures: 200, trouble: .overloaded, source: .retryAfter)
        #expect(health.phase == .cooling && health.failures == 31 && health.until == .max >> 16)
        #expect(Health(bits: health.bits) == health)
    }

    @Test(
        arguments: [
            (200, nil), (400, nil), (404, nil), (413, nil), (401, .unauthorised), (403, .forbidden),
            (429, .rateLimited), (500, .serverError), (503, .serverError), (529, .overloaded),
        ] as [(Int, Trouble?)])
    func statusesThatSayThatAnAccountFailed(status: Int, trouble: Trouble?) {
        #expect(Trouble(status: status) == trouble)
    }
}
