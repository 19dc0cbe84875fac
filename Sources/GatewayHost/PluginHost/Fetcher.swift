// What gw.fetch/1 needs from whoever can perform HTTP requests on the loop.
//
// Kind: loop-confined protocol; the upstream side implements it, tests have their own.

import PluginABI

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
    /// The body lives during the call.
    case response(status: Int, headers: [(name: [UInt8], value: [UInt8])], body: Bytes)
    /// GW_E_TIMEOUT, GW_E_LIMIT when the body is too large, GW_E_ARGUMENT when the URL, a header or
    /// the proxy is malformed, GW_E_UNAVAILABLE when there was no connection or it broke. `mayHaveRun`: something of
    /// the request left. `isOfProxy`: the proxy is to blame.
    case failed(gw_error, mayHaveRun: Bool = false, isOfProxy: Bool = false)
}

/// A request that was not even begun.
struct FetchRefusal: Error {
    let error: gw_error
}

/// A fetch under way.
protocol Fetch: AnyObject {
    /// `ended` will not be called.
    func cancel()
}

protocol Fetcher: AnyObject {
    /// Starts a request, or with the method CONNECT a connection that is closed when it is there; `ended` is called once, later, on this loop, unless it is cancelled first.
    func start(_ request: FetchRequest, ended: @escaping (FetchOutcome) -> Void) throws(FetchRefusal) -> any Fetch

    /// What is remembered of connections through this proxy that failed is forgotten, on all loops.
    func reopen(_ proxy: Bytes)
}
