// The metrics that the host itself reports, one row each. To add one: a case here, and the line that
// adds to it.
//
// Kind: shared. Series of a loop are resolved once, when the loop is made.

enum HostMetric: CaseIterable, Sendable {
    case connections, connectionsTotal, exchangesInFlight, exchanges, attempts, refusals
    case unpriced, departures, drains
    case loopLag, loopTurns, loopTurnLength, pooledConnections, dials, dialsRefused, heldBytes
    case hookDuration, hookFailures, hookOverruns, suspensionOverruns, quarantines
    case pendingOperations, generation, pluginImages
    case adminRequests, adminLoginsRefused
    case redisUp, redisCommands, redisConnections, redisLatency, redisNodes
    case ledgerUnshippedRows, ledgerShippedTime, ledgerShipFailures

    var row: (kind: MetricKind, name: String, help: String, labels: [String], bounds: [Double]) {
        switch self {
        case .connections:
            (.gauge, "gateway_connections", "Client connections that are open.", ["loop"], [])
        case .connectionsTotal:
            (.counter, "gateway_connections_accepted", "Client connections that were accepted.", ["loop"], [])
        case .exchangesInFlight:
            (.gauge, "gateway_exchanges_in_flight", "Requests that are being answered.", ["loop"], [])
        case .exchanges:
            (
                .counter, "gateway_exchanges", "Requests that were answered, by class of status; none: the client left before.",
                ["loop", "status"], []
            )
        case .attempts:
            (.counter, "gateway_upstream_attempts", "Attempts to get an answer from an upstream, by outcome.", ["loop", "outcome"], [])
        case .refusals:
            (
                .counter, "gateway_refusals", "Requests that the gateway answered with an error of its own, by who caused it.",
                ["loop", "source"], []
            )
        case .unpriced:
            (.counter, "gateway_unpriced_requests", "Requests whose model, or something they used, has no price.", ["loop"], [])
        case .departures:
            (
                .counter, "gateway_clients_gone",
                "Requests whose client left before their end, by what became of the upstream's answer.", ["loop", "outcome"], []
            )
        case .drains:
            (.gauge, "gateway_exchanges_draining", "Upstreams that are read although their client is gone.", ["loop"], [])
        case .loopLag:
            (
                .gauge, "gateway_loop_longest_turn_seconds",
                "Longest turn of the event loop since the last scrape: what a request may have waited.", ["loop"], []
            )
        case .loopTurns:
            (.counter, "gateway_loop_turns", "Turns of the event loop.", ["loop"], [])
        case .loopTurnLength:
            (
                .histogram, "gateway_loop_turn_duration_seconds",
                "Length of turns of the event loop: whatever became ready during one has waited for its end.", ["loop"],
                [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
            )
        case .pooledConnections:
            (.gauge, "gateway_upstream_connections_idle", "Upstream connections that wait for their next request.", ["loop"], [])
        case .dials:
            (.counter, "gateway_upstream_dials", "Upstream connections that were opened, by outcome.", ["loop", "outcome"], [])
        case .dialsRefused:
            (
                .counter, "gateway_upstream_dials_refused",
                "Upstream connections that were asked for and not tried, because one had just failed or too many were on their way.",
                ["loop"], []
            )
        case .heldBytes:
            (.gauge, "gateway_buffered_body_bytes", "Bytes of request bodies held in memory.", [], [])
        case .hookDuration:
            (
                .histogram, "gateway_plugin_hook_duration_seconds", "Time in a plugin's hook; one request in 64 is timed.",
                ["plugin", "hook"],
                [0.000_000_5, 0.000_001, 0.000_002_5, 0.000_005, 0.000_01, 0.000_05, 0.000_1, 0.001, 0.01, 0.1, 1]
            )
        case .hookFailures:
            (.counter, "gateway_plugin_failures", "Hooks that failed or gave a verdict that is not allowed there.", ["plugin", "hook"], [])
        case .hookOverruns:
            (.counter, "gateway_plugin_overruns", "Hooks that ran longer than their budget.", ["plugin"], [])
        case .suspensionOverruns:
            (.counter, "gateway_plugin_suspension_overruns", "Hooks that stayed suspended longer than their limit.", ["plugin"], [])
        case .quarantines:
            (.counter, "gateway_plugin_quarantines", "Times a plugin was left alone after repeated overruns.", ["plugin"], [])
        case .pendingOperations:
            (.gauge, "gateway_plugin_operations_pending", "Operations of plugins that have not ended.", ["loop"], [])
        case .generation:
            (.gauge, "gateway_chain_generation", "Number of the chain that serves new requests.", [], [])
        case .adminRequests:
            (.counter, "gateway_admin_requests", "Requests to the admin interface that were answered, by outcome.", ["outcome"], [])
        case .adminLoginsRefused:
            (
                .counter, "gateway_admin_logins_refused", "Logins that were refused: wrong, or too many before.", ["reason"], []
            )
        case .redisUp:
            (.gauge, "gateway_redis_up", "1: the loop's connection to Redis serves. Only with a Redis in store.", ["loop"], [])
        case .redisCommands:
            (
                .counter, "gateway_redis_commands", "Commands to Redis, by outcome; refused: Redis answered with an error.",
                ["loop", "outcome"], []
            )
        case .redisConnections:
            (.counter, "gateway_redis_connections", "Connections to Redis that came to serve; more than one: reconnected.", ["loop"], [])
        case .redisLatency:
            (
                .histogram, "gateway_redis_command_duration_seconds", "Time from a command to its answer.", ["loop"],
                [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
            )
        case .redisNodes:
            (.gauge, "gateway_redis_nodes", "Gateways that shared the Redis when the loop last asked.", ["loop"], [])
        case .ledgerUnshippedRows:
            (
                .gauge, "gateway_ledger_unshipped_rows",
                "Rows of this node's ledger that are in its sums and may not be in the Redis of the other nodes yet.", [], []
            )
        case .ledgerShippedTime:
            (
                .gauge, "gateway_ledger_shipped_timestamp_seconds",
                "When the Redis had everything of this node's ledger last, in seconds since 1970.", [], []
            )
        case .ledgerShipFailures:
            (.counter, "gateway_ledger_ship_failures", "Times that telling the Redis of this node's ledger failed.", [], [])
        case .pluginImages:
            (.gauge, "gateway_plugin_images", "Plugin binaries mapped into the process; none is ever unmapped.", [], [])
        }
    }
}

struct HostMetrics: Sendable {
    let registry: MetricsRegistry
    private let families: [MetricFamily]

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        families = HostMetric.allCases.map { metric in
            let row = metric.row
            do {
                return try registry.define(row.kind, row.name, help: row.help, labels: row.labels, bounds: row.bounds)
            } catch {
                preconditionFailure("the row of \(row.name) is malformed: \(error)")
            }
        }
    }

    /// The series of a metric with these label values, one for each of its labels.
    func series(_ metric: HostMetric, _ values: String...) -> MetricSeries {
        guard let place = HostMetric.allCases.firstIndex(of: metric), let series = families[place].series(values) else {
            preconditionFailure("\(metric.row.name) takes the labels \(metric.row.labels)")
        }
        return series
    }
}
