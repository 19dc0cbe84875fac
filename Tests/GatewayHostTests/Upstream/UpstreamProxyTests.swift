import CLinux
import Testing

@testable import GatewayHost

/// Dials through real proxies; the environment names others, which must not matter (UpstreamLab).
@Suite struct UpstreamProxyTests {
    private static func answering() -> ScriptedServer {
        ScriptedServer(answersLocalhost: true) { connection, _ in
            while let request = connection.readRequest() {
                // An origin request, not a proxy's: the target is a path.
                #expect(request.hasPrefix("GET / HTTP/1.1\r\n"))
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            }
        }
    }

    private func attempt(_ url: String, proxy: String, tls: TLSClientContext? = nil, caFile: String? = nil) throws
        -> Attempt
    {
        var settings = UpstreamSettings()
        settings.caFile = caFile
        let lab = UpstreamLab(settings, tls: tls)
        let attempt = Attempt(lab, try lab.target(url, proxy: proxy))
        attempt.begin()
        lab.run()
        return attempt
    }

    @Test func socksWithCredentials() throws {
        let server = Self.answering()
        defer { server.stop() }
        let proxy = try RealProxy.socks(user: "me", password: "p@ss:%/")
        let good = try attempt(server.url, proxy: "socks5h://me:p%40ss%3A%25%2F@127.0.0.1:\(proxy.port)")
        #expect(good.text == "hi")
        // The proxy resolves the name.
        let named = try attempt(
            "http://localhost:\(server.port)", proxy: "socks5://me:p%40ss%3A%25%2F@127.0.0.1:\(proxy.port)")
        #expect(named.text == "hi")
        #expect(server.connections == 2)
    }

    @Test func socksWithWrongCredentials() throws {
        let server = Self.answering()
        defer { server.stop() }
        let proxy = try RealProxy.socks(user: "me", password: "right")
        let wrong = try attempt(server.url, proxy: "socks5h://me:hunter2@127.0.0.1:\(proxy.port)")
        #expect(wrong.fault?.kind == .proxy)
        #expect(wrong.fault?.sentence == "proxy socks5h://127.0.0.1:\(proxy.port) refused the credentials")
        let none = try attempt(server.url, proxy: "socks5h://127.0.0.1:\(proxy.port)")
        #expect(none.fault?.kind == .proxy)
        #expect(none.fault?.sentence.contains("credentials") == true, "\(none.fault?.sentence ?? "")")
        #expect(server.connections == 0, "never direct when the proxy fails")
    }

    @Test func socksToAClosedPort() throws {
        let server = ScriptedServer { _, _ in }
        server.stop()
        let proxy = try RealProxy.socks(user: "me", password: "right")
        let refused = try attempt(server.url, proxy: "socks5h://me:right@127.0.0.1:\(proxy.port)")
        #expect(refused.fault?.kind == .proxy)
        #expect(
            refused.fault?.sentence.contains("127.0.0.1:\(server.port) was refused") == true,
            "\(refused.fault?.sentence ?? "")")
    }

    @Test func httpConnectWithCredentials() throws {
        let server = Self.answering()
        defer { server.stop() }
        let proxy = try RealProxy.http(user: "me", password: "right")
        #expect(try attempt(server.url, proxy: "http://me:right@127.0.0.1:\(proxy.port)").text == "hi")
        let wrong = try attempt(server.url, proxy: "http://me:hunter2@127.0.0.1:\(proxy.port)")
        #expect(wrong.fault?.kind == .proxy)
        #expect(wrong.fault?.sentence.hasPrefix("proxy http://127.0.0.1:\(proxy.port) refused") == true)
        #expect(wrong.fault?.sentence.contains("hunter2") == false)
        #expect(server.connections == 1, "never direct when the proxy fails")
    }

    @Test(arguments: ["socks5h", "http", "https"])
    func aProxyThatIsGoneIsNamed(_ scheme: String) throws {
        let server = Self.answering()
        defer { server.stop() }
        let gone = ScriptedServer { _, _ in }
        gone.stop()
        let attempt = try attempt(server.url, proxy: "\(scheme)://me:hunter2@127.0.0.1:\(gone.port)")
        #expect(attempt.fault?.kind == .connect)
        #expect(attempt.fault?.sentence == "connection to proxy \(scheme)://127.0.0.1:\(gone.port) was refused")
        #expect(server.connections == 0)
    }

    @Test func tlsThroughSOCKSIsEndToEnd() throws {
        let certificates = TestCertificates()
        let files = certificates.issue()
        let context = try TLSServerContext(certificateFile: files.certificateFile, keyFile: files.keyFile)
        let server = ScriptedServer { plain, _ in
            guard let connection = ServerConnection(plain, context) else { return }
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            connection.waitForEnd()
        }
        defer { server.stop() }
        let proxy = try RealProxy.socks(user: "me", password: "right")
        let attempt = try attempt(
            "https://127.0.0.1:\(server.port)", proxy: "socks5h://me:right@127.0.0.1:\(proxy.port)",
            tls: TLSClientContext(caFile: certificates.authorityFile))
        #expect(attempt.text == "hi")
    }

    /// An https proxy of our own making: TLS, CONNECT with credentials, then bytes both ways.
    private static func tlsProxy(_ context: TLSServerContext, to port: UInt16) -> ScriptedServer {
        ScriptedServer { plain, _ in
            guard let connection = ServerConnection(plain, context), let request = connection.readRequest() else {
                return
            }
            // "me:right"
            guard request.hasPrefix("CONNECT 127.0.0.1:\(port) HTTP/1.1\r\n"), request.contains("Basic bWU6cmlnaHQ=")
            else {
                connection.write("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            }
            let onward = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(onward) }
            guard SocketAddress.loopback(port: port).withSystemAddress({ connect(onward, $0, $1) }) == 0 else { return }
            let origin = ServerConnection(onward)
            connection.write("HTTP/1.1 200 Connection established\r\n\r\n")
            connection.pump(with: origin)
        }
    }

    @Test(arguments: [false, true])
    func anHTTPSProxyCarriesBothKinds(_ isTLS: Bool) throws {
        let certificates = TestCertificates()
        let files = certificates.issue()
        let context = try TLSServerContext(certificateFile: files.certificateFile, keyFile: files.keyFile)
        let size = 3 << 20
        let server = ScriptedServer { plain, _ in
            guard let connection = isTLS ? ServerConnection(plain, context) : plain else { return }
            while connection.readRequest() != nil {
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                connection.write([UInt8](repeating: 120, count: size))
            }
        }
        defer { server.stop() }
        let proxy = Self.tlsProxy(context, to: server.port)
        defer { proxy.stop() }
        var settings = UpstreamSettings()
        settings.caFile = certificates.authorityFile
        let lab = UpstreamLab(settings, tls: try TLSClientContext(caFile: certificates.authorityFile))
        let target = try lab.target(
            "\(isTLS ? "https" : "http")://127.0.0.1:\(server.port)", proxy: "https://me:right@127.0.0.1:\(proxy.port)")
        let first = Attempt(lab, target)
        let second = Attempt(lab, target, "POST / HTTP/1.1\r\nContent-Length: \(size)\r\n\r\n")
        second.body = lab.text(String(repeating: "y", count: size))
        first.onOver = { second.begin() }
        first.begin()
        lab.run()
        #expect(first.fault == nil)
        #expect(first.received.count == size)
        #expect(second.received.count == size)
        #expect(second.wasReused)
        #expect(proxy.connections == 1)
    }

    @Test func anHTTPSProxyIsVerified() throws {
        let certificates = TestCertificates()
        let files = certificates.issue(selfSigned: true)
        let context = try TLSServerContext(certificateFile: files.certificateFile, keyFile: files.keyFile)
        let server = Self.answering()
        defer { server.stop() }
        let proxy = Self.tlsProxy(context, to: server.port)
        defer { proxy.stop() }
        let attempt = try attempt(
            server.url, proxy: "https://me:right@127.0.0.1:\(proxy.port)", caFile: certificates.authorityFile)
        #expect(attempt.fault?.kind == .proxy)
        #expect(server.connections == 0)
    }
}
