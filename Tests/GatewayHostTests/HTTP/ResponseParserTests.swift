// What ResponseParser accepts, and how it tells where the body ends.

import Testing

@testable import GatewayHost

/// Everything a parser says about one head, comparable.
struct ResponseReading: Equatable {
    var result: HeadResult
    var status: UInt16 = 0
    var reason = ""
    var framing = BodyFraming.none
    var keepAlive = false
    var fields: [String] = []

    init(_ wire: WireText, stops: [Int], method: HTTPMethod = .post) {
        var parser = ResponseParser()
        parser.reset(method: method)
        result = .needMore
        for stop in stops {
            let seen = wire.prefix(stop)
            result = parser.parse(seen.buffer)
            if result != .needMore { break }
        }
        guard case .complete = result else { return }
        status = parser.status
        reason = wire.text(parser.reason)
        framing = parser.framing
        keepAlive = parser.keepAlive
        fields = parser.fields.map { "\($0.name(in: wire.bytes).string)=\($0.value(in: wire.bytes).string)" }
    }

    init(_ text: String, method: HTTPMethod = .post) {
        let wire = WireText(text)
        self.init(wire, stops: [wire.count], method: method)
    }
}

@Suite struct ResponseParserTests {
    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 529 \r\nrequest-id: req_1\r\nContent-Length: 12\r\n\r\n",
        "HTTP/1.1 204\r\n\r\n", "HTTP/1.0 200 Fine answer\r\n\r\n",
    ])
    func everySplitReadsTheSame(_ text: String) {
        let wire = WireText(text)
        let whole = ResponseReading(wire, stops: [wire.count])
        #expect(whole.result == .complete(headBytes: wire.count))
        for stop in 0...wire.count { #expect(ResponseReading(wire, stops: [stop, wire.count]) == whole) }
        #expect(ResponseReading(wire, stops: Array(0...wire.count)) == whole)
    }

    @Test func statusAndReasonAreRead() {
        let reading = ResponseReading("HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\nContent-Length: 0\r\n\r\n")
        #expect(reading.status == 429)
        #expect(reading.reason == "Too Many Requests")
        #expect(reading.fields == ["retry-after=7", "Content-Length=0"])
        #expect(ResponseReading("HTTP/1.1 500\r\n\r\n").reason == "")
    }

    struct Frame: Sendable {
        var head: String
        var method: HTTPMethod = .post
        var framing: BodyFraming
        var keepAlive: Bool
    }

    static let frames: [Frame] = [
        Frame(head: "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n", framing: .length(7), keepAlive: true),
        Frame(head: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", framing: .length(0), keepAlive: true),
        Frame(head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n", framing: .chunked, keepAlive: true),
        Frame(head: "HTTP/1.1 200 OK\r\n", framing: .untilClose, keepAlive: false),
        Frame(head: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", framing: .untilClose, keepAlive: false),
        Frame(
            head: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n", framing: .length(1),
            keepAlive: true),
        Frame(head: "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n", framing: .length(1), keepAlive: false),
        Frame(head: "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n", method: .head, framing: .none, keepAlive: true),
        Frame(
            head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", method: .head, framing: .none, keepAlive: true),
        Frame(head: "HTTP/1.1 200 OK\r\n", method: .head, framing: .none, keepAlive: true),
        Frame(head: "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n", framing: .none, keepAlive: true),
        Frame(head: "HTTP/1.1 204 No Content\r\n", framing: .none, keepAlive: true),
        Frame(head: "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n", framing: .none, keepAlive: true),
        Frame(head: "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n", framing: .none, keepAlive: false),
        Frame(head: "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n", framing: .none, keepAlive: false),
        Frame(head: "HTTP/1.1 100 Continue\r\n", framing: .none, keepAlive: true),
        Frame(
            head: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n", framing: .length(1), keepAlive: false
        ),
    ]

    @Test(arguments: frames) func theFrameFollowsFromStatusMethodAndFields(_ frame: Frame) {
        let reading = ResponseReading(frame.head + "\r\n", method: frame.method)
        #expect(reading.framing == frame.framing)
        #expect(reading.keepAlive == frame.keepAlive)
    }

    @Test func interimHeadsAreFollowedByTheAnswer() {
        let wire = WireText("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
        var parser = ResponseParser()
        parser.reset(method: .post)
        guard case .complete(let first) = parser.parse(wire.buffer) else {
            Issue.record("the interim head is complete")
            return
        }
        #expect(parser.isInterim == true)
        parser.reset(method: .post)
        let rest = UnsafeBufferPointer(rebasing: wire.buffer[first...])
        #expect(parser.parse(rest) == .complete(headBytes: wire.count - first))
        #expect(parser.isInterim == false)
        #expect(parser.status == 200)
    }
}
