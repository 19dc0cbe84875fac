// gw.fetch/1 in Swift words: an HTTP request of the plugin's own, on the worker's loop.
//
// Kind: value over the host's constant table; operations are [worker].

public struct Fetch: @unchecked Sendable {
    // The table is constant and lives as long as the process.
    private let table: UnsafePointer<gw_fetch>
    init(_ table: UnsafePointer<gw_fetch>) { self.table = table }

    /// Starts a request. The result's number is the status and its bytes are the body.
    /// - Parameters:
    ///   - proxy: URL of the way out; absent for a direct connection.
    ///   - bodyLimit: bytes of the response body that are accepted.
    public func start(
        _ request: Request, method: Bytes = "GET", url: Bytes, proxy: Bytes = .absent,
        headers: [(name: String, value: String)] = [], body: Bytes = .absent,
        timeoutMilliseconds: UInt32 = 30_000, bodyLimit: Int = 1 << 20,
        _ completion: @escaping Completion
    ) -> Operation? {
        withPairs(headers) { pairs in
            var fetch = gw_fetch_request()
            fetch.size = UInt32(MemoryLayout<gw_fetch_request>.size)
            fetch.timeout_ms = timeoutMilliseconds
            fetch.method = method.abi
            fetch.url = url.abi
            fetch.proxy = proxy.abi
            fetch.body = body.abi
            fetch.headers = UnsafePointer(pairs.baseAddress)
            fetch.header_count = pairs.count
            fetch.max_bytes = bodyLimit
            return CompletionBox.start(completion) {
                table.pointee.start(request.raw, &fetch, $0, $1)
            }
        }
    }
}

extension Fetch {
    /// Makes a connection to the origin of `url` as an attempt does, TLS included, whatever is remembered of earlier ones, and closes it:
    /// the origin is asked for nothing. The result has an error, or none.
    /// - Parameters:
    ///   - timeoutMilliseconds: for the connection and for TLS each.
    public func connect(
        _ request: Request, url: Bytes, proxy: Bytes = .absent, timeoutMilliseconds: UInt32, _ completion: @escaping Completion
    ) -> Operation? {
        start(request, method: "CONNECT", url: url, proxy: proxy, timeoutMilliseconds: timeoutMilliseconds, completion)
    }

    /// Requests may be sent through this proxy at once, whatever loops remember of it.
    public func reopen(_ request: Request, proxy: Bytes) {
        // A host from before has a shorter table.
        guard Int(table.pointee.size) >= MemoryLayout<gw_fetch>.size else { return }
        table.pointee.reopen(request.raw, proxy.abi)
    }
}

extension Instance {
    public func fetch() throws -> Fetch { Fetch(try query(GW_FETCH, as: gw_fetch.self)) }
}
