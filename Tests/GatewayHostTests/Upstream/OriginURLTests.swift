import Testing

@testable import GatewayHost

/// Lends the bytes of a text for the test's whole process.
private func bytes(_ text: String) -> Bytes {
    let utf8 = Array(text.utf8)
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(utf8.count, 1))
    memory.update(from: utf8, count: utf8.count)
    return Bytes(base: memory, count: utf8.count)
}

private func fault<Value>(_ body: () throws(UpstreamFault) -> Value) -> UpstreamFault? {
    do throws(UpstreamFault) {
        _ = try body()
        return nil
    } catch { return error }
}

@Suite struct OriginURLTests {
    @Test(arguments: [
        ("https://api.anthropic.com", true, "api.anthropic.com", 443, "", "api.anthropic.com"),
        ("HTTPS://API.Anthropic.com/", true, "api.anthropic.com", 443, "", "api.anthropic.com"),
        ("http://127.0.0.1:8080/api//", false, "127.0.0.1", 8080, "/api", "127.0.0.1:8080"),
        ("http://[::1]:81/a/b", false, "::1", 81, "/a/b", "[::1]:81"),
        ("https://my_host:443", true, "my_host", 443, "", "my_host"),
        ("http://h:443", false, "h", 443, "", "h:443"),
    ])
    func goodOnesAreTakenApart(
        _ url: String, _ isTLS: Bool, _ host: String, _ port: UInt16, _ prefix: String, _ hostField: String
    ) throws {
        let origin = try OriginURL(bytes(url))
        #expect(origin.isTLS == isTLS)
        #expect(origin.authority.host == host)
        #expect(origin.authority.port == port)
        #expect(origin.prefix == prefix)
        #expect(origin.hostField == hostField)
    }

    @Test(arguments: [
        ("", "http:// or https://"), ("api.anthropic.com", "http:// or https://"), ("ftp://x", "http:// or https://"),
        ("http://", "host is missing"), ("http:///x", "host is missing"), ("http://:80", "host is missing"),
        ("http://h:0", "port"), ("http://h:65536", "port"), ("http://h:", "port"), ("http://h:8x", "port"),
        ("http://u:p@h", "credentials"), ("http://h/?q", "query"), ("http://h/#f", "fragment"),
        ("http://h h", "blank"), ("http://h\r\nX: y", "control"), ("http://h\u{e9}", "non-ASCII"),
        ("http://[::1", "no end"), ("http://[::1]x", "only a port"), ("http://[zz]", "IPv6"),
        ("http://a%2fb", "character"),
    ])
    func badOnesAreRefusedWithTheReason(_ url: String, _ reason: String) {
        let found = fault { () throws(UpstreamFault) in try OriginURL(bytes(url)) }
        #expect(found?.kind == .badURL)
        #expect(found?.sentence.contains(reason) == true, "\(found?.sentence ?? "accepted")")
    }

    @Test func aProxyIsTakenApart() throws {
        let socks = try ProxyAddress(bytes("socks5h://me:p%40ss%3A%25@proxy.example:1081"))
        #expect(socks.scheme == .socks5h)
        #expect(socks.user == "me")
        #expect(socks.password?.reveal() == "p@ss:%")
        #expect(socks.description == "socks5h://proxy.example:1081")
        // Names go to the proxy in any case.
        #expect(try ProxyAddress(bytes("socks5://h")).description == "socks5h://h:1080")
        #expect(try ProxyAddress(bytes("http://h/")).description == "http://h:8080")
        #expect(try ProxyAddress(bytes("https://u@[::1]")).description == "https://[::1]:443")
        #expect(try ProxyAddress(bytes("http://u:a@b:c@h")).password?.reveal() == "a@b:c")
    }

    @Test(arguments: [
        "hunter2", "socks4://u:hunter2@h", "http://u:hunter2@", "http://u:hunter2@h:0", "http://u:hunter2%4@h",
        "http://u:hunter2%zz@h", "http://u:hunter2@h/x", "http://u:hun\nter2@h", "http://u:hunter2%00@h",
        "http://u:hunter2%ff@h", "http://hunter2:x@h h", "http://u:hunter2/@h:1",
    ])
    func aBadProxyIsRefusedWithoutItsSecret(_ url: String) {
        let found = fault { () throws(UpstreamFault) in try ProxyAddress(bytes(url)) }
        #expect(found?.kind == .badURL)
        #expect(found?.sentence.contains("hunter2") == false)
    }

    @Test func aProxyPrintsNoSecret() throws {
        let proxy = try ProxyAddress(bytes("http://user7:hunter2@h:1"))
        #expect(!"\(proxy.description)".contains("hunter2"))
        #expect(!"\(proxy)".contains("hunter2"))
        #expect(!String(reflecting: proxy).contains("hunter2"))
    }
}
