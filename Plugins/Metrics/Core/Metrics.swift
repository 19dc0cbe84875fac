// Metrics: counts every exchange when it is over, and serves all metrics of the process as text.
//
//     Metrics          constant: the metrics (MetricSet.swift) and attributes
//     MetricsWorker    confined: labels and series that it has met, resolved once
//
// Its only hook on a request's road is on_complete, which the host then calls for every exchange of
// the chain, also for those that another plugin refused.
//
// The scrape answers below the admin mount, which the host has authenticated, with everything in the
// host's registry: this plugin's metrics, other plugins' and the host's own.

import PluginKit

public final class Metrics: Plugin {
    public static let about = PluginDescription(
        id: "gw.metrics", version: "1.0.0", summary: "Counts exchanges and serves Prometheus and OpenMetrics text",
        schema: MetricsOptions.schema, adminMount: "/metrics")

    fileprivate let options: MetricsOptions
    fileprivate let registry: MetricsRegistry
    fileprivate let metrics: MetricSet
    fileprivate let route: Attribute
    fileprivate let model: Attribute
    fileprivate let principal: Attribute
    fileprivate let tokens: [Attribute]

    public init(_ instance: Instance) throws {
        options = try MetricsOptions(try instance.settings())
        registry = try instance.metrics()
        metrics = try MetricSet(registry, instance, byKey: options.principalLimit != nil)
        route = instance.attribute(GW_ATTR_ROUTE)
        model = instance.attribute(GW_ATTR_MODEL)
        principal = instance.attribute(GW_ATTR_PRINCIPAL)
        tokens = TokenKind.allCases.map { instance.attribute($0.attribute) }
    }

    public func makeWorker(_ worker: WorkerScope) -> MetricsWorker { MetricsWorker(self) }
}

public final class MetricsWorker: CompleteHook, AdminHook {
    /// The host's routes are few; more than this would be a mistake of the host's.
    private static let routeLimit = 16

    private let plugin: Metrics
    private let metrics: MetricSet
    private let route: Attribute
    private let model: Attribute
    private let input: Attribute
    private let output: Attribute
    private let cacheRead: Attribute
    private let cacheWrite5m: Attribute
    private let cacheWrite1h: Attribute
    /// The same in the order of `TokenKind`.
    private let tokens: [Attribute]
    private let countsKeys: Bool
    private var routes = LabelTable(limit: routeLimit)
    private var models: LabelTable
    private var keys: LabelTable
    /// Status class and route by model.
    private let requests: SeriesGrid
    private let routeSeries: SeriesRows<RouteSeries>
    private let modelSeries: SeriesRows<ModelSeries>
    private let keyRequests: SeriesGrid
    private let keyTokens: SeriesGrid

    /// Marks the exchanges that are reading these metrics and no work of the gateway.
    private struct Scrape: BitwiseCopyable {
        var isOne: UInt8 = 1
    }

    /// What is counted for a route whatever the model.
    private struct RouteSeries: BitwiseCopyable {
        let attempts: Series
        let requestBytes: Series
        let responseBytes: Series
        let duration: Series
        let firstByte: Series

        init(_ metrics: MetricSet, route: Bytes) {
            attempts = metrics.attempts.series(route)
            requestBytes = metrics.requestBytes.series(route)
            responseBytes = metrics.responseBytes.series(route)
            duration = metrics.duration.series(route)
            firstByte = metrics.firstByte.series(route)
        }
    }

    /// What is counted for a model whatever the route.
    private struct ModelSeries: BitwiseCopyable {
        let input: Series
        let output: Series
        let cacheRead: Series
        let cacheWrite5m: Series
        let cacheWrite1h: Series
        let inputUsage: Series
        let outputUsage: Series
        let duration: Series
        let firstToken: Series

        init(_ metrics: MetricSet, model: Bytes) {
            func tokens(_ kind: TokenKind) -> Series { metrics.tokens.series(model, Bytes(stringLiteral: kind.label)) }
            input = tokens(.input)
            output = tokens(.output)
            cacheRead = tokens(.cacheRead)
            cacheWrite5m = tokens(.cacheWrite5m)
            cacheWrite1h = tokens(.cacheWrite1h)
            inputUsage = metrics.tokenUsage.series("chat", "anthropic", model, "input")
            outputUsage = metrics.tokenUsage.series("chat", "anthropic", model, "output")
            duration = metrics.operationDuration.series("chat", "anthropic", model)
            firstToken = metrics.timeToFirstToken.series("chat", "anthropic", model)
        }
    }

    fileprivate init(_ plugin: Metrics) {
        self.plugin = plugin
        metrics = plugin.metrics
        route = plugin.route
        model = plugin.model
        tokens = plugin.tokens
        func attribute(_ kind: TokenKind) -> Attribute { plugin.tokens[kind.rawValue] }
        input = attribute(.input)
        output = attribute(.output)
        cacheRead = attribute(.cacheRead)
        cacheWrite5m = attribute(.cacheWrite5m)
        cacheWrite1h = attribute(.cacheWrite1h)
        countsKeys = plugin.options.principalLimit != nil
        let modelLimit = plugin.options.modelLimit
        let keyLimit = plugin.options.principalLimit ?? 0
        models = LabelTable(limit: modelLimit)
        keys = LabelTable(limit: keyLimit)
        // One number more than each limit, for "other".
        let classes = StatusClass.allCases.count
        requests = SeriesGrid(rows: classes * (Self.routeLimit + 1), columns: modelLimit + 1)
        routeSeries = SeriesRows(count: Self.routeLimit + 1)
        modelSeries = SeriesRows(count: modelLimit + 1)
        keyRequests = SeriesGrid(rows: keyLimit + 1, columns: classes)
        keyTokens = SeriesGrid(rows: keyLimit + 1, columns: TokenKind.allCases.count)
    }

    public func onComplete(_ request: Request, _ summary: Summary) {
        if request.state(Scrape.self) != nil { return }
        let status = StatusClass(summary.status)
        let route = routes.index(of: request.text(self.route), mayGrow: true)
        // A model becomes a label when an upstream has accepted it: clients may invent names.
        let modelText = request.text(self.model)
        let model = models.index(of: modelText, mayGrow: status == .success)

        requests.at(status.rawValue * (Self.routeLimit + 1) + route, model) {
            routes.withLabel(route) { route in
                models.withLabel(model) { model in
                    metrics.requests.series(route, model, Bytes(stringLiteral: status.label))
                }
            }
        }.add()
        countRoute(route, summary)
        if !modelText.isAbsent, status == .success { countModel(model, request, summary) }
        if countsKeys { countKey(request, status) }
    }

    public func onAdmin(_ request: Request) -> Verdict {
        request.makeState(Scrape())
        let method = request.header(":method")
        guard method.equals("GET") || method.equals("HEAD") else {
            return request.respond(
                status: 405, headers: [("content-type", "text/plain; charset=utf-8"), ("allow", "GET, HEAD")],
                body: "only GET and HEAD are served here\n")
        }
        let isOpenMetrics = Self.prefersOpenMetrics(request.header("accept"))
        let type =
            isOpenMetrics
            ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
            : "text/plain; version=0.0.4; charset=utf-8"
        return request.respond(
            status: 200, headers: [("content-type", type)],
            body: plugin.registry.scrape(request, openMetrics: isOpenMetrics))
    }

    // MARK: Private

    private func countRoute(_ route: Int, _ summary: Summary) {
        let series = routeSeries.at(route) { routes.withLabel(route) { RouteSeries(metrics, route: $0) } }
        if summary.attempts > 0 { series.pointee.attempts.add(Double(summary.attempts)) }
        if summary.requestBytes > 0 { series.pointee.requestBytes.add(Double(summary.requestBytes)) }
        if summary.responseBytes > 0 { series.pointee.responseBytes.add(Double(summary.responseBytes)) }
        series.pointee.duration.observe(summary.duration)
        if let seconds = summary.timeToFirstByte { series.pointee.firstByte.observe(seconds) }
    }

    private func countModel(_ model: Int, _ request: Request, _ summary: Summary) {
        // Only what generated something is an operation of a model: counting tokens is not.
        guard let output = request.integer(self.output) else { return }
        let series = modelSeries.at(model) { models.withLabel(model) { ModelSeries(metrics, model: $0) } }
        if let input = request.integer(self.input), input > 0 {
            series.pointee.input.add(Double(input))
            series.pointee.inputUsage.observe(Double(input))
        }
        if output > 0 {
            series.pointee.output.add(Double(output))
            series.pointee.outputUsage.observe(Double(output))
        }
        if let count = request.integer(cacheRead), count > 0 { series.pointee.cacheRead.add(Double(count)) }
        if let count = request.integer(cacheWrite5m), count > 0 { series.pointee.cacheWrite5m.add(Double(count)) }
        if let count = request.integer(cacheWrite1h), count > 0 { series.pointee.cacheWrite1h.add(Double(count)) }
        series.pointee.duration.observe(summary.duration)
        if request.isEventStream, let seconds = summary.timeToFirstByte { series.pointee.firstToken.observe(seconds) }
    }

    private func countKey(_ request: Request, _ status: StatusClass) {
        guard let byRequests = metrics.keyRequests, let byTokens = metrics.keyTokens else { return }
        let key = keys.index(of: request.text(plugin.principal), mayGrow: true)
        keyRequests.at(key, status.rawValue) {
            keys.withLabel(key) { byRequests.series($0, Bytes(stringLiteral: status.label)) }
        }.add()
        for kind in TokenKind.allCases {
            guard let count = request.integer(tokens[kind.rawValue]), count > 0 else { continue }
            keyTokens.at(key, kind.rawValue) {
                keys.withLabel(key) { byTokens.series($0, Bytes(stringLiteral: kind.label)) }
            }.add(Double(count))
        }
    }

    /// True if `accept` names OpenMetrics at all: whoever knows of it, as Prometheus does, prefers it.
    private static func prefersOpenMetrics(_ accept: Bytes) -> Bool {
        let name: Bytes = "application/openmetrics-text"
        guard accept.count >= name.count else { return false }
        for start in 0...(accept.count - name.count)
        where accept.slice(start, start + name.count).equalsIgnoringCase(name) { return true }
        return false
    }
}
