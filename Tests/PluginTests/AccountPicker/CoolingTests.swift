// The machine of an account's cooling, by lists of events.

import Testing

@testable import AccountPickerCore

@Suite struct CoolingTests {
    private static let cap: UInt64 = 3_600_000

    private enum Event {
        case failed(CoolingReason, at: UInt64, asked: UInt64? = nil)
        case succeeded(at: UInt64)
    }

    /// Where the account is after `events`.
    private func after(_ events: [Event], cap: UInt64 = cap) -> Cooling {
        var cooling = Cooling()
        for event in events {
            switch event {
            case .failed(let reason, let now, let asked):
                cooling.failed(reason, at: now, asked: asked, cap: cap)
            case .succeeded(let now): cooling.succeeded(at: now)
            }
            #expect(Cooling(bits: cooling.bits) == cooling)
        }
        return cooling
    }

    @Test func aFailureCoolsForTheWaitOfItsReason() {
        for reason in CoolingReason.allCases {
            #expect(after([.failed(reason, at: 100)]).until == 100 + reason.firstWait)
        }
    }

    @Test func theUpstreamsOwnEndIsBelievedWithinReason() {
        #expect(after([.failed(.rateLimited, at: 0, asked: 12_000)]).until == 12_000)
        #expect(after([.failed(.rateLimited, at: 0, asked: 1)]).until == 1_000)
        #expect(after([.failed(.rateLimited, at: 0, asked: 8 * 86_400_000)]).until == Self.cap)
        #expect(after([.failed(.unauthorised, at: 0)], cap: 60_000).until == 60_000)
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
        }
        #expect(waits == [5, 10, 20, 40, 80, 160, 320, 640, 640, 640])
    }

    @Test func failuresTogetherAreOneFailure() {
        let one = after([.failed(.serverError, at: 0)])
        #expect(after(Array(repeating: .failed(.serverError, at: 0), count: 20)) == one)
        #expect(after([.failed(.serverError, at: 0), .failed(.serverError, at: 4_999)]) == one)
    }

    @Test func whileCoolingOnlyALaterEndFromTheUpstreamCounts() {
        let later = after([.failed(.serverError, at: 0), .failed(.rateLimited, at: 1_000, asked: 30_000)])
        #expect(later.until == 31_000 && later.failures == 1)
        let earlier = after([.failed(.rateLimited, at: 0, asked: 30_000), .failed(.serverError, at: 1, asked: 2_000)])
        #expect(earlier.until == 30_000)
    }

    @Test func aSuccessHealsAfterTheCoolingAndNotDuringIt() {
        #expect(after([.failed(.serverError, at: 0), .succeeded(at: 4_999)]).isCooling(at: 4_999))
        #expect(after([.failed(.serverError, at: 0), .succeeded(at: 5_000)]) == .healthy)
        let again = after([
            .failed(.serverError, at: 0), .succeeded(at: 5_000), .failed(.serverError, at: 6_000),
        ])
        #expect(again.until == 11_000)
    }

    @Test(
        arguments: [
            (200, nil), (400, nil), (404, nil), (413, nil), (401, .unauthorised), (403, .forbidden),
            (429, .rateLimited), (500, .serverError), (503, .serverError), (529, .overloaded),
        ] as [(Int, CoolingReason?)])
    func statusesThatSayThatAnAccountFailed(status: Int, reason: CoolingReason?) {
        #expect(CoolingReason(status: status) == reason)
    }
}
