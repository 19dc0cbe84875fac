// Messages that two readers could frame differently, and what refuses them. One row, one shape.

import Testing

@testable import GatewayHost

@Suite struct SmugglingTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var text: String
        var fault: HTTPFault
        var testDescription: String { "\(fault): \(text.debugDescription)" }

        init(_ text: String, _ fault: HTTPFault) {
            self.text = text
            self.fault = fault
        }

        /// A request that is right but for these lines.
        static func fields(_ lines: String, _ fault: HTTPFault) -> Row {
            Row("POST / HTTP/1.1\r\nHost: gw\r\n\(lines)\r\n\r\n", fault)
        }

        static func line(_ line: String, _ fault: HTTPFault) -> Row {
            Row("\(line)\r\nHost: gw\r\n\r\n", fault)
        }
    }

    static let requests: [Row] = [
        .fields("Content-Length: 5\r\nTransfer-Encoding: chunked", .contentLengthWithTransferEncoding),
        .fields("Transfer-Encoding: chunked\r\nContent-Length: 5", .contentLengthWithTransferEncoding),
        .fields("Content-Length: 5\r\nContent-Length: 5", .contentLengthRepeated),
        .fields("Content-Length: 5\r\nContent-Length: 6", .contentLengthRepeated),
        .fields("Content-Length: 5, 5", .contentLengthInvalid),
        .fields("Content-Length: +5", .contentLengthInvalid),
        .fields("Content-Length: -5", .contentLengthInvalid),
        .fields("Content-Length: 0x5", .contentLengthInvalid),
        .fields("Content-Length: 5 5", .contentLengthInvalid),
        .fields("Content-Length:", .contentLengthInvalid),
        .fields("Content-Length: 18446744073709551617", .contentLengthInvalid),
        .fields("Content-Length: 5;", .contentLengthInvalid),
        .fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .transferEncodingRepeated),
        .fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", .transferEncodingRepeated),
        .fields("Transfer-Encoding: gzip, chunked", .transferEncodingUnknown),
        .fields("Transfer-Encoding: chunked, chunked", .transferEncodingUnknown),
        .fields("Transfer-Encoding: chunked;q=1", .transferEncodingUnknown),
        .fields("Transfer-Encoding: xchunked", .transferEncodingUnknown),
        .fields("Transfer-Encoding: \"chunked\"", .transferEncodingUnknown),
        .fields("Transfer-Encoding: identity", .transferEncodingUnknown),
        .fields("Transfer-Encoding:", .transferEncodingUnknown),
        .fields("Transfer-Encoding: \u{b}chunked", .controlByte),
        .fields("Transfer-Encoding : chunked", .whitespaceBeforeColon),
        .fields("Transfer-Encoding\t: chunked", .whitespaceBeforeColon),
        .fields("Transfer Encoding: chunked", .fieldNameInvalid),
        .fields(" Transfer-Encoding: chunked", .foldedLine),
        .fields("X: a\r\n b", .foldedLine),
        .fields("X: a\r\n\tb", .foldedLine),
        .fields("X: a\nContent-Length: 5", .bareLineFeed),
        .fields("X: a\rContent-Length: 5", .bareCarriageReturn),
        .fields("X: a\r\r\nY: b", .bareCarriageReturn),
        .fields("X: a\u{0}", .controlByte),
        .fields("X\u{0}: a", .controlByte),
        .fields("X: a\u{7f}", .controlByte),
        .fields("X: a\u{1b}[0m", .controlByte),
        .fields(": a", .fieldNameMissing),
        .fields("X", .colonMissing),
        .fields("X(y): a", .fieldNameInvalid),
        .fields("\u{e9}: a", .fieldNameInvalid),
        .fields("Host: gw", .hostRepeated),
        .fields("Host: other", .hostRepeated),
        .fields("Expect: 200-ok", .expectationUnknown),
        .fields("Connection: " + String(repeating: "a,", count: 33), .tooManyConnectionOptions),
        Row("GET / HTTP/1.1\r\n\r\n", .hostMissing),
        Row("GET http://gw/ HTTP/1.1\r\n\r\n", .hostMissing),
        Row("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .hostInvalid),
        Row("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .hostInvalid),
        Row("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", .hostInvalid),
        Row("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .hostInvalid),
        Row("GET / HTTP/1.1\nHost: gw\r\n\r\n", .bareLineFeed),
        Row("\r\n\r\nGET / HTTP/1.1\r\n", .malformedRequestLine),
        Row("\nGET / HTTP/1.1\r\nHost: gw\r\n\r\n", .bareLineFeed),
        Row("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
        .line("GET / HTTP/1.1 ", .malformedVersion),
        .line("GET /  HTTP/1.1", .malformedVersion),
        .line("GET  / HTTP/1.1", .malformedRequestLine),
        .line(" GET / HTTP/1.1", .malformedRequestLine),
        .line("GET\t/ HTTP/1.1", .malformedRequestLine),
        .line("GET /", .malformedRequestLine),
        .line("GET", .malformedRequestLine),
        .line("G(T / HTTP/1.1", .malformedRequestLine),
        .line("GET / http/1.1", .malformedVersion),
        .line("GET / HTTP/11", .malformedVersion),
        .line("GET / HTTP/1.10", .malformedVersion),
        .line("GET / HTTP/0.9", .unsupportedVersion),
        .line("GET / HTTP/3.0", .unsupportedVersion),
        .line("PRI * HTTP/2.0", .unsupportedVersion),
        .line("CONNECT gw:443 HTTP/1.1", .unsupportedMethod),
        .line("\(String(repeating: "M", count: 33)) / HTTP/1.1", .unsupportedMethod),
        .line("GET * HTTP/1.1", .badTarget),
        .line("OPTIONS *x HTTP/1.1", .badTarget),
        .line("GET gw/x HTTP/1.1", .badTarget),
        .line("GET ftp://gw/x HTTP/1.1", .badTarget),
        .line("GET http:///x HTTP/1.1", .badTarget),
        .line("GET http://user@gw/x HTTP/1.1", .badTarget),
        .line("GET /x#y HTTP/1.1", .badTarget),
        .line("GET /x\\y HTTP/1.1", .badTarget),
        .line("GET /\u{e9} HTTP/1.1", .badTarget),
        .line("GET /?\u{e9} HTTP/1.1", .badTarget),
        .line("GET /\u{0} HTTP/1.1", .controlByte),
    ]

    @Test(arguments: requests) func requestIsRefused(_ row: Row) {
        let wire = WireText(row.text)
        #expect(RequestReading(wire, stops: [wire.count]).result == .failed(row.fault))
        #expect(RequestReading(wire, stops: Array(0...wire.count)).result == .failed(row.fault))
    }

    static let responses: [Row] = [
        Row(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            .contentLengthWithTransferEncoding),
        Row("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", .contentLengthRepeated),
        Row("HTTP/1.1 200 OK\r\nContent-Length: 5,5\r\n\r\n", .contentLengthInvalid),
        Row("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .transferEncodingUnknown),
        Row("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
        Row("HTTP/1.1 200 OK\r\nX : a\r\n\r\n", .whitespaceBeforeColon),
        Row("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", .foldedLine),
        Row("HTTP/1.1 200 OK\r\nX: a\n\r\n", .bareLineFeed),
        Row("HTTP/1.1 200 OK\nX: a\r\n\r\n", .bareLineFeed),
        Row("HTTP/1.1 200 O\u{0}K\r\n\r\n", .controlByte),
        Row("HTTP/1.1  200 OK\r\n\r\n", .malformedStatusLine),
        Row("HTTP/1.1 20 OK\r\n\r\n", .malformedStatusLine),
        Row("HTTP/1.1 2000 OK\r\n\r\n", .malformedStatusLine),
        Row("HTTP/1.1 099 OK\r\n\r\n", .malformedStatusLine),
        Row("HTTP/1.1 600 OK\r\n\r\n", .malformedStatusLine),
        Row("HTTP/2.0 200 OK\r\n\r\n", .malformedStatusLine),
        Row("HTTP/1.1 200OK\r\n\r\n", .malformedStatusLine),
        Row("ICY 200 OK\r\n\r\n", .malformedStatusLine),
        Row("\r\nHTTP/1.1 200 OK\r\n\r\n", .malformedStatusLine),
        Row("HTTP/1.1 101 Switching Protocols\r\n\r\n", .unrequestedUpgrade),
    ]

    @Test(arguments: responses) func responseIsRefused(_ row: Row) {
        let wire = WireText(row.text)
        #expect(ResponseReading(wire, stops: [wire.count]).result == .failed(row.fault))
        #expect(ResponseReading(wire, stops: Array(0...wire.count)).result == .failed(row.fault))
    }

    @Test func everyFaultHasAnErrorStatusAndASentence() {
        for fault in HTTPFault.allCases {
            #expect((400...505).contains(fault.status))
            #expect(String(describing: fault.sentence).hasSuffix("."))
        }
    }
}
