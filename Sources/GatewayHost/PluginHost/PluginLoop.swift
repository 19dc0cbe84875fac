// What the plugins of one loop share: pending operations, the mark of the running hook, documents
// that were parsed already, what they took from the limiter, and a way to fetch.
//
// Kind: loop-confined; made before the loop runs.

final class PluginLoop {
    let loop: EventLoop
    let host: PluginHost
    let operations: OperationTable
    let limiter: LimiterService
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
    }

    deinit {
        loop.numberHandler = nil
        HookMarks.giveBack(mark)
    }
}
