// What the gateway's metrics say of proxies.
//
// Kind: shared; each change is one atomic of the host.

import PluginKit

final class ExitMetrics: Sendable {
    private let attempts: Metric
    private let states: Metric
    private let connecting: Metric
    private let checks: Metric

    private static let seconds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    init(_ instance: Instance) throws {
        let registry = try instance.metrics()
        attempts = try registry.define(
            instance, GW_COUNTER, "gateway_proxy_attempts_total",
            help: "Attempts through a proxy: connected, or failed because of the proxy.", labels: ["proxy", "outcome"])
        states = try registry.define(
            instance, GW_GAUGE, "gateway_proxy_state", help: "0 open, 1 resting after a failure, 2 probing.", labels: ["proxy"])
        checks = try registry.define(
            instance, GW_COUNTER, "gateway_proxy_checks_total",
            help: "Checks of a proxy on the clock: connected, failed because of the proxy, or unclear: because of what is behind it.",
            labels: ["proxy", "outcome"])
        connecting = try registry.define(
            instance, GW_HISTOGRAM, "gateway_proxy_connect_seconds",
            help: "Time to a connection through a proxy, TLS with the upstream included; kept connections are not counted.",
            labels: ["proxy"], buckets: Self.seconds)
    }

    func checked(_ exit: Exit, _ outcome: ExitCheck.Outcome) {
        exit.label.withBytes { checks.series($0, Bytes(stringLiteral: outcome.word)).add() }
        state(of: exit)
    }

    func state(of exit: Exit) {
        let phase = exit.current.phase.rawValue
        exit.label.withBytes { states.series($0).set(Double(phase)) }
    }

    func ended(_ exit: Exit, isFailure: Bool, seconds: Double?) {
        exit.label.withBytes { label in
            attempts.series(label, isFailure ? "failed" : "connected").add()
            if let seconds { connecting.series(label).observe(seconds) }
        }
    }
}
