// One exchange of a test: what the plugin may read and write, and a function per hook that drives
// it the way the gateway would, suspension included.
//
// Kind: confined to its test.

import PluginKit

final class FakeExchange {
    enum Side: Hashable {
        case request, response
        init(_ side: gw_side) { self = side == GW_REQUEST ? .request : .response }
    }

    struct Response: Equatable {
        var status: Int
        var headers: [String: String]
        var body: String
    }

    struct Upstream: Equatable {
        var url: String?
        var proxy: String?
        var account: String?
    }

    struct PendingOperation {
        let id: gw_op
        let done: RawCompletion
        let user: UnsafeMutableRawPointer?
        var error: gw_error
        var number: Int64
        var bytes: [UInt8]
        /// Ready results are delivered as soon as the hook has returned; others wait for the test.
        var isReady: Bool
    }

    var headers: [Side: [(name: String, value: String)]] = [:]
    var attributes: [gw_attr: gw_value] = [:]
    var body = ""
    /// What the provider reported so far; nil: a host that does not say.
    var usage: LedgerUsage?
    /// What `respond` staged.
    private(set) var response: Response?
    private(set) var upstream = Upstream()
    /// What the plugins before this one chose.
    var presetUpstream = Upstream()
    private(set) var emitted: [String] = []
    private(set) var unsubscribed: UInt32 = 0
    var operations: [PendingOperation] = []

    /// A hook of the plugin ran; otherwise the contract does not end the exchange for it either.
    private var wasEntered = false

    /// A background belongs to its host, which is kept by the exchanges of a test.
    private let kept: FakeHost?
    unowned let host: FakeHost
    let raw: UnsafeMutablePointer<gw_request>
    let arena = Arena()

    init(_ host: FakeHost, worker: UnsafeMutablePointer<gw_worker>, isBackground: Bool = false) {
        self.host = host
        kept = isBackground ? nil : host
        raw = arena.scope(gw_request.self)
        raw.pointee.size = UInt32(MemoryLayout<gw_request>.size)
        raw.pointee.id = 1
        raw.pointee.worker = worker
        Arena.setOwner(of: raw, self)
    }

    /// Ends everything that is pending, as the end of a worker does.
    func cancelAll() {
        while !operations.isEmpty { _ = deliver(operations.removeFirst(), error: GW_E_CANCELLED) }
    }

    /// Delivers what is ready, and what that leads to.
    func deliverReady() {
        host.enter {
            while let index = operations.firstIndex(where: \.isReady) {
                let operation = operations.remove(at: index)
                _ = deliver(operation, error: operation.error)
            }
        }
    }

    // MARK: Hooks

    private var table: gw_plugin { host.table.pointee }

    func onRequest() -> Verdict { run { table.on_request!(raw) } }
    func onBody() -> Verdict { run { table.on_body!(raw) } }

    func onSelect() -> Verdict {
        upstream = presetUpstream
        return run { table.on_select!(raw) }
    }

    func onAttempt(
        status: Int = 0, error: gw_error = GW_OK, number: Int = 1, isLast: Bool = false,
        flags: UInt32 = 0, connectedNanoseconds: UInt64 = 0, retryAfterMilliseconds: Int = 0,
        headers attemptHeaders: [(String, String)] = []
    ) -> Verdict {
        headers[.response] = attemptHeaders.map { ($0.0, $0.1) }
        var target = gw_upstream()
        return run {
            withUnsafePointer(to: &target) { target in
                var attempt = gw_attempt(
                    size: UInt32(MemoryLayout<gw_attempt>.size), number: UInt32(number),
                    flags: flags | (isLast ? GW_ATTEMPT_LAST : 0), status: Int32(status), error: error,
                    retry_after_ms: UInt32(retryAfterMilliseconds), start_ns: 0, connected_ns: connectedNanoseconds,
                    first_byte_ns: 0, upstream: target, error_body: gw_str())
                return table.on_attempt!(raw, &attempt)
            }
        }
    }

    func onResponse(
        eventStream: Bool = false, headers responseHeaders: [(String, String)] = []
    ) -> Verdict {
        headers[.response] = responseHeaders.map { ($0.0, $0.1) }
        if eventStream { raw.pointee.flags |= GW_REQUEST_SSE }
        return run { table.on_response!(raw) }
    }

    func onEvent(_ event: String, _ data: String, committed: Bool = false) -> Verdict {
        if committed { raw.pointee.flags |= GW_REQUEST_COMMITTED }
        var chunk = gw_chunk()
        chunk.size = UInt32(MemoryLayout<gw_chunk>.size)
        chunk.flags = GW_CHUNK_SSE
        chunk.raw = arena.copy("event: \(event)\ndata: \(data)\n\n")
        chunk.event = arena.copy(event)
        chunk.data = arena.copy(data)
        return run { table.on_chunk!(raw, &chunk) }
    }

    func onAdmin() -> Verdict { run { table.on_admin!(raw) } }

    /// Ends the exchange: pending operations are cancelled, leases come back, `onComplete` runs.
    /// Such a plugin is told of every exchange of its chain.
    private var hasOnlyComplete: Bool {
        table.on_request == nil && table.on_body == nil && table.on_select == nil && table.on_attempt == nil
            && table.on_response == nil && table.on_chunk == nil
    }

    func complete(
        status: Int = 200, error: gw_error = GW_OK, attempts: Int = 1, milliseconds: UInt64 = 0,
        firstByteMilliseconds: UInt64? = nil
    ) {
        host.enter {
            for operation in operations {
                _ = deliver(operation, error: GW_E_CANCELLED)
            }
            operations = []
            let start = host.clock.monotonic
            var summary = gw_summary()
            summary.size = UInt32(MemoryLayout<gw_summary>.size)
            summary.status = Int32(status)
            summary.error = error
            summary.attempts = UInt32(attempts)
            summary.start_ns = start
            summary.end_ns = start + milliseconds * 1_000_000
            summary.first_byte_ns = firstByteMilliseconds.map { start + $0 * 1_000_000 } ?? 0
            if wasEntered || hasOnlyComplete { table.on_complete?(raw, &summary) }
        }
        host.limiter.exchangeEnded(self)
    }

    // MARK: Operations

    func start(
        _ done: @escaping RawCompletion, _ user: UnsafeMutableRawPointer?, error: gw_error = GW_OK,
        number: Int64 = 0, bytes: [UInt8] = [], isReady: Bool = true
    ) -> gw_op {
        let id = FakeSignals.newOperation()
        operations.append(
            PendingOperation(
                id: id, done: done, user: user, error: error, number: number,
                bytes: bytes, isReady: isReady))
        return id
    }

    /// Ends the first operation that waits for the test.
    func finishOperation(error: gw_error = GW_OK) -> Verdict {
        host.enter { deliver(operations.removeFirst(), error: error) }
    }

    /// Waits until the first operation is signalled from elsewhere, and ends it.
    func finishSignalledOperation() async -> Verdict {
        await FakeSignals.wait(for: operations[0].id)
        return finishOperation()
    }

    func run(_ hook: () -> Verdict) -> Verdict {
        wasEntered = true
        return delivering(hook)
    }

    private func delivering(_ hook: () -> Verdict) -> Verdict {
        host.enter {
            var verdict = hook()
            while verdict == .suspend, let index = operations.firstIndex(where: \.isReady) {
                let operation = operations.remove(at: index)
                verdict = deliver(operation, error: operation.error)
            }
            return verdict
        }
    }

    private func deliver(_ operation: PendingOperation, error: gw_error) -> Verdict {
        operation.bytes.withUnsafeBufferPointer { bytes in
            var result = gw_result(
                size: UInt32(MemoryLayout<gw_result>.size), error: error, number: operation.number,
                bytes: Bytes(bytes).abi)
            return operation.done(raw, operation.user, &result)
        }
    }

    // MARK: What a test asks and sets

    func attribute(_ name: String) -> String? {
        guard let value = attributes[FakeAttributes.intern(name)], value.type == GW_TEXT else {
            return nil
        }
        return Bytes(value.text).string
    }

    func setAttribute(_ name: String, _ text: String) {
        var value = gw_value()
        value.type = GW_TEXT
        value.text = arena.copy(text)
        attributes[FakeAttributes.intern(name)] = value
    }

    func setAttribute(_ name: String, _ integer: Int) {
        var value = gw_value()
        value.type = GW_INT
        value.i = Int64(integer)
        attributes[FakeAttributes.intern(name)] = value
    }

    func header(_ name: String, of side: Side = .request) -> String? {
        headers[side, default: []].first { $0.name.lowercased() == name.lowercased() }?.value
    }

    func setHeader(_ name: String, _ value: String?, of side: Side) {
        headers[side, default: []].removeAll { $0.name.lowercased() == name.lowercased() }
        if let value { headers[side, default: []].append((name, value)) }
    }

    // MARK: What the host's functions record

    func stage(_ response: Response) { self.response = response }
    func emit(_ text: String) { emitted.append(text) }
    func unsubscribe(_ hooks: UInt32) { unsubscribed |= hooks }
    func setUpstream(_ upstream: Upstream) { self.upstream = upstream }
}
