// Things that end later: timers, fetches, keys, limits. Each ends exactly once, on the worker that
// started it, also when it fails or its exchange ends first.
//
// Two ways to be told. A Swift closure (`Completion`) is the pleasant one and costs two small
// allocations. A C function (`RawCompletion`: a free function or a closure that captures nothing)
// costs none; it finds its worker object with `Request(completing:)` and `Request.withWorker(_:_:)`.
//
// The verdict that a completion returns counts if the hook that started the operation returned
// `.suspend` and still waits; otherwise it is ignored.
//
// Kind: values, confined to the worker's thread.

/// A pending operation.
public struct Operation {
    public let id: gw_op
    @inlinable init(id: gw_op) { self.id = id }
}

/// How an operation ended. Lives in: call.
public struct OperationResult {
    public let raw: UnsafePointer<gw_result>
    @inlinable public init(raw: UnsafePointer<gw_result>) { self.raw = raw }

    @inlinable public var error: gw_error { raw.pointee.error }
    /// A counter, an HTTP status, an index; the interface says.
    @inlinable public var number: Int { Int(raw.pointee.number) }
    /// Of a fetch that got no answer: something of the request left, so it may have been carried out.
    @inlinable public var mayHaveRun: Bool { error == GW_E_CANCELLED || number & Int(GW_FETCH_MAY_HAVE_RUN) != 0 }
    /// Of a fetch that got no answer: its proxy is to blame.
    @inlinable public var proxyFailed: Bool { error != GW_OK && number & Int(GW_FETCH_PROXY_FAILED) != 0 }
    @inlinable public var bytes: Bytes { Bytes(raw.pointee.bytes) }
}

public typealias Completion = (Request, OperationResult) -> Verdict

public typealias RawCompletion =
    @convention(c) (
        UnsafeMutablePointer<gw_request>, UnsafeMutableRawPointer?, UnsafePointer<gw_result>
    ) -> gw_verdict

/// Keeps a Swift closure alive while the host holds only a pointer to it.
final class CompletionBox {
    let completion: Completion
    init(_ completion: @escaping Completion) { self.completion = completion }

    /// Starts an operation whose end calls `completion`; nil if the host could not start it.
    static func start(
        _ completion: @escaping Completion, _ begin: (RawCompletion, UnsafeMutableRawPointer) -> gw_op
    ) -> Operation? {
        let box = Unmanaged.passRetained(CompletionBox(completion))
        let operation = begin(completionArrived, box.toOpaque())
        guard operation != 0 else {
            box.release()
            return nil
        }
        return Operation(id: operation)
    }
}

/// The one C function behind every Swift completion.
private func completionArrived(
    _ raw: UnsafeMutablePointer<gw_request>, _ user: UnsafeMutableRawPointer?,
    _ result: UnsafePointer<gw_result>
) -> gw_verdict {
    guard let user else { return .fail }
    let box = Unmanaged<CompletionBox>.fromOpaque(user).takeRetainedValue()
    return box.completion(Request(completing: raw), OperationResult(raw: result))
}

extension Request {
    /// Calls `completion` after `milliseconds`.
    public func after(milliseconds: UInt32, _ completion: @escaping Completion) -> Operation? {
        CompletionBox.start(completion) { host.pointee.after(raw, milliseconds, $0, $1) }
    }

    /// An operation that work elsewhere ends with `Signal.send`, once, from any thread.
    public func expect(_ completion: @escaping Completion) -> (Operation, Signal)? {
        guard
            let operation = CompletionBox.start(
                completion, { host.pointee.expect(raw, $0, $1) })
        else { return nil }
        return (operation, Signal(host: host, id: operation.id))
    }

    /// Hurries an operation to its end: its completion gets GW_E_CANCELLED, later.
    public func cancel(_ operation: Operation) { host.pointee.cancel(raw, operation.id) }
}

/// The far end of `Request.expect`, which may travel to any thread or task.
public struct Signal: @unchecked Sendable {
    // The host table is immutable and lives as long as the process; an id is a number.
    let host: UnsafePointer<gw_host>
    let id: gw_op

    /// False if the operation was over already, which is harmless.
    @discardableResult
    public func send() -> Bool { host.pointee.signal(id) == GW_OK }
}
