// gw.fetch/1: an HTTP request of a plugin, performed by the loop's Fetcher.
//
// Kind: a free C function on the request's loop, and the work behind its operation.

import PluginABI

func fetchStart(
    _ request: UnsafeMutablePointer<gw_request>, _ given: UnsafePointer<gw_fetch_request>, _ done: @escaping OperationDone,
    _ user: UnsafeMutableRawPointer?
) -> gw_op {
    guard let call = HostCall(request), Int(given.pointee.size) >= MemoryLayout<gw_fetch_request>.size else { return 0 }
    let wanted = given.pointee
    guard wanted.header_count <= HeaderChange.fieldLimit, wanted.header_count == 0 || wanted.headers != nil else { return 0 }
    var headers: [(name: Bytes, value: Bytes)] = []
    for pair in UnsafeBufferPointer(start: wanted.headers, count: wanted.header_count) {
        let (name, value) = (Bytes(pair.name), Bytes(pair.value))
        guard HeaderChange.isName(name), HeaderChange.isValue(value) else { return 0 }
        headers.append((name, value))
    }
    let method = Bytes(wanted.method)
    guard method.isAbsent || HeaderChange.isName(method), UpstreamText.isClean(Bytes(wanted.url)),
        UpstreamText.isURL(Bytes(wanted.url)), UpstreamText.isClean(Bytes(wanted.proxy))
    else { return 0 }
    let place = call.place
    guard let (number, slot) = place.operations.start(call.scope, done, user) else { return 0 }
    guard let fetcher = place.fetcher else {
        place.operations.finish(slot, GW_E_UNAVAILABLE)
        return number
    }
    let work = FetchWork(operations: place.operations, operation: number)
    place.operations.attach(work, to: slot)
    place.operations.awaitBeforeStop(slot)
    let fetch = FetchRequest(
        method: method.isEmpty ? Bytes("GET") : method, url: Bytes(wanted.url), proxy: Bytes(wanted.proxy),
        body: Bytes(wanted.body), headers: headers,
        timeoutMilliseconds: wanted.timeout_ms == 0 ? FetchWork.defaultMilliseconds : wanted.timeout_ms,
        bodyLimit: wanted.max_bytes == 0 ? FetchWork.defaultBodyLimit : wanted.max_bytes)
    do throws(FetchRefusal) {
        work.fetch = try fetcher.start(fetch) { [weak work] outcome in work?.ended(outcome) }
    } catch {
        work.ended(.failed(error.error))
    }
    return number
}

func fetchReopen(_ request: UnsafeMutablePointer<gw_request>, _ proxy: gw_str) {
    guard let call = HostCall(request), UpstreamText.isClean(Bytes(proxy)), proxy.len > 0 else { return }
    call.place.fetcher?.reopen(Bytes(proxy))
}

final class FetchWork: OperationWork {
    /// Of a response's body, unless the plugin says otherwise: a token or a JSON answer, not a file.
    static let defaultBodyLimit = 1 << 20
    /// For everything together.
    static let defaultMilliseconds: UInt32 = 30_000

    private let operations: OperationTable
    private let operation: gw_op
    var fetch: (any Fetch)?
    /// Of the response that ended it; they live until the callback has returned.
    private var headers: [(name: [UInt8], value: [UInt8])] = []
    private var views: [UnsafeMutableBufferPointer<UInt8>] = []

    init(operations: OperationTable, operation: gw_op) {
        self.operations = operations
        self.operation = operation
    }

    deinit {
        for view in views { view.deallocate() }
    }

    func cancel() {
        fetch?.cancel()
        fetch = nil
    }

    func ended(_ outcome: FetchOutcome) {
        fetch = nil
        switch outcome {
        case .response(let status, let headers, let body):
            self.headers = headers
            operations.finish(operation: operation, GW_OK, number: Int64(status), bytes: body)
        case .failed(let error, let mayHaveRun, let isOfProxy):
            let number = (mayHaveRun ? GW_FETCH_MAY_HAVE_RUN : 0) | (isOfProxy ? GW_FETCH_PROXY_FAILED : 0)
            operations.finish(operation: operation, error, number: Int64(number))
        }
    }

    func header(_ name: Bytes) -> Bytes {
        for (index, field) in headers.enumerated() {
            let matches = field.name.withUnsafeBytes { Bytes($0).equalsIgnoringCase(name) }
            if matches { return header(at: index).map(\.value) ?? .absent }
        }
        return .absent
    }

    func header(at index: Int) -> (name: Bytes, value: Bytes)? {
        guard headers.indices.contains(index) else { return nil }
        return (view(headers[index].name), view(headers[index].value))
    }

    private func view(_ bytes: [UInt8]) -> Bytes {
        if bytes.isEmpty { return Bytes("") }
        let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = memory.initialize(from: bytes)
        views.append(memory)
        return Bytes(UnsafeRawBufferPointer(memory))
    }
}
