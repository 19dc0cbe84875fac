// What an answer says about its account: which trouble, of what, until when.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct DiagnosisTests {
    /// 2026-03-01T12:00:00Z
    private static let wall = 1_772_366_400

    private func report(_ headers: [(String, String)]) -> LimitReport {
        var report = LimitReport()
        for (name, value) in headers {
            name.withBytes { name in value.withBytes { report.take(name, $0) } }
        }
        return report
    }

    private func diagnosis(
        _ status: Int, _ headers: [(String, String)] = [], scope: LimitScope = .opus, retryAfter: Int = 0,
        body: String = ""
    ) -> Diagnosis {
        body.withBytes {
            Diagnosis(
                status: status, request: scope, report: report(headers), retryAfterMilliseconds: retryAfter,
                errorBody: $0, wall: Self.wall)
        }
    }

    @Test(
        arguments: [
            ("claude-opus-5-5", .opus), ("claude-3-5-sonnet-20241022", .sonnet), ("claude-haiku-4-5", .haiku),
            ("claude-test-1", .other), ("", .other), ("opu", .other), ("xopus", .opus), ("sonne", .other),
        ] as [(String, LimitScope)])
    func theFamilyIsAWordOfTheModelsId(model: String, scope: LimitScope) {
        #expect(model.withBytes { LimitScope(route: "messages", model: $0) } == scope)
        #expect(model.withBytes { LimitScope(route: "count_tokens", model: $0) } == .counting)
    }

    @Test func withoutAModelItIsTheAccount() {
        #expect(LimitScope(route: "models", model: .absent) == .account)
        #expect(LimitScope.allCases.count == LimitScope.count)
    }

    @Test func trouleTouchesWhatItIsOf() {
        #expect(diagnosis(200).isFine && diagnosis(404).isFine && diagnosis(400).isFine)
        #expect(diagnosis(429).scope == .opus)
        #expect(diagnosis(529).scope == .opus && diagnosis(500).scope == .opus)
        #expect(diagnosis(401).scope == .account && diagnosis(403).scope == .account)
        #expect(diagnosis(429, scope: .counting).scope == .counting)
        #expect(Diagnosis(error: GW_E_UNAVAILABLE).trouble == .unreachable)
        #expect(Diagnosis(error: GW_E_TIMEOUT).scope == .account)
        #expect(Diagnosis(error: GW_E_ARGUMENT).trouble == .misconfigured)
        #expect(Diagnosis(errorType: "overloaded_error", request: .haiku).scope == .haiku)
        #expect(Diagnosis(errorType: "invalid_request_error", request: .haiku).isFine)
    }

    @Test func aRefusalOfTheRequestCoolsNothing() {
        let extra = diagnosis(429, body: #"{"error":{"message":"Extra Usage is required for long context requests."}}"#)
        #expect(extra.isOfRequest && extra.trouble == nil && !extra.isFine)
        #expect(diagnosis(429, body: "extra usag").trouble == .rateLimited)
        // In answers that a client can shape it means nothing.
        #expect(diagnosis(400, body: "extra usage; organization has been disabled").isFine)
        #expect(diagnosis(403, body: "This organization has been disabled.").trouble == .closed)
    }

    @Test func aSubscriptionsClaimNamesTheScopeAndTheEnd() {
        let rejected = [
            ("anthropic-ratelimit-unified-status", "rejected"),
            ("anthropic-ratelimit-unified-reset", "1772366700"),
            ("anthropic-ratelimit-unified-5h-reset", "1772370000"),
            ("Anthropic-Ratelimit-Unified-7d-Reset", "2026-03-01T12:10:00Z"),
            ("anthropic-ratelimit-unified-7d_opus-reset", "1772366460"),
        ]
        func claim(_ claim: String) -> Diagnosis {
            diagnosis(429, rejected + [("anthropic-ratelimit-unified-representative-claim", claim)])
        }
        #expect(claim("five_hour").asked == AskedWait(milliseconds: 3_600_000, source: .unifiedFiveHour))
        #expect(claim("five_hour").scope == .account)
        #expect(claim("seven_day").asked == AskedWait(milliseconds: 600_000, source: .unifiedSevenDay))
        #expect(claim("seven_day_opus").asked == AskedWait(milliseconds: 60_000, source: .unifiedFamily))
        #expect(claim("seven_day_opus").scope == .opus)
        #expect(claim("seven_day_sonnet").scope == .sonnet)
        #expect(claim("seven_day_sonnet").asked == AskedWait(milliseconds: 300_000, source: .unified))
        #expect(claim("overage").asked == AskedWait(milliseconds: 300_000, source: .unified))
        #expect(diagnosis(429, rejected, retryAfter: 5_000).asked?.source == .retryAfter)
        // A 429 of a subscription that is not rejected is about what was asked for.
        #expect(diagnosis(429, [("anthropic-ratelimit-unified-status", "allowed")]).scope == .opus)
    }

    @Test func theLatestOfTheEmptyBucketsIsTheEnd() {
        let headers = [
            ("anthropic-ratelimit-requests-remaining", "3"),
            ("anthropic-ratelimit-requests-reset", "2026-03-01T13:00:00Z"),
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "2026-03-01T12:00:20Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-03-01T12:00:50+00:00"),
        ]
        #expect(diagnosis(429, headers).asked == AskedWait(milliseconds: 50_000, source: .inputTokens))
        #expect(diagnosis(500, headers).asked == nil)
    }

    @Test(arguments: ["1772366399", "soon", "", "-5", "2026-02-01T00:00:00Z"])
    func aTimeThatIsNoneOrOverIsNoAnswer(reset: String) {
        #expect(diagnosis(429, [("anthropic-ratelimit-unified-reset", reset)]).asked == nil)
    }

    @Test func aTimeInTheDistantFutureDoesNotOverflow() {
        let asked = diagnosis(429, [("anthropic-ratelimit-unified-reset", "999999999999999999")]).asked
        #expect(asked?.milliseconds == 1_000_000_000_000)
    }

    @Test func otherHeadersArePassedOver() {
        #expect(report([("anthropic-version", "1"), ("x", "y"), ("anthropic-ratelimit-", "z")]).isEmpty)
        let odd = report([
            ("anthropic-ratelimit-unified-7d_oi-utilization", "0.9"), ("anthropic-ratelimit-planets-remaining", "0"),
            ("anthropic-priority-input-tokens-remaining", "0"), ("anthropic-ratelimit-requests-limit", "many"),
        ])
        #expect(!odd.sevenDay.isKnown && !odd.requests.isKnown)
    }
}
