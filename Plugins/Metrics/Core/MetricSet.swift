// The metrics that this plugin defines: one line each. docs/METRICS.md says the same in a table.
//
// Names are gateway_<noun>_<unit>; those of OpenTelemetry's conventions for generative AI are
// spelled as its Prometheus exporter would. Labels come from closed or bounded sets. What the host
// measures itself (hooks, connections, pools, loops) is in the same registry and the same scrape.
//
// Kind: constant after create; shared by all workers.

import PluginKit

struct MetricSet: Sendable {
    let requests: Metric
    let attempts: Metric
    let requestBytes: Metric
    let responseBytes: Metric
    let duration: Metric
    let firstByte: Metric
    let tokens: Metric
    let keyRequests: Metric?
    let keyTokens: Metric?
    let tokenUsage: Metric
    let operationDuration: Metric
    let timeToFirstToken: Metric

    /// Seconds; model calls take from milliseconds (refusals) to many minutes.
    private static let seconds = [
        0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    ]
    /// The buckets that OpenTelemetry's conventions ask for.
    private static let operationSeconds = [
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ]
    private static let firstTokenSeconds = [
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    ]
    private static let tokenCounts: [Double] = [
        1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
        67_108_864,
    ]
    private static let conventionLabels: [StaticString] = [
        "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
    ]

    init(_ registry: MetricsRegistry, _ instance: Instance, byKey: Bool) throws {
        func define(
            _ kind: gw_metric_kind, _ name: String, _ help: String, _ labels: [StaticString],
            _ buckets: [Double] = []
        ) throws -> Metric {
            try registry.define(instance, kind, name, help: help, labels: labels, buckets: buckets)
        }
        requests = try define(
            GW_COUNTER, "gateway_requests_total", "Exchanges that ended, by what the client saw.",
            ["route", "model", "status"])
        attempts = try define(
            GW_COUNTER, "gateway_attempts_total", "Attempts to get an answer from an upstream.", ["route"])
        requestBytes = try define(
            GW_COUNTER, "gateway_request_bytes_total", "Bytes of request bodies.", ["route"])
        responseBytes = try define(
            GW_COUNTER, "gateway_response_bytes_total", "Bytes of response bodies.", ["route"])
        duration = try define(
            GW_HISTOGRAM, "gateway_request_duration_seconds", "From the request's first byte to the end.",
            ["route"], Self.seconds)
        firstByte = try define(
            GW_HISTOGRAM, "gateway_first_byte_seconds",
            "From the request's first byte to the first byte of the response.", ["route"], Self.seconds)
        tokens = try define(
            GW_COUNTER, "gateway_tokens_total", "Tokens as the upstream reported them.", ["model", "kind"])
        keyRequests =
            byKey
            ? try define(
                GW_COUNTER, "gateway_key_requests_total", "Exchanges that ended, by API key.",
                ["key", "status"]) : nil
        keyTokens =
            byKey
            ? try define(
                GW_COUNTER, "gateway_key_tokens_total", "Tokens as the upstream reported them, by API key.",
                ["key", "kind"]) : nil
        tokenUsage = try define(
            GW_HISTOGRAM, "gen_ai_client_token_usage", "Tokens of one operation (OpenTelemetry).",
            Self.conventionLabels + ["gen_ai_token_type"], Self.tokenCounts)
        operationDuration = try define(
            GW_HISTOGRAM, "gen_ai_client_operation_duration_seconds",
            "Duration of one operation (OpenTelemetry).", Self.conventionLabels, Self.operationSeconds)
        timeToFirstToken = try define(
            GW_HISTOGRAM, "gen_ai_server_time_to_first_token_seconds",
            "Time to the first byte of a streamed answer (OpenTelemetry).", Self.conventionLabels,
            Self.firstTokenSeconds)
    }
}
