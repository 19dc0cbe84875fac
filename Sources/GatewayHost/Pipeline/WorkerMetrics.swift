// What one loop reports about itself, as series that are resolved once.
//
// Counts are added where things happen, one uncontended atomic each; figures that are read from
// somewhere else (pools, the loop's own counters) are published once a second.
//
// Kind: loop-confined handles to shared cells.

final class WorkerMetrics {
    /// How often figures that nobody adds to are published.
    static let publishMilliseconds = 1000

    let connections: MetricSeries
    let connectionsAccepted: MetricSeries
    let exchangesInFlight: MetricSeries
    let attemptsAnswered: MetricSeries
    let attemptsRefused: MetricSeries
    let attemptsFailed: MetricSeries
    let unpriced: MetricSeries
    let drains: MetricSeries
    private let departures: [MetricSeries]
    /// By the first digit of the status. Never freed, as series are.
    private let exchangesByClass: UnsafeMutablePointer<MetricSeries>
    private let refusalsBySource: [MetricSeries]
    private let longestTurn: MetricSeries
    private let turns: MetricSeries
    /// Its bounds are those of `LoopCounters`.
    private let turnLength: MetricSeries
    private let idleUpstreams: MetricSeries
    private let dialsGood: MetricSeries
    private let dialsFailed: MetricSeries
    private let dialsRefused: MetricSeries
    private let heldBytes: MetricSeries
    private let pendingOperations: MetricSeries

    private var published = Published()
    private struct Published {
        var turns: UInt64 = 0
        var turnsByLength = [UInt64](repeating: 0, count: LoopCounters.bounds.count + 1)
        var busyNanoseconds: UInt64 = 0
        var dials: UInt64 = 0
        var dialFailures: UInt64 = 0
        var dialRefusals: UInt64 = 0
    }

    init(_ host: HostMetrics, loop: Int) {
        let loop = "\(loop)"
        connections = host.series(.connections, loop)
        connectionsAccepted = host.series(.connectionsTotal, loop)
        exchangesInFlight = host.series(.exchangesInFlight, loop)
        attemptsAnswered = host.series(.attempts, loop, "answered")
        attemptsRefused = host.series(.attempts, loop, "error_status")
        attemptsFailed = host.series(.attempts, loop, "failed")
        unpriced = host.series(.unpriced, loop)
        drains = host.series(.drains, loop)
        departures = Departure.allCases.map { host.series(.departures, loop, $0.name) }
        exchangesByClass = .allocate(capacity: 6)
        for (place, name) in ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].enumerated() {
            (exchangesByClass + place).initialize(to: host.series(.exchanges, loop, name))
        }
        refusalsBySource = ["client", "policy", "upstream", "gateway"].map { host.series(.refusals, loop, $0) }
        longestTurn = host.series(.loopLag, loop)
        turns = host.series(.loopTurns, loop)
        turnLength = host.series(.loopTurnLength, loop)
        idleUpstreams = host.series(.pooledConnections, loop)
        dialsGood = host.series(.dials, loop, "connected")
        dialsFailed = host.series(.dials, loop, "failed")
        dialsRefused = host.series(.dialsRefused, loop)
        heldBytes = host.series(.heldBytes)
        pendingOperations = host.series(.pendingOperations, loop)
    }

    /// - Parameter status: as the client saw it; 0 if it saw none.
    @inline(__always)
    func exchangeEnded(status: Int) { exchangesByClass[min(status / 100, 5)].add(1) }

    func refused(_ source: GatewayError.Source) {
        let place =
            switch source {
            case .client: 0
            case .policy: 1
            case .upstream: 2
            case .gateway: 3
            }
        refusalsBySource[place].add(1)
    }

    func clientGone(_ departure: Departure) { departures[departure.rawValue].add(1) }

    /// - Parameter status: of the upstream's answer; 0 if there was none.
    @inline(__always)
    func attemptEnded(status: Int) {
        (status == 0 ? attemptsFailed : status < 400 ? attemptsAnswered : attemptsRefused).add(1)
    }

    func publish(loop: EventLoop, upstreams: UpstreamPool, operations: Int, heldBytes held: Int) {
        longestTurn.set(Double(loop.counters.takeLagMax()) / 1e9)
        turns.add(Double(loop.counters.turns - published.turns))
        published.turns = loop.counters.turns
        let lengths = loop.counters.turnsByLength
        let busy = loop.counters.busyNanoseconds
        turnLength.add(
            counts: zip(lengths, published.turnsByLength).map { $0 - $1 }, sum: Double(busy - published.busyNanoseconds) / 1e9)
        published.turnsByLength = lengths
        published.busyNanoseconds = busy
        idleUpstreams.set(Double(upstreams.idleCount))
        dialsGood.add(Double(upstreams.dialsConnectedTotal - published.dials))
        dialsFailed.add(Double(upstreams.dialFailuresTotal - published.dialFailures))
        dialsRefused.add(Double(upstreams.dialsRefusedTotal - published.dialRefusals))
        published.dials = upstreams.dialsConnectedTotal
        published.dialFailures = upstreams.dialFailuresTotal
        published.dialRefusals = upstreams.dialsRefusedTotal
        heldBytes.set(Double(held))
        pendingOperations.set(Double(operations))
    }
}
