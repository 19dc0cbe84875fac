// From a C hook to the Swift object behind it, in a few instructions.
//
//     gw_instance.user -> InstanceBox -> the Plugin
//     gw_worker.user   -> WorkerBox   -> its Worker, once per hook it has
//
// The worker box keeps the object already as each protocol it conforms to, so a hook pays for one
// load and one call and never for a cast. It also keeps the host table: a global would cost a
// check for exclusive access at every use. Hooks are unwrapped by `!` and not by `unsafelyUnwrapped`,
// which would hand out a reference of its own and count it up and down in every call.
//
// Kind: InstanceBox is constant after create; WorkerBox is confined to its worker's thread.

final class InstanceBox {
    let host: UnsafePointer<gw_host>
    let plugin: AnyObject
    let makeWorker: (WorkerScope) throws -> AnyObject

    init<P: Plugin>(_ plugin: P, host: UnsafePointer<gw_host>) {
        self.host = host
        self.plugin = plugin
        makeWorker = { try plugin.makeWorker($0) }
    }
}

@usableFromInline
final class WorkerBox {
    @usableFromInline let host: UnsafePointer<gw_host>
    @usableFromInline let worker: AnyObject
    /// The same, to be used without counting.
    @usableFromInline let uncounted: Unmanaged<AnyObject>
    /// Of every error that we answer with.
    let requestID: Attribute
    let request: (any RequestHook)?
    let body: (any BodyHook)?
    let select: (any SelectHook)?
    let attempt: (any AttemptHook)?
    let response: (any ResponseHook)?
    let chunk: (any ChunkHook)?
    let complete: (any CompleteHook)?
    let admin: (any AdminHook)?
    /// Records that it watches: the host holds only pointers to them.
    var watchers: RecordWatchers?

    init(_ worker: AnyObject, host: UnsafePointer<gw_host>) {
        self.host = host
        self.worker = worker
        uncounted = .passUnretained(worker)
        requestID = Attribute(id: host.pointee.attr(GW_ATTR_REQUEST_ID))
        request = worker as? any RequestHook
        body = worker as? any BodyHook
        select = worker as? any SelectHook
        attempt = worker as? any AttemptHook
        response = worker as? any ResponseHook
        chunk = worker as? any ChunkHook
        complete = worker as? any CompleteHook
        admin = worker as? any AdminHook
    }

    /// The box of the worker that `raw` belongs to. The host starts a worker before it hands out a
    /// request of it, so `user` is set; the box outlives the call because stop comes after it.
    @inlinable @inline(__always)
    static func of(_ raw: UnsafeMutablePointer<gw_request>) -> Unmanaged<WorkerBox> {
        Unmanaged.fromOpaque(raw.pointee.worker.pointee.user.unsafelyUnwrapped)
    }
}

extension Request {
    /// The request that an operation of ours ended for.
    @inlinable @inline(__always)
    public init(completing raw: UnsafeMutablePointer<gw_request>) {
        self.init(raw: raw, host: WorkerBox.of(raw)._withUnsafeGuaranteedRef { $0.host })
    }

    /// Runs `body` with the worker object of this plugin; `type` must be its `Worker`.
    @inlinable @inline(__always)
    public func withWorker<Worker: AnyObject, Result>(_ type: Worker.Type, _ body: (Worker) -> Result) -> Result {
        // Uncounted: the box keeps it, and stop comes after every call.
        WorkerBox.of(raw)._withUnsafeGuaranteedRef { $0.uncounted }._withUnsafeGuaranteedRef { body(unsafeDowncast($0, to: type)) }
    }
}

func routeRequest(_ raw: UnsafeMutablePointer<gw_request>) -> gw_verdict {
    WorkerBox.of(raw)._withUnsafeGuaranteedRef {
        $0.request!.onRequest(Request(raw: raw, host: $0.host))
    }
}

func routeBody(_ raw: UnsafeMutablePointer<gw_request>) -> gw_verdict {
    WorkerBox.of(raw)._withUnsafeGuaranteedRef {
        $0.body!.onBody(Request(raw: raw, host: $0.host))
    }
}

func routeSelect(_ raw: UnsafeMutablePointer<gw_request>) -> gw_verdict {
    WorkerBox.of(raw)._withUnsafeGuaranteedRef {
        $0.select!.onSelect(Request(raw: raw, host: $0.host))
    }
}

func routeAttempt(
    _ raw: UnsafeMutablePointer<gw_request>, _ attempt: UnsafePointer<gw_attempt>
) -> gw_verdict {
    WorkerBox.of(raw)._withUnsafeGuaranteedRef {
        $0.attempt!.onAttempt(
            Request(raw: raw, host: $0.host), Attempt(raw: attempt))
    }
}

func routeResponse(_ raw: UnsafeMutablePointer<gw_request>) -> gw_verdict {
    WorkerBox.of(raw)._withUnsafeGuaranteedRef {
        $0.response!.onResponse(Request(raw: raw, host: $0.host))
    }
}

func routeChunk(
    _ raw: UnsafeMutablePointer<gw_request>, _ chunk: UnsafePointer<gw_chunk>
) -> gw_verdict {
    WorkerBox.of(raw)._withUnsafeGuaranteedRef {
        $0.chunk!.onChunk(Request(raw: raw, host: $0.host), Chunk(raw: chunk))
    }
}

func routeComplete(
    _ raw: UnsafeMutablePointer<gw_request>, _ summary: UnsafePointer<gw_summary>
) {
    WorkerBox.of(raw)._withUnsafeGuaranteedRef {
        $0.complete!.onComplete(
            Request(raw: raw, host: $0.host), Summary(raw: summary))
    }
}

func routeAdmin(_ raw: UnsafeMutablePointer<gw_request>) -> gw_verdict {
    WorkerBox.of(raw)._withUnsafeGuaranteedRef {
        $0.admin!.onAdmin(Request(raw: raw, host: $0.host))
    }
}
