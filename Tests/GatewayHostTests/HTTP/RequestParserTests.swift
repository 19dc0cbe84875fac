// What RequestParser accepts, and what it makes of it, however the head is cut.

import Testing

@testable import GatewayHost

/// Everything a parser says about one head, comparable.
struct RequestReading: Equatable {
    var result: HeadResult
    var method = ""
    var target = ""
    var path = ""
    var query: String?
    var host: String?
    var minorVersion: UInt8 = 1
    var framing = BodyFraming.none
    var keepAlive = false
    var expectContinue = false
    var fields: [String] = []
    var hopByHop: [String] = []

    /// Feeds growing prefixes that end at `stops`, as reads from a socket would come.
    init(_ wire: WireText, stops: [Int], limits: HTTPLimits = .standard) {
        var parser = RequestParser(limits: limits)
        result = .needMore
        for stop in stops {
            let seen = wire.prefix(stop)
            result = parser.parse(seen.buffer)
            if result != .needMore { break }
        }
        guard case .complete = result else { return }
        method = wire.text(parser.methodRange)
        target = wire.text(parser.target.whole)
        path = wire.text(parser.target.path)
        query = parser.target.query.map { wire.text($0) }
        host = parser.host.map { wire.text($0) }
        minorVersion = parser.minorVersion
        framing = parser.framing
        keepAlive = parser.keepAlive
        expectContinue = parser.expectContinue
        fields = parser.fields.map { "\($0.name(in: wire.bytes).string)=\($0.value(in: wire.bytes).string)" }
        hopByHop = parser.fields.filter(\.isHopByHop).map { $0.name(in: wire.bytes).string }
    }

    init(_ text: String, limits: HTTPLimits = .standard) {
        let wire = WireText(text)
        self.init(wire, stops: [wire.count], limits: limits)
    }
}

@Suite struct RequestParserTests {
    static let claudeCode =
        "POST /v1/messages?beta=true HTTP/1.1\r\nAccept: application/json\r\nAuthorization: Bearer token\r\n"
        + "Content-Type: application/json\r\nUser-Agent: claude-cli/2.1.330 (external, sdk-cli)\r\n"
        + "X-Claude-Code-Session-Id: 2f6c1d2e\r\nanthropic-beta: claude-code-20250219,effort-2025-11-24\r\n"
        + "anthropic-version: 2023-06-01\r\nx-api-key: key\r\nConnection: keep-alive\r\nHost: 127.0.0.1:3000\r\n"
        + "Accept-Encoding: gzip, deflate, br, zstd\r\nContent-Length: 9000\r\n\r\n"

    @Test func readsWhatClaudeCodeSends() {
        let reading = RequestReading(Self.claudeCode)
        #expect(reading.result == .complete(headBytes: Self.claudeCode.utf8.count))
        #expect(reading.method == "POST")
        #expect(reading.target == "/v1/messages?beta=true")
        #expect(reading.path == "/v1/messages")
        #expect(reading.query == "beta=true")
        #expect(reading.host == "127.0.0.1:3000")
        #expect(reading.framing == .length(9000))
        #expect(reading.keepAlive)
        #expect(reading.fields.count == 12)
        #expect(reading.fields[3] == "User-Agent=claude-cli/2.1.330 (external, sdk-cli)")
        #expect(reading.hopByHop == ["Connection"])
    }

    @Test func bodyBytesBehindTheHeadAreLeftAlone() {
        let reading = RequestReading(Self.claudeCode + "{\"model\":\u{1}\n\n")
        #expect(reading.result == .complete(headBytes: Self.claudeCode.utf8.count))
    }

    @Test(arguments: [
        claudeCode,
        "\r\nGET /v1/models HTTP/1.1\r\nHost: gw\r\n\r\n",
        "GET http://gw:80/v1/models?limit=1000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: gw\r\nX: a\u{0}b\r\n\r\n", "GET / HTTP/1.1\nHost: gw\n\n",
        "GET / HTTP/1.1\r\nHost: gw\r\n folded\r\n\r\n", "GET / HTTP/1.1\rHost: gw\r\n\r\n",
    ])
    func everySplitReadsTheSame(_ text: String) {
        let wire = WireText(text)
        let whole = RequestReading(wire, stops: [wire.count])
        #expect(whole.result != .needMore)
        for stop in 0...wire.count {
            #expect(RequestReading(wire, stops: [stop, wire.count]) == whole, "cut at \(stop)")
        }
        #expect(RequestReading(wire, stops: Array(0...wire.count)) == whole)
    }

    @Test func aParserIsReusable() {
        var parser = RequestParser()
        let wire = WireText("GET /a HTTP/1.1\r\nHost: gw\r\nContent-Length: 3\r\nConnection: close\r\n\r\n")
        let other = WireText("GET /bc HTTP/1.1\r\nHost: other\r\n\r\n")
        #expect(parser.parse(wire.buffer) == .complete(headBytes: wire.count))
        #expect(parser.parse(wire.buffer) == .complete(headBytes: wire.count))
        parser.reset()
        #expect(parser.parse(other.buffer) == .complete(headBytes: other.count))
        #expect(parser.framing == .none)
        #expect(parser.keepAlive == true)
        #expect(parser.fields.count == 1)
        #expect(parser.host.map { other.text($0) } == "other")
    }

    @Test func absoluteFormNamesTheHost() {
        let reading = RequestReading("GET HTTP://up.example:8080/v1/x?y=[1] HTTP/1.1\r\nHost: other\r\n\r\n")
        #expect(reading.host == "up.example:8080")
        #expect(reading.path == "/v1/x")
        #expect(reading.query == "y=[1]")
        let bare = RequestReading("GET https://[::1]?q HTTP/1.1\r\nHost: other\r\n\r\n")
        #expect(bare.host == "[::1]")
        #expect(bare.path == "")
        #expect(bare.query == "q")
    }

    @Test func keepAliveFollowsVersionAndConnection() {
        func keepAlive(_ version: String, _ fields: String) -> Bool {
            RequestReading("GET / HTTP/\(version)\r\nHost: gw\r\n\(fields)\r\n").keepAlive
        }
        #expect(keepAlive("1.1", ""))
        #expect(!keepAlive("1.1", "Connection: foo , CLOSE\r\n"))
        #expect(!keepAlive("1.0", ""))
        #expect(keepAlive("1.0", "Connection: Keep-Alive\r\n"))
        #expect(!keepAlive("1.0", "Connection: keep-alive, close\r\n"))
        #expect(keepAlive("1.7", ""))
    }

    @Test func expectationsCountOnlyWithABodyAndVersion11() {
        func expects(_ version: String, _ fields: String) -> Bool {
            RequestReading("POST / HTTP/\(version)\r\nHost: gw\r\nExpect: 100-Continue\r\n\(fields)\r\n").expectContinue
        }
        #expect(expects("1.1", "Content-Length: 2\r\n"))
        #expect(!expects("1.1", ""))
        #expect(!expects("1.0", "Content-Length: 2\r\n"))
    }

    @Test func connectionNamesFieldsThatStayHere() {
        let reading = RequestReading(
            "GET / HTTP/1.1\r\nHost: gw\r\nConnection: X-Hop, host, content-length, close\r\nx-hop: 1\r\n"
                + "Keep-Alive: timeout=5\r\nX-Other: 2\r\nContent-Length: 0\r\n\r\n")
        #expect(reading.hopByHop == ["Connection", "x-hop", "Keep-Alive"])
    }

    @Test func blanksAroundValuesAreNotPartOfThem() {
        let reading = RequestReading("GET / HTTP/1.1\r\nHost:gw\r\nA: \t b c\t \r\nB:\r\nC:   \r\n\r\n")
        #expect(reading.fields == ["Host=gw", "A=b c", "B=", "C="])
    }

    @Test func optionsMayAskForTheServerAsAWhole() {
        #expect(RequestReading("OPTIONS * HTTP/1.1\r\nHost: gw\r\n\r\n").path == "*")
    }

    @Test func limitsHoldAtTheExactByte() {
        var limits = HTTPLimits()
        limits.headBytes = 60
        let head = "GET / HTTP/1.1\r\nHost: gw\r\nX: \(String(repeating: "x", count: 27))\r\n\r\n"
        #expect(head.utf8.count == 60)
        #expect(RequestReading(head, limits: limits).result == .complete(headBytes: 60))
        let longer = head.replacing("X: ", with: "X: y")
        #expect(RequestReading(longer, limits: limits).result == .failed(.headTooLarge))

        limits = HTTPLimits()
        limits.targetBytes = 8
        #expect(RequestReading("GET /1234567 HTTP/1.1\r\nHost: gw\r\n\r\n", limits: limits).path == "/1234567")
        for target in ["/12345678", "/" + String(repeating: "a", count: 5000)] {
            let wire = WireText("GET \(target) HTTP/1.1\r\nHost: gw\r\n\r\n")
            for stops in [[wire.count], Array(0...wire.count)] {
                #expect(RequestReading(wire, stops: stops, limits: limits).result == .failed(.targetTooLong))
            }
        }

        limits = HTTPLimits()
        limits.fieldCount = 2
        #expect(RequestReading("GET / HTTP/1.1\r\nHost: gw\r\nA: 1\r\n\r\n", limits: limits).fields.count == 2)
        #expect(
            RequestReading("GET / HTTP/1.1\r\nHost: gw\r\nA: 1\r\nB: 1\r\n\r\n", limits: limits).result
                == .failed(.tooManyFields))
    }

    @Test func aHeadThatNeverEndsIsRefusedInTime() {
        let wire = WireText("GET / HTTP/1.1\r\nHost: gw\r\nX: " + String(repeating: "x", count: 70_000))
        #expect(RequestReading(wire, stops: [65_535]).result == .needMore)
        #expect(RequestReading(wire, stops: [65_536]).result == .failed(.headTooLarge))
        #expect(RequestReading(wire, stops: [wire.count]).result == .failed(.headTooLarge))
    }

    @Test func manyFieldsGrowTheTable() {
        let lines = (0..<127).map { "X-\($0): \($0)\r\n" }.joined()
        let reading = RequestReading("GET / HTTP/1.1\r\nHost: gw\r\n\(lines)\r\n")
        #expect(reading.fields.count == 128)
        #expect(reading.fields[127] == "X-126=126")
    }
}
