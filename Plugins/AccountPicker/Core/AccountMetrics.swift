// What the gateway's metrics say of accounts, conversations and waiting.
//
// Series are resolved once: those with closed labels when the plugin is made, an account's when it is
// first met. Kind: shared; each change is one atomic of the host.

import PluginKit

final class AccountMetrics: Sendable {
    private let states: Metric
    private let coolings: Metric
    private let conversations: [Series]
    private let kept: Series
    private let lost: Series
    private let waiting: Series

    private static let outcomes: [StaticString] = ["new", "kept", "cooling", "full", "slow", "limit", "other"]

    init(_ instance: Instance) throws {
        let registry = try instance.metrics()
        states = try registry.define(
            instance, GW_GAUGE, "gateway_account_state",
            help: "0 healthy, 1 cooling, 2 probing, 3 disabled, 4 needs the operator; the worst of the account and its families.",
            labels: ["account"])
        coolings = try registry.define(
            instance, GW_COUNTER, "gateway_account_coolings_total",
            help: "Times that an account, or one family of models of it, was left alone.", labels: ["reason", "scope"])
        let sticky = try registry.define(
            instance, GW_COUNTER, "gateway_sticky_requests_total",
            help:
                "Requests with a conversation: its first, kept with its account, or moved because that one was cooling, full, slow or near its limit.",
            labels: ["outcome"])
        conversations = Self.outcomes.map { sticky.series(Bytes(stringLiteral: $0)) }
        let tokens = try registry.define(
            instance, GW_COUNTER, "gateway_sticky_cache_tokens_total",
            help: "Cached tokens read by conversations that stayed, and an estimate of those lost by moving.",
            labels: ["fate"])
        kept = tokens.series("kept")
        lost = tokens.series("lost")
        waiting = try registry.define(
            instance, GW_GAUGE, "gateway_account_waiting", help: "Requests that wait for a place on an account."
        ).series()
    }

    func state(of standing: Standing, _ label: String) {
        let isMissing = GrantWord(bits: standing.grant).kind == .missing
        let worst =
            isMissing ? Health.Phase.needsOperator.rawValue : LimitScope.allCases.map { standing.health($0).phase.rawValue }.max() ?? 0
        label.withBytes { states.series($0).set(Double(worst)) }
    }

    func rests(_ trouble: Trouble, _ scope: LimitScope) {
        coolings.series(Bytes(stringLiteral: trouble.word), Bytes(stringLiteral: scope.word)).add()
    }

    func sticky(_ fate: StickyFate) {
        switch fate {
        case .none: return
        case .new: conversations[0].add()
        case .kept: conversations[1].add()
        case .moved(let reason, let tokens):
            switch reason {
            case .cooling, .probing, .disabled, .needsOperator: conversations[2].add()
            case .full, .taken: conversations[3].add()
            case .slow: conversations[4].add()
            case .nearlyExhausted: conversations[5].add()
            default: conversations[6].add()
            }
            if tokens > 0 { lost.add(Double(tokens)) }
        }
    }

    func cacheKept(_ tokens: Int) { kept.add(Double(tokens)) }
    func waits(_ count: Int) { waiting.set(Double(count)) }
}
