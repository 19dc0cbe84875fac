// gw.control/1 as the gateway offers it: what serves now, and a reload on request.
//
// Plugins ask on their loops; the gateway acts on its control thread. The desk is what stands between:
// a copy of what serves, and the way into the control thread's mailbox.
//
// Kind: shared.

/// A reload that somebody asked for.
struct ReloadRequest: Sendable {
    /// The configuration itself; nil: the file again.
    var text: String?
    /// Told once, on the control thread: nil, or why nothing has changed.
    var done: @Sendable (PluginFault?) -> Void = { _ in }
}

final class ControlDesk: GatewayControl {
    private let control: LoopMailbox
    private struct Shown {
        var serving: ChainGeneration?
        /// Superseded, but not destroyed: exchanges still run on them.
        var draining: [ChainGeneration] = []
    }
    private let shown = Locked(Shown())

    private let generationNumber: MetricSeries
    private let imageCount: MetricSeries

    init(control: LoopMailbox, metrics: HostMetrics) {
        self.control = control
        generationNumber = metrics.series(.generation)
        imageCount = metrics.series(.pluginImages)
    }

    /// `generation` serves from now on.
    func serves(_ generation: ChainGeneration) {
        shown.withLock { shown in
            if let old = shown.serving { shown.draining.append(old) }
            shown.serving = generation
        }
        generationNumber.set(Double(generation.number))
        imageCount.set(Double(PluginLoader.imageCount))
    }

    /// The last exchange of `generation` has ended.
    func ended(_ generation: ChainGeneration) {
        shown.withLock { $0.draining.removeAll { $0 === generation } }
    }

    /// The store has gone back, and nobody tells plugins what is no longer in it. Thread: any.
    func readRecordsAnew() {
        control.submit { loop in (loop.context as? Gateway)?.readRecordsAnew() }
    }

    func reload(config: String?, done: @escaping @Sendable (PluginFault?) -> Void) {
        let request = ReloadRequest(text: config, done: done)
        control.submit { loop in
            guard let gateway = loop.context as? Gateway else {
                return done(PluginFault("reload", "the gateway is not serving"))
            }
            gateway.reload(request)
        }
    }

    func status() -> String {
        let (serving, draining) = shown.withLock { ($0.serving, $0.draining) }
        var builder = JSONBuilder()
        builder.beginObject()
        builder.key("version")
        builder.value(HostTable.version)
        builder.key("generation")
        builder.value(Int64(serving?.number ?? 0))
        builder.key("plugins")
        builder.beginArray()
        for instance in serving?.instances ?? [] { ControlDesk.add(instance.summary, to: &builder) }
        builder.endArray()
        builder.key("draining_generations")
        builder.beginArray()
        for generation in draining { builder.value(Int64(generation.number)) }
        builder.endArray()
        builder.key("plugin_images")
        builder.value(Int64(PluginLoader.imageCount))
        builder.endObject()
        return String(decoding: builder.bytes, as: UTF8.self)
    }

    private static func add(_ instance: InstanceSummary, to builder: inout JSONBuilder) {
        builder.beginObject()
        builder.key("name")
        builder.value(instance.name)
        builder.key("plugin")
        builder.value(instance.plugin)
        builder.key("version")
        builder.value(instance.version)
        builder.key("sha256")
        builder.value(instance.contentHash)
        builder.key("quarantined")
        builder.value(instance.isQuarantined)
        builder.key("overruns")
        builder.value(Int64(instance.overruns))
        builder.key("failures")
        builder.value(Int64(instance.failures))
        builder.endObject()
    }
}
