// What one loop says about its connection to Redis, as series that are resolved once.
//
// Kind: loop-confined handles to shared cells.

struct RedisMetrics {
    let up: MetricSeries
    let answered: MetricSeries
    let refused: MetricSeries
    let timedOut: MetricSeries
    let lost: MetricSeries
    let unsent: MetricSeries
    let reconnects: MetricSeries
    let latency: MetricSeries
    let nodes: MetricSeries

    init(_ host: HostMetrics, loop: Int) {
        let loop = "\(loop)"
        up = host.series(.redisUp, loop)
        answered = host.series(.redisCommands, loop, "answered")
        refused = host.series(.redisCommands, loop, "refused")
        timedOut = host.series(.redisCommands, loop, "timed_out")
        lost = host.series(.redisCommands, loop, "lost")
        unsent = host.series(.redisCommands, loop, "not_sent")
        reconnects = host.series(.redisConnections, loop)
        latency = host.series(.redisLatency, loop)
        nodes = host.series(.redisNodes, loop)
    }
}
