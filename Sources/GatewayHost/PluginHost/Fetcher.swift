// What gw.fetch/1 needs from whoever can perform HTTP requests on the loop.
//
// Kind: loop-confined protocol; the upstream side implements it, tests have their own.

/// One request of a plugin. Views live until `start` returns.
struct FetchRequest {
    var method: Bytes
    var url: Bytes
    /// Absent: direct.
    var proxy: Bytes
    var body: Bytes
    var headers: [(name: Bytes, value: Bytes)]
    var timeoutMilliseconds: UInt32
    /// Of the response's body; more ends the fetch with GW_E_LIMIT.
    var bodyLimit: Int
}

enum FetchOutcome {
    case response(status: Int, headers: [(name: [UInt8], value: [UInt8])], body: [UInt8])
    case timedOut
    /// The body is larger than the limit.
    case tooLarge
    /// The URL, a header or the proxy is malformed.
    case malformed
    /// No connection, or it broke.
    case unreachable
}

/// A fetch under way.
protocol Fetch: AnyObject {
    /// `ended` will not be called.
    func cancel()
}

protocol Fetcher: AnyObject {
    /// Starts a request; `ended` is called once, later, on this loop, unless it is cancelled first.
    func start(_ request: FetchRequest, ended: @escaping (FetchOutcome) -> Void) -> any Fetch
}
