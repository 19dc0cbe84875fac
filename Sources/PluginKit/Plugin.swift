// What a Swift plugin is: a class per configured instance, an object per worker, and the hooks
// that the worker object says it has by conforming to their protocols.
//
//     instance   `Plugin`           made once per entry of the chain, on the control thread
//     worker     `Plugin.Worker`    made once per event loop; its hooks run on that loop's thread
//
// A hook that the worker type does not conform to is NULL in the table, so the host never calls
// it. The worker object needs no lock: one thread runs all of its hooks, one after the other. What
// workers share hangs on the plugin object and is atomic or constant.
//
// Kind: vocabulary. PluginTable.swift makes the C table from it.

/// One entry of the configured chain.
public protocol Plugin: AnyObject {
    /// The object that owns the state of one event loop and conforms to the hook protocols.
    associatedtype Worker: AnyObject

    static var about: PluginDescription { get }

    /// Reads the configuration and resolves what the hooks will need: attributes, metrics,
    /// services. A thrown error refuses the configuration, and its text goes to the operator.
    /// - Thread: [control], may block.
    init(_ instance: Instance) throws

    /// Makes the object of one worker.
    /// - Thread: [worker], before its first request.
    func makeWorker(_ worker: WorkerScope) throws -> Worker
}

extension Plugin where Worker == Self {
    /// A plugin without state per worker is its own worker; then every thread calls it at once.
    public func makeWorker(_ worker: WorkerScope) -> Self { self }
}

/// What the host and people are told about a plugin before it runs.
public struct PluginDescription: Sendable {
    /// Reverse domain name, or `gw.<name>` for the bundled ones.
    public let id: StaticString
    public let version: StaticString
    /// One line for people.
    public let summary: StaticString
    /// JSON Schema of the configuration; the host validates before `init` sees it.
    public let schema: String?
    /// A configuration that would let this plugin fail open is invalid.
    public let failClosed: Bool
    /// What `StateHandover` saves is loaded after a restart of the gateway, too, unless the machine was restarted. It is a minute old
    /// at most.
    public let keepsState: Bool
    /// Where `onAdmin` answers unless the operator says otherwise.
    public let adminMount: StaticString?
    /// What people manage of it: the declaration of gw.admin/1, as docs/PLUGINS.md describes it.
    public let resources: String?

    public init(
        id: StaticString, version: StaticString, summary: StaticString, schema: String? = nil,
        failClosed: Bool = false, keepsState: Bool = false, adminMount: StaticString? = nil, resources: String? = nil
    ) {
        self.id = id
        self.version = version
        self.summary = summary
        self.schema = schema
        self.failClosed = failClosed
        self.keepsState = keepsState
        self.adminMount = adminMount
        self.resources = resources
    }
}

/// Why a plugin refuses to start, in words for the operator: what, where, how to mend it.
public struct PluginError: Error, CustomStringConvertible {
    /// The place that is wrong, as a JSON pointer; nil if it is none.
    public let pointer: String?
    public let reason: String

    public init(_ reason: String, at pointer: String? = nil) {
        self.reason = reason
        self.pointer = pointer
    }

    public var description: String { pointer.map { "\($0.isEmpty ? "/" : $0): \(reason)" } ?? reason }
}

// The hooks, in the order of an exchange. All of them run on the worker's thread and must not
// block. gateway_plugin.h says which verdicts each may return.

/// Headers are in, the body is not: the cheap place to refuse.
public protocol RequestHook: AnyObject {
    func onRequest(_ request: Request) -> Verdict
}

/// The body is complete, contiguous, maybe empty.
public protocol BodyHook: AnyObject {
    func onBody(_ request: Request) -> Verdict
}

/// Before each attempt: choose or adjust the upstream.
public protocol SelectHook: AnyObject {
    func onSelect(_ request: Request) -> Verdict
}

/// An attempt got response headers, or failed.
public protocol AttemptHook: AnyObject {
    func onAttempt(_ request: Request, _ attempt: Attempt) -> Verdict
}

/// Headers of the accepted response.
public protocol ResponseHook: AnyObject {
    func onResponse(_ request: Request) -> Verdict
}

/// Bytes of the response body, or exactly one server-sent event.
public protocol ChunkHook: AnyObject {
    func onChunk(_ request: Request, _ chunk: Chunk) -> Verdict
}

/// The exchange is over; called once for every exchange in which another hook was entered.
public protocol CompleteHook: AnyObject {
    func onComplete(_ request: Request, _ summary: Summary)
}

/// A request below the admin mount; the host has authenticated it already.
public protocol AdminHook: AnyObject {
    func onAdmin(_ request: Request) -> Verdict
}

/// State that a new generation takes over from the old one: a snapshot in bytes that the plugin
/// itself gives a version, because the two may be different binaries. Conformed to by the `Plugin`.
public protocol StateHandover: AnyObject {
    /// - Thread: [control], while the workers of this instance still serve.
    func saveState() -> [UInt8]
    /// Bytes that it cannot read are an error, which loses the snapshot and nothing else.
    /// - Thread: [control], after `init` and before the first worker.
    func loadState(_ bytes: Bytes) throws
}

public typealias Verdict = gw_verdict

extension gw_verdict {
    /// On to the next plugin.
    @inlinable public static var `continue`: gw_verdict { GW_CONTINUE }
    /// Wait for an operation that this hook started; its completion decides.
    @inlinable public static var suspend: gw_verdict { GW_SUSPEND }
    /// Answer with what `respond` staged; before the commit only.
    @inlinable public static var respond: gw_verdict { GW_RESPOND }
    /// Drop this attempt and select an upstream again; before the commit only.
    @inlinable public static var retry: gw_verdict { GW_RETRY }
    /// End the response after what `emit` staged in this call.
    @inlinable public static var finish: gw_verdict { GW_FINISH }
    /// This plugin failed; the operator's policy decides what that means.
    @inlinable public static var fail: gw_verdict { GW_FAIL }
}
