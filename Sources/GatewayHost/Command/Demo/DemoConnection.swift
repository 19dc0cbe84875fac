// One connection of the demonstration upstream: requests in, answers out, until either side has enough.
//
// Kind: loop-confined, to the thread that serves the connection. Every wait has a limit.

import CLinux
import Glibc

struct DemoConnection: ~Copyable {
    /// The API's own limit of a messages request.
    private static let bodyLimit = 32 << 20
    /// Longer than the gateway keeps an idle upstream connection, so that it is the one to close.
    private static let patience_ms: Int32 = 120_000

    private let socket: Int32
    private let pace: Duration
    private let nextSerial: () -> Int
    private var input: [UInt8] = []
    private var parser = RequestParser()

    init(_ socket: Int32, pace: Duration, nextSerial: @escaping () -> Int) {
        self.socket = socket
        self.pace = pace
        self.nextSerial = nextSerial
        gwl_set_option(socket, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    deinit { close(socket) }

    /// Answers requests until the connection ends.
    mutating func serve() {
        while let headBytes = readHead() {
            var request = describe(headBytes)
            let framing = parser.framing
            let keepAlive = parser.keepAlive
            if parser.expectContinue, !send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) { return }
            input.removeFirst(headBytes)
            guard readBody(framing, into: &request.body) else { return }
            guard send(DemoAnswer.answer(request), to: request, keepAlive: keepAlive), keepAlive else { return }
            parser.reset()
        }
    }

    // MARK: Reading

    /// The length of a complete head at the start of `input`; nil at the end, or after a refusal.
    private mutating func readHead() -> Int? {
        while true {
            let bytes = input
            switch bytes.withUnsafeBufferPointer({ parser.parse($0) }) {
            case .complete(let headBytes): return headBytes
            case .needMore: if !readMore() { return nil }
            case .failed(let fault):
                refuse(UInt16(fault.status), "\(fault.sentence)")
                return nil
            }
        }
    }

    private func describe(_ headBytes: Int) -> DemoRequest {
        input.withUnsafeBytes { bytes in
            let head = Bytes(bytes).slice(0, headBytes)
            var request = DemoRequest()
            request.method = parser.method
            request.path = head.slice(parser.target.path.lowerBound, parser.target.path.upperBound).string
            if let query = parser.target.query { request.query = head.slice(query.lowerBound, query.upperBound).string }
            for field in parser.fields {
                let name = field.name(in: head)
                let isEmpty = field.valueCount == 0
                if name.equalsIgnoringCase(Bytes("x-api-key")) || name.equalsIgnoringCase(Bytes("authorization")) {
                    request.hasCredential = request.hasCredential || !isEmpty
                } else if name.equalsIgnoringCase(Bytes("anthropic-version")) {
                    request.hasVersion = !isEmpty
                } else if name.equalsIgnoringCase(Bytes("content-encoding")) {
                    request.hasContentCoding = !isEmpty
                }
            }
            request.serial = nextSerial()
            return request
        }
    }

    /// False at the end of the connection, or after a refusal.
    private mutating func readBody(_ framing: BodyFraming, into body: inout [UInt8]) -> Bool {
        switch framing {
        case .none, .untilClose: return true
        case .length(let length):
            guard length <= UInt64(DemoConnection.bodyLimit) else { return refuseSize() }
            while input.count < Int(length) { if !readMore() { return false } }
            body = Array(input[..<Int(length)])
            input.removeFirst(Int(length))
            return true
        case .chunked:
            var decoder = ChunkedDecoder()
            while true {
                var offset = 0
                let bytes = input
                let event = bytes.withUnsafeBufferPointer { decoder.next($0, from: &offset) }
                if case .data(let range) = event { body += bytes[range] }
                input.removeFirst(offset)
                switch event {
                case .data: if body.count > DemoConnection.bodyLimit { return refuseSize() }
                case .end: return true
                case .needMore: if !readMore() { return false }
                case .failed(let fault):
                    refuse(400, "\(fault.sentence)")
                    return false
                }
            }
        }
    }

    private mutating func readMore() -> Bool {
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(socket, &block, block.count, 0)
            if count > 0 {
                input += block[..<count]
                return true
            }
            guard count < 0, gwl_errno() == EAGAIN || gwl_errno() == EINTR, wait(POLLIN) else { return false }
        }
    }

    private func wait(_ event: Int32) -> Bool {
        var ready = pollfd(fd: socket, events: Int16(event), revents: 0)
        return poll(&ready, 1, DemoConnection.patience_ms) > 0
    }

    // MARK: Writing

    private func refuseSize() -> Bool {
        refuse(413, "Request exceeds the maximum size")
        return false
    }

    private func refuse(_ status: UInt16, _ message: String) {
        let body = Array(message.utf8).withUnsafeBytes {
            AnthropicError.body(status: status, message: Bytes($0), requestID: Bytes(""))
        }
        // The connection ends either way.
        _ = send(head(status, "req_demo_0", [("content-length", "\(body.count)"), ("connection", "close")]) + body)
    }

    private func send(_ answer: DemoAnswer, to request: DemoRequest, keepAlive: Bool) -> Bool {
        let connection = keepAlive ? "keep-alive" : "close"
        switch answer.body {
        case .whole(let body):
            let fields = [
                ("content-type", "application/json"), ("content-length", "\(body.count)"), ("connection", connection),
            ]
            return send(head(answer.status, answer.requestID, fields) + (request.method == .head ? [] : body))
        case .events(let events):
            let fields = [
                ("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"),
                ("transfer-encoding", "chunked"), ("connection", connection),
            ]
            guard send(head(answer.status, answer.requestID, fields)) else { return false }
            for event in events {
                let chunk = Array("\(String(event.count, radix: 16))\r\n".utf8) + event + [0x0d, 0x0a]
                guard send(chunk) else { return false }
                let nanoseconds = pace.milliseconds * 1_000_000
                var pause = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
                nanosleep(&pause, nil)
            }
            return send(Array("0\r\n\r\n".utf8))
        }
    }

    private func head(_ status: UInt16, _ requestID: String, _ fields: [(String, String)]) -> [UInt8] {
        var text = "HTTP/1.1 \(status) \(Bytes(StatusLine.reason(status)).string)\r\n"
        for (name, value) in [("request-id", requestID), ("server", "gateway-demonstration")] + fields {
            text += "\(name): \(value)\r\n"
        }
        return Array((text + "\r\n").utf8)
    }

    private func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { gwl_send(socket, $0.baseAddress! + sent, $0.count - sent) }
            if count > 0 {
                sent += count
            } else {
                guard gwl_errno() == EAGAIN || gwl_errno() == EINTR, wait(POLLOUT) else { return false }
            }
        }
        return true
    }
}
