// What a loop's thread needs to make its worker.
//
// Kind: value; made on the control thread, used once on the loop's.

struct WorkerPlan: Sendable {
    let config: GatewayConfig
    let chain: ChainGeneration
    let shared: GatewayShared
    let host: PluginHost
    /// Listening descriptors of this loop, each with what is spoken on it and where it leads.
    let sockets: [ListeningPlace]
    /// The socket in the data folder, owned as theirs are; nil: another loop has it, or nobody.
    var folderSocket: Int32?
    let upstreamTLS: TLSClientSource
    let admin: AdminDesk
    /// Of the workers as plugins know them: GW_WORKER_...
    var flags: UInt32 = 0

    /// - Parameter ready: runs on the loop once the chain has its records and the worker listens, or with why not.
    /// - Thread: the loop's, before its first turn.
    func makeWorker(on loop: EventLoop, ready: @escaping (GatewayFault?) -> Void) throws -> Worker {
        let blocks = BlockPool()
        let upstreams = UpstreamPool(
            loop: loop, blocks: blocks, tls: upstreamTLS, settings: UpstreamSettings(config), reopened: shared.reopenedWays)
        let plugins = PluginLoop(loop: loop, host: host, blocks: blocks)
        plugins.fetcher = PluginFetcher(upstreams)
        let chainWorker = ChainWorker(generation: chain, place: plugins, index: loop.index, flags: flags)
        try chainWorker.start()
        let worker = Worker(
            loop: loop, shared: shared, blocks: blocks, upstreams: upstreams, plugins: plugins, chain: chainWorker,
            config: config)
        worker.station = AdminStation(admin, loop, config)
        // The worker owns the chain worker, which is what calls this.
        chainWorker.whenReady { [unowned worker] fault in
            if let fault { return ready(GatewayFault("\(fault)")) }
            do {
                for place in sockets { try worker.listen(Descriptor(place.descriptor), tls: place.tls, door: place.door) }
                if let folderSocket { try worker.listen(folder: Descriptor(folderSocket)) }
                ready(nil)
            } catch {
                ready(GatewayFault("\(error)"))
            }
        }
        return worker
    }
}

/// One listening socket of one loop.
struct ListeningPlace: Sendable {
    /// Owned by whoever holds the place, until a worker listens on it.
    let descriptor: Int32
    /// nil: plain HTTP.
    let tls: TLSServerContext?
    let door: Door
}

extension UpstreamSettings {
    init(_ config: GatewayConfig) {
        self.init()
        connectMilliseconds = UInt32(clamping: config.timeouts.connect.milliseconds)
        tlsMilliseconds = UInt32(clamping: config.timeouts.tlsHandshake.milliseconds)
        firstByteMilliseconds = UInt32(clamping: config.timeouts.firstByte.milliseconds)
        idleMilliseconds = UInt32(clamping: config.timeouts.idle.milliseconds)
        keptMilliseconds = UInt32(clamping: config.pool.idleTime.milliseconds)
        keptConnections = config.pool.idlePerTarget
        caFile = config.upstream.caFile
    }
}
