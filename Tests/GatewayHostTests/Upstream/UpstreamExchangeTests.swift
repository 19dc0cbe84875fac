import Testing

@testable import GatewayHost

/// Real connections on loopback, dialled by libcurl.
@Suite struct UpstreamExchangeTests {
    @Test func aRequestIsAnsweredOverAFreshConnection() throws {
        let server = ScriptedServer { connection, _ in
            let request = connection.readRequest()
            #expect(request == "GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Mark: yes\r\n\r\nhello")
            connection.waitForEnd()
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        let attempt = Attempt(lab, try lab.target(server.url), "GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        attempt.begin()
        #expect(attempt.events.isEmpty, "nothing is said before dial has returned")
        lab.run()
        #expect(attempt.events == ["ready", "head", "body", "ended", "flush"])
        #expect(attempt.status == 200)
        #expect(attempt.fields["X-Mark"] == "yes")
        #expect(attempt.text == "hello")
        #expect(!attempt.wasReused)
        #expect(lab.pool.dialsTotal == 1)
    }

    @Test func theNextRequestUsesTheSameConnection() throws {
        let server = ScriptedServer { connection, _ in
            while connection.readRequest() != nil {
                connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")
            }
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        let target = try lab.target(server.url)
        let first = Attempt(lab, target)
        let second = Attempt(lab, target)
        first.onOver = {
            #expect(lab.pool.idleCount == 1)
            second.begin()
        }
        first.begin()
        lab.run()
        #expect(first.text == "abc")
        #expect(second.text == "abc")
        #expect(second.wasReused)
        #expect(server.connections == 1)
        #expect(lab.pool.reusedTotal == 1)
    }
}
