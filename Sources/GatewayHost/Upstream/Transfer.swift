// One whole HTTP request and its answer, done by libcurl: for the control plane (credential refresh,
// price lists, webhooks, what plugins fetch), where cost does not matter and a redirect, an
// environment's proxy or an unverified certificate would.
//
// Kind: loop-confined. Invariants: 1. the handler is told once, in a later turn than `start`, and
// never after cancel. 2. the body never grows beyond the limit it was started with.

import CCurl
import Glibc

/// What to ask for. The views need live only while `TransferQueue.start` runs.
struct TransferRequest {
    var method = Bytes("GET")
    /// http:// or https://, with path and query.
    var url: Bytes
    var headers: [(name: Bytes, value: Bytes)] = []
    var body = Bytes.absent
    /// As for a target; absent or empty means direct.
    var proxy = Bytes.absent
    /// For everything together, waiting for a turn included.
    var milliseconds: UInt32 = 30_000
    /// Of the response's body, in bytes.
    var bodyLimit = 1 << 20
}

enum TransferResult {
    /// Any status is a response. The body is valid during the call.
    case response(status: Int, body: Bytes)
    case failed(UpstreamFault)
}

protocol TransferHandler: AnyObject {
    func transferEnded(_ transfer: Transfer, _ result: TransferResult)
}

final class Transfer: CurlJob, TimerHandler {
    unowned let queue: TransferQueue
    private var handler: (any TransferHandler)?
    private var timer: LoopTimer!
    private let authority: HostPort
    private let proxy: ProxyAddress?
    /// Origin and way, for a fair share of what runs at a time.
    let place: DialMemory.Place
    private let milliseconds: UInt32
    private let bodyLimit: Int
    private var list: UnsafeMutablePointer<curl_slist>?
    private let sent: UnsafeMutablePointer<UInt8>?
    fileprivate var received: [UInt8] = []
    /// Of the response, in order; what a proxy said while it connected is not among them.
    private(set) var responseHeaders: [(name: [UInt8], value: [UInt8])] = []
    private var headerBytes = 0
    /// Names and values together; libcurl itself stops at 300 KB.
    private static let headerByteLimit = 64 << 10
    fileprivate var isTooLarge = false
    private(set) var isOver = false

    init(_ request: TransferRequest, queue: TransferQueue, for handler: any TransferHandler) throws(UpstreamFault) {
        authority = try Transfer.authority(of: request.url)
        proxy = request.proxy.isEmpty ? nil : try ProxyAddress(request.proxy)
        place = DialMemory.Place(host: authority.host, port: authority.port, proxy: Array(request.proxy.buffer))
        try Transfer.check(request)
        self.queue = queue
        self.handler = handler
        milliseconds = request.milliseconds
        bodyLimit = request.bodyLimit
        if let base = request.body.base {
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(request.body.count, 1))
            copy.update(from: base, count: request.body.count)
            sent = copy
        } else {
            sent = nil
        }
        super.init()
        timer = LoopTimer(self)
        configure(request)
    }

    deinit {
        curl_slist_free_all(list)
        sent?.deallocate()
    }

    private func configure(_ request: TransferRequest) {
        easy.set(CURLOPT_URL, request.url.string)
        easy.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        easy.set(CURLOPT_CONNECTTIMEOUT_MS, Int(milliseconds))
        // A connection of its own: nothing of one account is left for the next.
        easy.set(CURLOPT_FRESH_CONNECT, 1)
        easy.set(CURLOPT_FORBID_REUSE, 1)
        easy.setProxy(proxy, authorities: queue.caFile)
        if let file = queue.caFile { easy.set(CURLOPT_CAINFO, file) }
        let method = HTTPMethod(request.method)
        if sent != nil || method == .post || method == .put || method == .patch {
            // Without a body these still say so: many servers refuse them without a length.
            easy.set(CURLOPT_POST, 1)
            _ = gwc_set_size(easy.handle, CURLOPT_POSTFIELDSIZE_LARGE, request.body.count)
            if let sent {
                _ = gwc_set_pointer(easy.handle, CURLOPT_POSTFIELDS, sent)
            } else {
                easy.set(CURLOPT_COPYPOSTFIELDS, "")
            }
        } else if method == .head {
            easy.set(CURLOPT_NOBODY, 1)
        }
        if method != .head { easy.set(CURLOPT_CUSTOMREQUEST, request.method.string) }
        var hasContentType = false
        for (name, value) in request.headers {
            if name.equalsIgnoringCase(Bytes("content-type")) { hasContentType = true }
            // libcurl takes "Name:" for an order to leave its own header out, "Name;" for an empty one.
            append(value.isEmpty ? "\(name.string);" : "\(name.string): \(value.string)")
        }
        append("Expect:")
        if !hasContentType { append("Content-Type:") }
        _ = gwc_set_list(easy.handle, CURLOPT_HTTPHEADER, list)
        _ = gwc_set_write(easy.handle, transferReceived, Unmanaged.passUnretained(self).toOpaque())
        easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        _ = gwc_set_header(easy.handle, transferHeaderArrived, Unmanaged.passUnretained(self).toOpaque())
    }

    private func append(_ line: String) { list = curl_slist_append(list, line) }

    /// The clock runs from here, waiting included.
    func arm() { queue.loop.arm(timer, at: queue.loop.now.adding(milliseconds: Int(milliseconds))) }

    /// Ends it; the handler will not be called.
    func cancel() {
        handler = nil
        end()
    }

    // MARK: Ends

    override func finished(_ code: CURLcode) {
        if code == CURLE_OK {
            let status = easy.number(CURLINFO_RESPONSE_CODE)
            received.withUnsafeBytes { tell(.response(status: status, body: Bytes($0.isEmpty ? Bytes("").raw : $0))) }
        } else {
            fail(fault(code))
        }
    }

    /// No answer: says whether anything of the request left. Connecting, a proxy's part included, is over then.
    private func fail(_ fault: UpstreamFault) {
        var fault = fault
        fault.requestMayHaveRun = easy.microseconds(CURLINFO_PRETRANSFER_TIME_T) > 0
        tell(.failed(fault))
    }

    override func cancelled() {
        tell(.failed(UpstreamFault(.cancelled, "the request to \(authority) was not finished")))
    }

    func timerFired(_ timer: LoopTimer) {
        fail(UpstreamFault(.timeoutIdle, "\(authority) did not answer within \(milliseconds) ms"))
    }

    private func tell(_ result: TransferResult) {
        let handler = handler
        self.handler = nil
        end()
        handler?.transferEnded(self, result)
    }

    private func end() {
        guard !isOver else { return }
        isOver = true
        queue.loop.disarm(timer)
        queue.ended(self)
    }

    private func fault(_ code: CURLcode) -> UpstreamFault {
        switch code {
        case CURLE_WRITE_ERROR where isTooLarge:
            return UpstreamFault(.limit, "the answer of \(authority) is longer than \(bodyLimit) bytes")
        case CURLE_PEER_FAILED_VERIFICATION:
            return UpstreamFault(
                .tls, "the certificate of \(authority) was refused: it is not trusted or not for this name")
        case CURLE_SSL_CONNECT_ERROR:
            return UpstreamFault(.tls, "the TLS handshake with \(authority) failed")
        case CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE:
            return UpstreamFault(.closed, "\(authority) closed the connection before its answer was complete")
        case CURLE_RECV_ERROR where easy.number(CURLINFO_HTTP_CONNECTCODE) < 300,
            CURLE_SEND_ERROR:
            return UpstreamFault(.closed, "the connection to \(authority) broke")
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_HTTP2:
            return UpstreamFault(.malformed, "what \(authority) answers is not HTTP")
        default:
            return DialFault.of(code, easy, to: authority, through: proxy, milliseconds: milliseconds)
        }
    }

    // MARK: What may be asked for

    private static func authority(of url: Bytes) throws(UpstreamFault) -> HostPort {
        let isTLS = url.afterScheme("https") != nil
        guard let rest = url.afterScheme("https") ?? url.afterScheme("http"), url.count <= 8192,
            !rest.buffer.contains(where: { $0 <= 0x20 || $0 >= 0x7f })
        else {
            throw UpstreamFault(
                .badURL, "a URL to fetch must be http:// or https://, without blanks, and at most 8192 bytes long")
        }
        let end = rest.buffer.firstIndex { [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains($0) }
        switch HostPort.parse(rest.slice(0, end ?? rest.count), defaultPort: isTLS ? 443 : 80) {
        case .success(let authority): return authority
        case .failure(let reason): throw UpstreamFault(.badURL, "the URL to fetch cannot be used: \(reason.text)")
        }
    }

    /// libcurl writes method and headers as they are, so nothing in them may begin another line.
    private static func check(_ request: TransferRequest) throws(UpstreamFault) {
        guard request.method.count > 0, request.method.buffer.allSatisfy(HTTPCharacters.isToken) else {
            throw UpstreamFault(.badURL, "the method of a fetch must be a word such as GET")
        }
        for (name, value) in request.headers {
            guard name.count > 0, name.buffer.allSatisfy(HTTPCharacters.isToken) else {
                throw UpstreamFault(.badURL, "a header name of a fetch has a character that names may not contain")
            }
            guard !value.buffer.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7f }) else {
                throw UpstreamFault(.badURL, "header \(name.string) of a fetch contains a control character")
            }
        }
    }

    /// One line of a head, with its line end. A status line begins another response: the ones before
    /// were interim.
    fileprivate func takeHeader(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        if line.starts(with: "HTTP/".utf8) {
            responseHeaders.removeAll()
            headerBytes = 0
            return true
        }
        headerBytes += line.count
        guard headerBytes <= Transfer.headerByteLimit else {
            isTooLarge = true
            return false
        }
        guard let colon = line.firstIndex(of: 0x3a) else { return true }
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a }
        var value = line[(colon + 1)...].drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        responseHeaders.append((Array(line[..<colon]), Array(value)))
        return true
    }

    fileprivate func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        isTooLarge = received.count + bytes.count > bodyLimit
        if isTooLarge { return false }
        received.append(contentsOf: bytes)
        return true
    }
}

private func transferHeaderArrived(
    _ bytes: UnsafeMutablePointer<CChar>?, _ one: Int, _ count: Int, _ user: UnsafeMutableRawPointer?
) -> Int {
    guard let user, let bytes else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(user).takeUnretainedValue()
    let line = UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self)
    return transfer.takeHeader(UnsafeBufferPointer(start: line, count: one * count)) ? one * count : 0
}

private func transferReceived(
    _ bytes: UnsafeMutablePointer<CChar>?, _ one: Int, _ count: Int, _ user: UnsafeMutableRawPointer?
) -> Int {
    guard let user, let bytes else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(user).takeUnretainedValue()
    let taken = UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self)
    // Anything but the whole count tells libcurl to stop.
    return transfer.take(UnsafeBufferPointer(start: taken, count: one * count)) ? one * count : 0
}
