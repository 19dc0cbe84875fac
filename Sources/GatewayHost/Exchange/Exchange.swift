// One request with its answer: everything plugins can see of it, and nothing of how it moves.
//
// The exchange is data. `ExchangeRunner` walks it along the road, `ClientConnection` feeds it,
// `HostTable` reads and changes it for plugins. It is recycled: `reset` ends every scope that
// belongs to one exchange and keeps the memory.
//
// A worker's `background` is an exchange too, with one scope and no client, so that operations have
// one kind of owner.
//
// Kind: loop-confined.

import PluginABI

/// What an exchange needs from whoever drives it, when an operation of a plugin ends.
protocol ExchangeDriver: AnyObject {
    /// The callback that ended `entry`'s suspension decided.
    func suspensionEnded(entry: Int, verdict: gw_verdict)
    /// What the exchange used so far, as its row in the ledger will say it; nil if that is not read.
    func currentUsage() -> gw_usage?
}

final class Exchange {
    let loop: EventLoop
    /// The loop's, for the question on which thread a plugin calls.
    let mailbox: LoopMailbox
    let isBackground: Bool
    /// Owns this exchange, and therefore outlives it.
    unowned(unsafe) var driver: (any ExchangeDriver)?

    /// Unique in this process.
    var id: UInt64 = 0
    var arena: Arena
    /// Memory that lives as long as one chunk is in the hooks' hands: what `emit` copied.
    var chunkArena: Arena
    var attributes = AttributeTable()

    // The request. Views live in the arena or in the connection's input, both stable until reset.
    var method = Bytes.absent
    var target = Bytes.absent
    /// The target without its query.
    var path = Bytes.absent
    var authority = Bytes.absent
    var requestHeaders = HeaderList()
    /// Complete from on_body on.
    var body = Bytes("")
    var bodyIsComplete = false

    // The response: of the current attempt, then of what the client is sent.
    var status = 0
    var responseHeaders = HeaderList()
    /// What `gw_request.flags` says now: the next three, and whether this is a worker's background.
    private(set) var flags: UInt32
    @inline(__always)
    var isCommitted: Bool {
        get { flags & GW_REQUEST_COMMITTED != 0 }
        set { flags = newValue ? flags | GW_REQUEST_COMMITTED : flags & ~GW_REQUEST_COMMITTED }
    }
    @inline(__always)
    var isLocal: Bool {
        get { flags & GW_REQUEST_LOCAL != 0 }
        set { flags = newValue ? flags | GW_REQUEST_LOCAL : flags & ~GW_REQUEST_LOCAL }
    }
    @inline(__always)
    var isEventStream: Bool {
        get { flags & GW_REQUEST_SSE != 0 }
        set { flags = newValue ? flags | GW_REQUEST_SSE : flags & ~GW_REQUEST_SSE }
    }

    // What plugins staged.
    var choice = UpstreamChoice(url: .absent)
    var staged: StagedResponse?
    /// Pieces that `emit` staged in the running on_chunk call; nil: the chunk passes as it is.
    var emitted: [Bytes]?
    /// Limit asked for by `buffer_response`; nil: not asked.
    var bufferResponseLimit: Int?

    /// The action that the next admin hook is to perform instead of on_admin; taken by that call.
    var action: UnsafePointer<gw_action>?
    /// The phase whose hook runs or is suspended; decides what host functions may change.
    var phase = Phase.request

    /// One per chain entry, in chain order.
    private(set) var scopes: UnsafeMutablePointer<RequestScope>
    private(set) var scopeCount = 0
    private var scopeCapacity: Int

    init(loop: EventLoop, pool: BlockPool, isBackground: Bool = false) {
        self.loop = loop
        mailbox = loop.mailbox
        self.isBackground = isBackground
        flags = isBackground ? GW_REQUEST_BACKGROUND : 0
        arena = Arena(pool: pool)
        chunkArena = Arena(pool: pool)
        scopeCapacity = 8
        scopes = .allocate(capacity: scopeCapacity)
    }

    deinit { scopes.deallocate() }

    /// Lays out one scope per chain entry. `workers` has as many elements, one address per entry.
    @inline(__always)
    func openScopes(workers: UnsafePointer<UnsafeMutablePointer<gw_worker>>, count: Int) {
        if count > scopeCapacity {
            scopes.deallocate()
            scopeCapacity = count
            scopes = .allocate(capacity: count)
        }
        let me = Unmanaged.passUnretained(self)
        for i in 0..<count {
            (scopes + i).initialize(
                to: RequestScope(
                    abi: gw_request(
                        size: UInt32(MemoryLayout<gw_request>.size),
                        flags: isBackground ? GW_REQUEST_BACKGROUND : 0, id: id, worker: workers[i],
                        user: nil),
                    exchange: me, entry: i, unsubscribed: 0, suspension: 0, pendingOperations: 0,
                    entered: false, skipped: false, suspended: false, suspendedSince: 0,
                    pausedNanoseconds: 0))
        }
        scopeCount = count
    }

    /// The pointer a plugin knows this exchange by.
    @inline(__always)
    func request(_ entry: Int) -> UnsafeMutablePointer<gw_request> {
        UnsafeMutableRawPointer(scopes + entry).assumingMemoryBound(to: gw_request.self)
    }

    /// Ends every scope of this exchange and makes it ready for the next one.
    func reset() {
        method = .absent
        target = .absent
        path = .absent
        authority = .absent
        requestHeaders.clear()
        body = Bytes("")
        bodyIsComplete = false
        clearResponse()
        isCommitted = false
        choice = UpstreamChoice(url: .absent)
        staged = nil
        emitted = nil
        bufferResponseLimit = nil
        phase = .request
        scopeCount = 0
        attributes.reset()
        arena.reset()
        if chunkArena.isUsed { chunkArena.release() }
    }

    /// Forgets the response of an attempt that was dropped.
    func clearResponse() {
        status = 0
        responseHeaders.clear()
        isLocal = false
        isEventStream = false
    }
}
