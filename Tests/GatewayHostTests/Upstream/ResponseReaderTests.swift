import Testing

@testable import GatewayHost

/// What a reader makes of bytes that arrive in pieces, as a connection would keep and feed them.
private struct Reading: Equatable {
    var head = ""
    var body = ""
    var outcome = "open"
    var leftover = 0
}

private func read(_ bytes: [UInt8], cutAt cuts: [Int], method: HTTPMethod = .post, closes: Bool = false) -> Reading {
    var reader = ResponseReader()
    reader.reset(method: method)
    var result = Reading()
    var kept: [UInt8] = []
    for (start, end) in zip([0] + cuts, cuts + [bytes.count]) {
        if result.outcome != "open" {
            result.leftover += end - start
            continue
        }
        kept += bytes[start..<end]
        var offset = 0
        kept.withUnsafeBufferPointer { buffer in
            loop: while true {
                switch reader.next(buffer, from: &offset) {
                case .needMore: break loop
                case .head(let range): result.head = String(decoding: buffer[range], as: UTF8.self)
                case .body(let range):
                    #expect(!range.isEmpty)
                    result.body += String(decoding: buffer[range], as: UTF8.self)
                case .end:
                    result.outcome = "end"
                    result.leftover = buffer.count - offset
                    break loop
                case .failed(let fault):
                    result.outcome = "\(fault)"
                    break loop
                }
            }
        }
        if result.outcome == "open" { kept.removeFirst(offset) }
    }
    if closes, result.outcome == "open" { result.outcome = reader.connectionEnded() ? "end" : "cut" }
    return result
}

@Suite struct ResponseReaderTests {
    private static let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    private static let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n"
    private static let interim =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    @Test(arguments: [length, chunked, interim, length + "EXTRA", chunked + "EXTRA"])
    func everySplitGivesTheSame(_ text: String) {
        let bytes = Array(text.utf8)
        let whole = read(bytes, cutAt: [])
        #expect(whole.body == "hello")
        #expect(whole.outcome == "end")
        #expect(whole.head.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(whole.leftover == (text.hasSuffix("EXTRA") ? 5 : 0))
        for first in 1..<bytes.count {
            #expect(read(bytes, cutAt: [first]) == whole, "cut at \(first)")
        }
        #expect(read(bytes, cutAt: Array(1..<bytes.count)) == whole, "byte by byte")
    }

    @Test func aResponseUntilCloseEndsWithTheConnection() {
        let bytes = Array("HTTP/1.1 200 OK\r\n\r\nhello".utf8)
        #expect(read(bytes, cutAt: [20]).outcome == "open")
        let reading = read(bytes, cutAt: [20], closes: true)
        #expect(reading.outcome == "end")
        #expect(reading.body == "hello")
    }

    @Test(arguments: [length, chunked])
    func aFramedResponseThatIsCutIsNoResponse(_ text: String) {
        let bytes = Array(text.utf8)
        for count in 0..<bytes.count {
            #expect(read(Array(bytes[..<count]), cutAt: [], closes: true).outcome == "cut", "after \(count) bytes")
        }
    }

    @Test(arguments: [
        (HTTPMethod.head, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
        (.post, "HTTP/1.1 204 No Content\r\n\r\n"), (.get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
        (.post, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        (.post, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ])
    func someResponsesHaveNoBody(_ method: HTTPMethod, _ text: String) {
        let reading = read(Array(text.utf8), cutAt: [], method: method)
        #expect(reading.outcome == "end")
        #expect(reading.body.isEmpty)
        #expect(reading.leftover == 0)
    }

    @Test(arguments: [
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "unrequestedUpgrade"),
        (String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 17), "headTooLarge"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "contentLengthRepeated"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunkSizeInvalid"),
        ("SSH-2.0-x\r\n", "malformedStatusLine"),
    ])
    func malformedOnesAreRefused(_ text: String, _ fault: String) {
        #expect(read(Array(text.utf8), cutAt: []).outcome == fault)
    }
}
