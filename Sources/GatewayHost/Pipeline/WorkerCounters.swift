// What happened on one loop since it started, for the metrics.
//
// Kind: loop-confined plain integers.

final class WorkerCounters {
    var connectionsAccepted: UInt64 = 0
    /// Beyond limits.connections.
    var connectionsRefused: UInt64 = 0
    var acceptFailures: UInt64 = 0
    /// Beyond limits.buffered_total.
    var bodiesRefused: UInt64 = 0
    /// Answers of the gateway's own, by who caused them.
    private(set) var refusedByClient: UInt64 = 0
    private(set) var refusedByPolicy: UInt64 = 0
    private(set) var failedUpstream: UInt64 = 0
    private(set) var failedGateway: UInt64 = 0
    /// Exchanges that ended with a response, and without one.
    private(set) var answered: UInt64 = 0
    private(set) var unanswered: UInt64 = 0

    func refused(_ source: GatewayError.Source) {
        switch source {
        case .client: refusedByClient += 1
        case .policy: refusedByPolicy += 1
        case .upstream: failedUpstream += 1
        case .gateway: failedGateway += 1
        }
    }

    func ended(status: Int) {
        if status == 0 { unanswered += 1 } else { answered += 1 }
    }
}
