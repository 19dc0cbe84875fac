// What the plugins of one loop share: pending operations, the mark of the running hook, documents
// that were parsed already, what they took from the limiter, and a way to fetch.
//
// Kind: loop-confined; made before the loop runs.

final class PluginLoop {
    let loop: EventLoop
    let host: PluginHost
    let operations: OperationTable
    let limiter: LimiterService
    /// Keys that other gateways see; nil: they are in the memory of this process.
    private(set) var sharedKeys: SharedKeys?
    private var redis: RedisClient?
    /// Lives in: process; the watchdog and the crash report read it.
    let mark: UnsafeMutablePointer<HookMark>
    let blocks: BlockPool
    var documents = DocumentMemo()
    /// Performs gw.fetch/1; nil until the gateway gives one, and then the interface is unavailable.
    var fetcher: (any Fetcher)?
    /// Knows the prices in force; nil without a ledger.
    var pen: LedgerPen?

    init(loop: EventLoop, host: PluginHost, blocks: BlockPool) {
        self.loop = loop
        self.host = host
        self.blocks = blocks
        operations = OperationTable(loop: loop)
        limiter = LimiterService(store: host.limits, zone: host.zone)
        mark = HookMarks.take()
        loop.numberHandler = operations
        if let sharing = host.sharing { share(sharing) }
    }

    private func share(_ sharing: SharedStoreSettings) {
        let client = RedisClient(
            loop: loop, settings: sharing.client, library: SharedScripts.library,
            metrics: RedisMetrics(host.metrics, loop: loop.index), health: sharing.health)
        redis = client
        sharedKeys = SharedKeys(client, sharing, operations)
        limiter.shared = SharedLimiter(client, sharing, operations, limiter)
    }

    deinit {
        redis?.close()
        loop.numberHandler = nil
        HookMarks.giveBack(mark)
    }
}
