import Testing

@testable import GatewayHost

/// Exchanges over real connections on loopback, dialled by libcurl.
@Suite struct UpstreamExchangeTests {
    /// One exchange against a server that reads a request and does `script`; returns what was heard.
    private func exchange(
        _ settings: UpstreamSettings = UpstreamSettings(), _ prepare: (Attempt) -> Void = { _ in },
        sourceLocation: SourceLocation = #_sourceLocation,
        _ script: @escaping @Sendable (ServerConnection) -> Void
    ) throws -> Attempt {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            script(connection)
        }
        defer { server.stop() }
        let lab = UpstreamLab(settings)
        let attempt = Attempt(lab, try lab.target(server.url))
        prepare(attempt)
        attempt.begin()
        lab.run(sourceLocation: sourceLocation)
        return attempt
    }

    @Test func aRequestIsAnsweredOverAFreshConnection() throws {
        let server = ScriptedServer { connection, _ in
            let request = connection.readRequest()
            #expect(request == "POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody")
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Mark: yes\r\n\r\nhello")
            connection.waitForEnd()
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        let attempt = Attempt(lab, try lab.target(server.url), "POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n")
        attempt.body = lab.text("body")
        attempt.begin()
        #expect(attempt.events.isEmpty, "nothing is said before dial has returned")
        attempt.onOver = {
            #expect(lab.pool.idleCount == 1)
            lab.finish()
        }
        lab.run()
        #expect(attempt.events == ["ready", "head", "body", "ended", "flush"])
        #expect(attempt.status == 200)
        #expect(attempt.fields["X-Mark"] == "yes")
        #expect(attempt.text == "hello")
        #expect(!attempt.wasReused)
        #expect(lab.pool.dialsTotal == 1)
    }

    @Test func theNextAddressIsTriedWhenTheFirstRefuses() throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            connection.waitForEnd()
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        // localhost is ::1 first, where nobody listens.
        let attempts = try (0..<20).map { _ in Attempt(lab, try lab.target("http://localhost:\(server.port)")) }
        var over = 0
        for attempt in attempts {
            attempt.onOver = {
                over += 1
                if over == attempts.count { lab.finish() }
            }
            attempt.begin()
        }
        lab.run()
        #expect(attempts.allSatisfy { $0.text == "hi" })
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
        first.onOver = { second.begin() }
        first.begin()
        lab.run()
        #expect(first.text == "abc")
        #expect(second.text == "abc")
        #expect(second.wasReused)
        #expect(server.connections == 1)
        #expect(lab.pool.reusedTotal == 1)
    }

    @Test func aResponseMayArriveByteByByte() throws {
        let attempt = try exchange { connection in
            for byte in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".utf8 {
                connection.write([byte])
            }
            connection.waitForEnd()
        }
        #expect(attempt.text == "hello")
        #expect(attempt.events.last == "flush")
        #expect(attempt.fault == nil)
    }

    @Test func largeBodiesGoBothWays() throws {
        let size = 2 << 20
        let server = ScriptedServer { connection, _ in
            let request = Array(connection.readRequest()!.utf8)
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            connection.write(Array(request.suffix(size)))
            connection.waitForEnd()
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        let attempt = Attempt(lab, try lab.target(server.url), "POST / HTTP/1.1\r\nContent-Length: \(size)\r\n\r\n")
        attempt.body = lab.text(String(repeating: "abcdefghijklmnop", count: size / 16))
        attempt.begin()
        lab.run()
        #expect(attempt.received.count == size)
        #expect(attempt.received.elementsEqual(attempt.body.buffer))
    }

    @Test func anAnswerMayComeBeforeTheRequestWasTaken() throws {
        let server = ScriptedServer { connection, _ in
            // One byte is read; the rest of 16 MB never is.
            _ = connection.readSome(1)
            connection.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
            connection.waitForHangup()
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        let attempt = Attempt(lab, try lab.target(server.url), "POST / HTTP/1.1\r\nContent-Length: 16777216\r\n\r\n")
        attempt.body = lab.text(String(repeating: "x", count: 16 << 20))
        attempt.onHead = { #expect($0.sentBytes < 16 << 20) }
        attempt.onOver = {
            #expect(lab.pool.idleCount == 0, "a half-sent request leaves nothing to reuse")
            lab.finish()
        }
        attempt.begin()
        lab.run()
        #expect(attempt.status == 413)
        #expect(attempt.text == "big")
        #expect(attempt.fault == nil)
    }

    @Test func aPausedReaderHearsNothing() throws {
        let size = 4 << 20
        var pauses = 0
        let attempt = try exchange(
            UpstreamSettings(),
            { attempt in
                attempt.onBody = {
                    pauses += 1
                    let heard = attempt.received.count
                    attempt.connection?.pauseReading()
                    var turns = 0
                    attempt.lab.when({
                        turns += 1
                        return turns > 3
                    }) {
                        #expect(attempt.received.count == heard)
                        attempt.connection?.resumeReading()
                    }
                }
            }
        ) { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            connection.write([UInt8](repeating: 120, count: size))
            connection.waitForEnd()
        }
        #expect(attempt.received.count == size)
        #expect(pauses > 10)
        #expect(attempt.events.filter { $0 == "ended" }.count == 1)
    }

    @Test func aPauseAtTheLastByteHoldsTheEndBack() throws {
        let attempt = try exchange(
            UpstreamSettings(),
            { attempt in
                attempt.onBody = {
                    attempt.connection?.pauseReading()
                    var turns = 0
                    attempt.lab.when({
                        turns += 1
                        return turns > 2
                    }) {
                        #expect(!attempt.events.contains("ended"))
                        attempt.connection?.resumeReading()
                    }
                }
            }
        ) { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            connection.waitForEnd()
        }
        #expect(attempt.events.suffix(2) == ["ended", "flush"])
    }

    @Test func anUpstreamThatIsGoneWhilePausedIsFoundOnResume() throws {
        let attempt = try exchange(
            UpstreamSettings(),
            { attempt in
                attempt.onBody = {
                    attempt.onBody = {}
                    attempt.connection?.pauseReading()
                    var turns = 0
                    attempt.lab.when({
                        turns += 1
                        return turns > 50
                    }) { attempt.connection?.resumeReading() }
                }
            }
        ) { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
            connection.resetOnClose()
        }
        #expect(attempt.fault?.kind == .closed)
        #expect(attempt.fault?.responseBytesSeen == true)
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\n\r\nhello", "hello", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", false),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "hi", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiEXTRA", "hi", false),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", true),
    ])
    func onlyACleanEndKeepsTheConnection(_ response: String, _ body: String, _ isKept: Bool) throws {
        let attempt = try exchange(
            UpstreamSettings(),
            { attempt in
                attempt.onOver = {
                    #expect(attempt.lab.pool.idleCount == (isKept ? 1 : 0))
                    attempt.lab.finish()
                }
            }
        ) { connection in
            connection.write(response)
            connection.shutdownWrite()
            connection.waitForEnd()
        }
        #expect(attempt.text == body)
        #expect(attempt.fault == nil)
    }

    @Test func aHeadRequestHasNoBodyToWaitFor() throws {
        let attempt = try exchange(UpstreamSettings(), { $0.isHead = true }) { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
            connection.waitForEnd()
        }
        #expect(attempt.events == ["ready", "head", "ended", "flush"])
    }

    @Test func anAbortInACallIsTheLastWord() throws {
        for place in ["head", "body", "flush"] {
            let attempt = try exchange(
                UpstreamSettings(),
                { attempt in
                    func abort() {
                        attempt.connection?.abort()
                        attempt.connection = nil
                        var turns = 0
                        attempt.lab.when({
                            turns += 1
                            return turns > 5
                        }) { attempt.lab.finish() }
                    }
                    if place == "head" { attempt.onHead = { _ in abort() } }
                    if place == "body" { attempt.onBody = { abort() } }
                    if place == "flush" { attempt.onFlush = { abort() } }
                }
            ) { connection in
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello")
                connection.waitForEnd()
            }
            #expect(attempt.events.last == place)
            #expect(attempt.fault == nil)
        }
    }
}
