// What the gateway's metrics say of waiting for places and of streams that were stopped.
//
// Kind: shared; each change is one atomic of the host.

import PluginKit

/// How waiting for a place ended.
enum WaitOutcome: Int, CaseIterable {
    /// It got its place.
    case granted
    /// Its time was over, or another limit refused it then.
    case refused
    /// So many waited already that it did not.
    case full
    /// The client left, or the exchange ended otherwise.
    case left

    var word: StaticString {
        switch self {
        case .granted: "granted"
        case .refused: "refused"
        case .full: "full"
        case .left: "left"
        }
    }
}

final class LimitMetrics: Sendable {
    private let waiting: Series
    private let outcomes: [Series]
    private let seconds: Series
    private let stopped: [Series]

    init(_ instance: Instance) throws {
        let registry = try instance.metrics()
        waiting = try registry.define(
            instance, GW_GAUGE, "gateway_limit_waiting", help: "Requests that wait for a place of a concurrency limit."
        ).series()
        let waits = try registry.define(
            instance, GW_COUNTER, "gateway_limit_waits_total",
            help: "Requests that found no place: granted one later, refused after waiting, refused because enough waited, or left.",
            labels: ["outcome"])
        outcomes = WaitOutcome.allCases.map { waits.series(Bytes(stringLiteral: $0.word)) }
        seconds = try registry.define(
            instance, GW_HISTOGRAM, "gateway_limit_wait_seconds", help: "How long requests waited that were granted a place.",
            buckets: [0.01, 0.05, 0.25, 1, 2.5, 5, 10, 30, 60]
        ).series()
        let streams = try registry.define(
            instance, GW_COUNTER, "gateway_limit_streams_stopped_total",
            help: "Streams that were ended because a budget was used up while they ran.", labels: ["measure"])
        stopped = BudgetText.Measure.allCases.map { streams.series(Bytes(stringLiteral: $0.word)) }
    }

    func waits(_ count: Int) { waiting.set(Double(count)) }

    func waitEnded(_ outcome: WaitOutcome, milliseconds: UInt64 = 0) {
        outcomes[outcome.rawValue].add()
        if outcome == .granted { seconds.observe(Double(milliseconds) / 1000) }
    }

    func streamStopped(_ measure: BudgetText.Measure) { stopped[measure.rawValue].add() }
}
