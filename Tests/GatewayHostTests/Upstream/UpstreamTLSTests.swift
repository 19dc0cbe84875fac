import Testing

@testable import GatewayHost

@Suite struct UpstreamTLSTests {
    private let certificates = TestCertificates()

    private func serving(
        _ leaf: TestCertificates.Leaf = TestCertificates.Leaf(), selfSigned: Bool = false,
        _ script: @escaping @Sendable (ServerConnection) -> Void
    ) throws -> ScriptedServer {
        let files = certificates.issue(leaf, selfSigned: selfSigned)
        let context = try TLSServerContext(certificateFile: files.certificateFile, keyFile: files.keyFile)
        return ScriptedServer { plain, _ in
            if let connection = ServerConnection(plain, context) { script(connection) }
        }
    }

    private func makeLab(_ settings: UpstreamSettings = UpstreamSettings()) throws -> UpstreamLab {
        UpstreamLab(settings, tls: try TLSClientContext(caFile: certificates.authorityFile))
    }

    @Test func sessionsAreResumedAndConnectionsReused() throws {
        let server = try serving { connection in
            for answer in [
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
            ] {
                guard connection.readRequest() != nil else { return }
                connection.write(answer + (answer.hasSuffix("hi") ? "" : "\(connection.isResumed)"))
            }
            connection.shutdownWrite()
            connection.waitForEnd()
        }
        defer { server.stop() }
        let lab = try makeLab()
        let target = try lab.target("https://127.0.0.1:\(server.port)")
        let attempts = (0..<4).map { _ in Attempt(lab, target) }
        for (index, attempt) in attempts.dropLast().enumerated() { attempt.onOver = { attempts[index + 1].begin() } }
        attempts[0].begin()
        lab.run()
        #expect(attempts.map(\.text) == ["hi", "false", "hi", "true"])
        #expect(attempts.map(\.wasReused) == [false, true, false, true])
        #expect(lab.pool.tlsHandshakesTotal == 2)
        #expect(lab.pool.tlsResumedTotal == 1)
    }

    @Test func largeBodiesGoBothWays() throws {
        let size = 3 << 20
        let server = try serving { connection in
            let request = Array(connection.readRequest()!.utf8)
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            connection.write(Array(request.suffix(size)))
            connection.waitForEnd()
        }
        defer { server.stop() }
        let lab = try makeLab()
        let attempt = Attempt(
            lab, try lab.target("https://127.0.0.1:\(server.port)"),
            "POST / HTTP/1.1\r\nContent-Length: \(size)\r\n\r\n")
        attempt.body = lab.text(String(repeating: "abcdefghijklmnop", count: size / 16))
        var pauses = 0
        attempt.onFlush = {
            pauses += 1
            guard pauses % 4 == 0, let connection = attempt.connection else { return }
            connection.pauseReading()
            lab.when({ true }) { attempt.connection?.resumeReading() }
        }
        attempt.begin()
        lab.run()
        #expect(attempt.received.elementsEqual(attempt.body.buffer))
    }

    @Test func anUntrustedCertificateEndsTheDial() throws {
        let server = try serving(selfSigned: true) { _ in Issue.record("the handshake should have failed") }
        defer { server.stop() }
        let lab = try makeLab()
        let attempt = Attempt(lab, try lab.target("https://127.0.0.1:\(server.port)"))
        attempt.begin()
        lab.run()
        #expect(attempt.fault?.kind == .tls)
        #expect(attempt.fault?.sentence.contains("certificate refused: self-signed certificate") == true)
        #expect(attempt.fault?.requestMayHaveRun == false)
    }

    @Test func anotherNamesCertificateEndsTheDial() throws {
        let server = try serving(TestCertificates.Leaf(names: "DNS:other.test")) { _ in
            Issue.record("the handshake should have failed")
        }
        defer { server.stop() }
        let lab = try makeLab()
        let attempt = Attempt(lab, try lab.target("https://127.0.0.1:\(server.port)"))
        attempt.begin()
        lab.run()
        #expect(attempt.fault?.kind == .tls)
        #expect(attempt.fault?.sentence.contains("mismatch") == true)
    }

    @Test func aPlainServerOnAnHTTPSAddress() throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readSome()
            connection.write("HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.waitForEnd()
        }
        defer { server.stop() }
        let lab = try makeLab()
        let attempt = Attempt(lab, try lab.target("https://127.0.0.1:\(server.port)"))
        attempt.begin()
        lab.run()
        #expect(attempt.fault?.kind == .tls)
        #expect(attempt.fault?.sentence.contains("does not speak TLS") == true)
    }

    @Test func aHandshakeThatStallsIsTimedOut() throws {
        let server = ScriptedServer { connection, _ in connection.waitForEnd() }
        defer { server.stop() }
        var settings = UpstreamSettings()
        settings.tlsMilliseconds = 40
        let lab = try makeLab(settings)
        let attempt = Attempt(lab, try lab.target("https://127.0.0.1:\(server.port)"))
        attempt.begin()
        lab.run()
        #expect(attempt.fault?.kind == .timeoutConnect)
        #expect(
            attempt.fault?.sentence.contains("TLS handshake with 127.0.0.1:\(server.port) took longer than 40 ms")
                == true)
    }

    /// What breaks off or is silent behind a proxy may be the proxy; a certificate that is not the origin's is the origin's.
    @Test func whoseFaultAHandshakeThroughAProxyIs() throws {
        let closing = ScriptedServer { connection, _ in
            _ = connection.readSome()
            connection.shutdownWrite()
        }
        let silent = ScriptedServer { connection, _ in connection.waitForEnd() }
        let untrusted = try serving(selfSigned: true) { _ in Issue.record("the handshake should have failed") }
        let proxy = try RealProxy.socks(user: "me", password: "right")
        var settings = UpstreamSettings()
        for (server, isOfProxy) in [(closing, true), (silent, true), (untrusted, false)] {
            defer { server.stop() }
            settings.tlsMilliseconds = server === silent ? 100 : 20_000
            for way in ["socks5h://me:right@127.0.0.1:\(proxy.port)", ""] {
                let lab = try makeLab(settings)
                let attempt = Attempt(lab, try lab.target("https://127.0.0.1:\(server.port)", proxy: way))
                attempt.begin()
                lab.run()
                let fault = try #require(attempt.fault)
                #expect(fault.kind == (server === silent ? .timeoutConnect : .tls), "\(fault)")
                #expect(fault.isOfProxy == (isOfProxy && !way.isEmpty) && !fault.nothingWasDialled, "\(fault)")
                #expect(fault.sentence.contains("through proxy socks5h://127.0.0.1:\(proxy.port)") != way.isEmpty)
            }
        }
    }
}
