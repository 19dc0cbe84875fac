import CLinux
import PluginABI
import Testing

@testable import GatewayHost

/// What is said when an upstream fails, and what a decision to try again can rest on.
@Suite struct UpstreamFaultTests {
    private func failing(
        _ settings: UpstreamSettings = UpstreamSettings(), _ prepare: (Attempt) -> Void = { _ in },
        _ script: @escaping @Sendable (ServerConnection) -> Void
    ) throws -> UpstreamFault {
        let server = ScriptedServer { connection, _ in script(connection) }
        defer { server.stop() }
        let lab = UpstreamLab(settings)
        let attempt = Attempt(lab, try lab.target(server.url))
        prepare(attempt)
        attempt.begin()
        lab.run()
        #expect(attempt.events.last == "failed")
        let fault = try #require(attempt.fault)
        #expect(fault.sentence.contains("127.0.0.1:\(server.port)"))
        return fault
    }

    @Test func aRefusedConnection() throws {
        let server = ScriptedServer { _, _ in }
        server.stop()
        let lab = UpstreamLab()
        let attempt = Attempt(lab, try lab.target(server.url))
        attempt.begin()
        lab.run()
        #expect(attempt.fault?.kind == .connect)
        #expect(attempt.fault?.sentence == "connection to 127.0.0.1:\(server.port) was refused")
        #expect(attempt.fault?.gatewayError.status == 502)
        #expect(lab.pool.dialFailuresTotal == 1)
    }

    @Test func anEndBeforeTheAnswer() throws {
        let fault = try failing { _ = $0.readRequest() }
        #expect(fault.kind == .closed)
        #expect(fault.sentence.hasSuffix("closed the connection before it answered"))
        #expect(!fault.responseBytesSeen && fault.requestMayHaveRun && !fault.connectionWasReused)
    }

    @Test func aResetInTheMiddle() throws {
        let fault = try failing { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
            connection.shutdownWrite()
        }
        #expect(fault.kind == .closed)
        #expect(fault.sentence.contains("in the middle of its answer, after"))
        #expect(fault.responseBytesSeen)
    }

    @Test func noHTTP() throws {
        let fault = try failing { connection in
            connection.write("SSH-2.0-OpenSSH\r\n\r\n")
            connection.waitForEnd()
        }
        #expect(fault.kind == .malformed)
        #expect(fault.gatewayError.status == 502)
    }

    @Test func noAnswerInTime() throws {
        let fault = try failing(UpstreamSettings(), { $0.firstByteMilliseconds = 30 }) { $0.waitForEnd() }
        #expect(fault.kind == .timeoutFirstByte)
        #expect(fault.sentence.hasSuffix("did not begin to answer within 30 ms"))
        #expect(fault.gatewayError.status == 504)
    }

    @Test func silenceInTheMiddle() throws {
        let fault = try failing(UpstreamSettings(), { $0.idleMilliseconds = 30 }) { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
            connection.waitForEnd()
        }
        #expect(fault.kind == .timeoutIdle)
        #expect(fault.sentence.contains("fell silent in the middle of its answer for 30 ms"))
    }

    @Test func aRequestThatIsNotTaken() throws {
        let fault = try failing(
            UpstreamSettings(),
            { attempt in
                attempt.body = attempt.lab.text(String(repeating: "x", count: 16 << 20))
                attempt.idleMilliseconds = 50
            }
        ) { connection in
            connection.waitForHangup()
        }
        #expect(fault.kind == .timeoutIdle)
        #expect(fault.sentence.contains("took no more of the request for 50 ms"))
        #expect(fault.requestMayHaveRun)
    }

    @Test func aConnectionThatIsNotMadeInTime() throws {
        // A listener whose backlog is full leaves further connections without an answer.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        let any = SocketAddress.loopback(port: 0)
        try #require(any.withSystemAddress { bind(listener, $0, $1) } == 0)
        try #require(listen(listener, 0) == 0)
        let address = try SocketAddress.local(of: listener)
        var fillers: [Int32] = []
        defer { for filler in fillers { close(filler) } }
        for _ in 0..<4 {
            let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            _ = gwl_set_nonblocking(filler)
            _ = address.withSystemAddress { connect(filler, $0, $1) }
            fillers.append(filler)
        }
        var settings = UpstreamSettings()
        settings.connectMilliseconds = 60
        let lab = UpstreamLab(settings)
        let attempt = Attempt(lab, try lab.target("http://\(address)"))
        attempt.begin()
        lab.run()
        #expect(attempt.fault?.kind == .timeoutConnect)
        #expect(attempt.fault?.sentence == "no connection to \(address) within 60 ms")
        #expect(attempt.fault?.gatewayError.status == 504)
    }

    @Test func aConnectionThatDiedIdleIsDropped() throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        let target = try lab.target(server.url)
        let first = Attempt(lab, target)
        let second = Attempt(lab, target)
        first.onOver = { lab.when({ lab.pool.idleCount == 0 }) { second.begin() } }
        first.begin()
        lab.run()
        #expect(lab.pool.staleTotal == 1)
        #expect(second.status == 200)
        #expect(!second.wasReused)
    }

    @Test func aRequestLostOnAStaleConnectionSaysSo() throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            // The second request is read and not answered, as by a server that was about to close.
            _ = connection.readRequest()
            connection.resetOnClose()
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        let target = try lab.target(server.url)
        let first = Attempt(lab, target)
        let second = Attempt(lab, target)
        first.onOver = { second.begin() }
        first.begin()
        lab.run()
        let fault = try #require(second.fault)
        #expect(fault.kind == .closed)
        #expect(fault.connectionWasReused && !fault.responseBytesSeen)
    }

    @Test func aDialThatIsCancelledStillServesTheNext() throws {
        let server = ScriptedServer { connection, _ in
            while connection.readRequest() != nil { connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        let target = try lab.target(server.url)
        let first = Attempt(lab, target)
        let second = Attempt(lab, target)
        first.begin()
        first.dial?.cancel()
        lab.when({ lab.pool.idleCount == 1 }) { second.begin() }
        lab.run()
        #expect(first.events.isEmpty)
        #expect(second.status == 200)
        #expect(second.wasReused, "it waited in the pool, so it may be stale")
        #expect(server.connections == 1)
    }

    @Test func whatIsRememberedIsNotDialled() throws {
        let server = ScriptedServer { connection, _ in connection.waitForEnd() }
        defer { server.stop() }
        let lab = UpstreamLab()
        // The place does not answer: an address that takes a connection and says nothing is a proxy that is silent.
        let target = try lab.target("http://api.example", proxy: "socks5h://127.0.0.1:\(server.port)")
        let attempts = (0..<2).map { _ in Attempt(lab, target) }
        attempts[0].onOver = { attempts[1].begin() }
        attempts[0].dial = lab.pool.dial(target, connectMilliseconds: 100, for: attempts[0])
        lab.run()
        let faults = attempts.compactMap(\.fault)
        #expect(faults.map(\.kind) == [.timeoutConnect, .timeoutConnect] && faults.allSatisfy(\.isOfProxy))
        #expect(faults.map(\.nothingWasDialled) == [false, true])
        #expect(faults[1].abiFlags == GW_ATTEMPT_PROXY_FAILED | GW_ATTEMPT_NOT_DIALLED)
        #expect(lab.pool.dialsTotal == 1 && lab.pool.dialFailuresTotal == 1 && lab.pool.dialsRefusedTotal == 1)
    }

    @Test func dialsBeyondTheLimitWaitForTheirTurn() throws {
        let server = ScriptedServer { connection, _ in
            while connection.readRequest() != nil { connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
        }
        defer { server.stop() }
        var settings = UpstreamSettings()
        settings.dials = 1
        settings.waitingDials = 3
        let lab = UpstreamLab(settings)
        let target = try lab.target(server.url)
        var over = 0
        let attempts = (0..<5).map { _ in Attempt(lab, target) }
        for attempt in attempts {
            attempt.onOver = {
                over += 1
                if over == 5 { lab.finish() }
            }
            attempt.begin()
            #expect(target.dialCount == 1)
        }
        lab.run()
        #expect(attempts[..<4].allSatisfy { $0.status == 200 })
        #expect(attempts[4].fault?.kind == .limit && attempts[4].fault?.nothingWasDialled == true)
        #expect(lab.pool.dialsRefusedTotal == 1 && lab.pool.dialFailuresTotal == 0)
        #expect(lab.pool.dialsConnectedTotal == lab.pool.dialsTotal)
        #expect(target.waitingCount == 0)
        #expect(target.dialCount == 0)
    }
}
