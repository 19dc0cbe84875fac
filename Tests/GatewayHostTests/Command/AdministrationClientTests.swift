import Glibc
import Testing

@testable import GatewayHost

@Suite struct AdministrationClientTests {
    /// A client and the other end.
    private func pair() -> (AdministrationClient, Int32) {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        return (AdministrationClient(Descriptor(ends[0])), ends[1])
    }

    private func say(_ text: String, on socket: Int32) {
        let bytes = Array(text.utf8)
        #expect(write(socket, bytes, bytes.count) == bytes.count)
    }

    @Test func answersOfEveryFramingAreRead() throws {
        let (client, server) = pair()
        defer { close(server) }
        // All of them wait already; each call takes one.
        say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\":[1]}", on: server)
        say(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{\"b\"\r\n3\r\n:2}\r\n0\r\n\r\n",
            on: server)
        say("HTTP/1.1 204 No Content\r\n\r\n", on: server)
        say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno", on: server)
        #expect(try client.call("GET", "/x").body == ["a": [1]])
        let second = try client.call("GET", "/x")
        #expect(second.status == 404 && second.body == ["b": 2] && !second.isDone)
        #expect(try client.call("DELETE", "/x").isDone)
        let notJSON = try client.call("GET", "/x")
        #expect(notJSON.status == 200 && notJSON.body == nil)
    }

    @Test func theRequestSaysWhatItIs() throws {
        let (client, server) = pair()
        defer { close(server) }
        say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", on: server)
        _ = try client.call("PATCH", "/admin/v1/keys/k", body: ["a": 1], revision: 3)
        var bytes = [UInt8](repeating: 0, count: 1000)
        let count = read(server, &bytes, bytes.count)
        #expect(
            String(decoding: bytes[..<count], as: UTF8.self)
                == "PATCH /admin/v1/keys/k HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\nif-match: \"3\"\r\n"
                + "content-type: application/merge-patch+json\r\ncontent-length: 7\r\n\r\n{\"a\":1}")
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "SMTP\r\n\r\n",
    ])
    func aBrokenAnswerIsAFault(said: String) {
        let (client, server) = pair()
        say(said, on: server)
        close(server)
        #expect(throws: AdministrationFault.self) { try client.call("GET", "/x") }
    }
}
