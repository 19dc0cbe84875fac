import CLinux
import Glibc
import Testing

@testable import GatewayHost

@Suite struct DemoUpstreamTests {
    /// Sends `text` to a fresh demonstration and returns everything it answers until it closes.
    private func exchange(_ text: String) throws -> String {
        let demo = try DemoUpstream.start(ListenAddress(host: "127.0.0.1", port: 0), pace: .zero)
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        let connected = SocketAddress.loopback(port: UInt16(demo.port)).withSystemAddress { connect(client, $0, $1) }
        try #require(connected == 0)
        let bytes = Array(text.utf8)
        #expect(send(client, bytes, bytes.count, 0) == bytes.count)
        var answer: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            var ready = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
            try #require(poll(&ready, 1, 10_000) == 1, "no end after ten seconds")
            let count = recv(client, &block, block.count, 0)
            guard count > 0 else { break }
            answer += block[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private func post(_ body: String, _ fields: String) -> String {
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: k\r\nanthropic-version: 1\r\n\(fields)\r\n\r\n\(body)"
    }

    @Test func aConnectionCarriesOneRequestAfterTheOther() throws {
        let whole = #"{"model":"m","max_tokens":2,"messages":[{"role":"user","content":"x"}]}"#
        let stream = #"{"model":"m","max_tokens":2,"stream":true,"messages":[{"role":"user","content":"x"}]}"#
        let chunked =
            "5\r\n\(stream.prefix(5))\r\n\(String(stream.utf8.count - 5, radix: 16))\r\n\(stream.dropFirst(5))\r\n0\r\n\r\n"
        let answer = try exchange(
            post(whole, "content-length: \(whole.utf8.count)")
                + "HEAD /v1/models HTTP/1.1\r\nHost: x\r\nauthorization: Bearer k\r\nanthropic-version: 1\r\n\r\n"
                + post(chunked, "transfer-encoding: chunked\r\nconnection: close"))
        let answers = answer.components(separatedBy: "HTTP/1.1 200 OK\r\n")
        try #require(answers.count == 4)
        #expect(answers[1].contains("\"text\":\"Hello from \""))
        #expect(answers[2].hasSuffix("connection: keep-alive\r\n\r\n"))
        #expect(answers[3].contains("content-type: text/event-stream") && answers[3].hasSuffix("\r\n0\r\n\r\n"))
        #expect(answers[3].contains("event: message_stop"))
    }

    @Test func whatItCannotReadIsRefusedAndTheConnectionCloses() throws {
        let bad = try exchange("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n")
        #expect(bad.hasPrefix("HTTP/1.1 400 ") && bad.contains("invalid_request_error"))
        let large = try exchange(post("", "content-length: 40000000"))
        #expect(large.hasPrefix("HTTP/1.1 413 ") && large.contains("request_too_large"))
        let waiting = try exchange(
            post("", "content-length: 0\r\nexpect: 100-continue\r\nconnection: close"))
        #expect(waiting.contains("HTTP/1.1 400 "))
    }
}

extension String {
    /// The parts between the occurrences of `separator`.
    fileprivate func components(separatedBy separator: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = self[...]
        while let place = rest.firstRange(of: separator) {
            parts.append(rest[..<place.lowerBound])
            rest = rest[place.upperBound...]
        }
        return parts + [rest]
    }
}
