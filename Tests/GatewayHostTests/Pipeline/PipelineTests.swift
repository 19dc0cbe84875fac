// The table of verdicts, cell by cell, and the budget of attempts.

import PluginABI
import Testing

@testable import GatewayHost

@Suite struct PipelineTests {
    private let facts = Pipeline.Facts(
        isCommitted: false, mayRetry: true, hasStagedResponse: true, awaitedOperations: 1)

    private func rule(_ verdict: gw_verdict, _ phase: Phase, _ change: (inout Pipeline.Facts) -> Void = { _ in })
        -> Pipeline.Ruling
    {
        var facts = facts
        change(&facts)
        return Pipeline.rule(on: verdict, in: phase, facts)
    }

    @Test func continueGoesOnInEveryPhase() {
        for phase in Phase.allCases { #expect(rule(GW_CONTINUE, phase) == .next) }
    }

    @Test func suspendWaitsOnlyWithAnOperationPending() {
        for phase in Phase.allCases where phase != .complete {
            #expect(rule(GW_SUSPEND, phase) == .wait)
            #expect(rule(GW_SUSPEND, phase) { $0.awaitedOperations = 0 } == .fail(.nothingPending))
        }
        #expect(rule(GW_SUSPEND, .complete) == .fail(.illegalVerdict))
    }

    @Test func respondNeedsAStagedResponseAndNoCommit() {
        for phase in [Phase.request, .body, .select, .attempt, .response, .admin] {
            #expect(rule(GW_RESPOND, phase) == .respond)
            #expect(rule(GW_RESPOND, phase) { $0.hasStagedResponse = false } == .fail(.nothingStaged))
            #expect(rule(GW_RESPOND, phase) { $0.isCommitted = true } == .fail(.alreadyCommitted))
        }
        #expect(rule(GW_RESPOND, .chunk) == .fail(.illegalVerdict))
        #expect(rule(GW_RESPOND, .complete) == .fail(.illegalVerdict))
    }

    @Test func retryIsForAnswersBeforeTheCommitAndRefusedSoftly() {
        for phase in [Phase.attempt, .response, .chunk] {
            #expect(rule(GW_RETRY, phase) == .retry)
            #expect(rule(GW_RETRY, phase) { $0.mayRetry = false } == .next)
            #expect(rule(GW_RETRY, phase) { $0.isCommitted = true } == .next)
        }
        for phase in [Phase.request, .body, .select, .complete, .admin] {
            #expect(rule(GW_RETRY, phase) == .fail(.illegalVerdict))
        }
    }

    @Test func finishIsForChunks() {
        for phase in Phase.allCases {
            #expect(rule(GW_FINISH, phase) == (phase == .chunk ? .finish : .fail(.illegalVerdict)))
        }
    }

    @Test func failureAndNonsenseGoToThePolicy() {
        for phase in Phase.allCases {
            #expect(rule(GW_FAIL, phase) == .fail(.failed))
            #expect(rule(gw_verdict(rawValue: 77), phase) == .fail(.illegalVerdict))
        }
    }

    @Test func attemptsAreBoundedByCountAndByTime() {
        let start = Instant(nanoseconds: 1_000_000_000)
        var budget = AttemptBudget(attemptLimit: 3, retryMilliseconds: 1000)
        #expect(budget.allowsAnother(at: start))
        budget.attemptBegins(at: start)
        #expect(budget.allowsAnother(at: start.adding(milliseconds: 999)))
        #expect(!budget.allowsAnother(at: start.adding(milliseconds: 1000)))
        budget.attemptBegins(at: start.adding(milliseconds: 1))
        budget.attemptBegins(at: start.adding(milliseconds: 2))
        #expect(budget.attempts == 3)
        #expect(!budget.allowsAnother(at: start.adding(milliseconds: 3)))
    }

    @Test func attemptsThatAProxyFailedDoNotCountAndDoNotGoOnForEver() {
        let now = Instant(nanoseconds: 1_000_000_000)
        for (limit, attempts) in [(1, 1), (2, 34), (3, 35)] {
            var budget = AttemptBudget(attemptLimit: limit, retryMilliseconds: 1000)
            repeat {
                budget.attemptBegins(at: now)
                budget.proxyFailed()
            } while budget.allowsAnother(at: now)
            #expect(budget.attempts == attempts)
        }
        // Nor longer than any others.
        var budget = AttemptBudget(attemptLimit: 3, retryMilliseconds: 1000)
        for _ in 0..<5 {
            budget.attemptBegins(at: now)
            budget.proxyFailed()
        }
        #expect(budget.allowsAnother(at: now.adding(milliseconds: 999)) && !budget.allowsAnother(at: now.adding(milliseconds: 1000)))
        // What reached an upstream counts as ever.
        for _ in 0..<2 { budget.attemptBegins(at: now) }
        #expect(budget.allowsAnother(at: now))
        budget.attemptBegins(at: now)
        #expect(!budget.allowsAnother(at: now))
    }
}
