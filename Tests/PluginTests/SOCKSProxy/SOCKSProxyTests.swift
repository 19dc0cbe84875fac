// The way out: which proxy an attempt gets, and that a wrong one never means a direct connection.

import PluginKit
import Testing

@testable import SOCKSProxyCore

@Suite struct SOCKSProxyTests {
    private func select(_ host: FakeHost, egress: String? = nil, account: String? = nil) -> (Verdict, FakeExchange) {
        let exchange = host.exchange(attributes: egress.map { [GW_ATTR_EGRESS: $0] } ?? [:])
        exchange.presetUpstream = .init(url: "https://api.example", proxy: nil, account: account)
        return (exchange.onSelect(), exchange)
    }

    @Test(arguments: [
        ("socks5://u:p@127.0.0.1:1080", "socks5h://u:p@127.0.0.1:1080"),
        ("socks5h://proxy.example:1080", "socks5h://proxy.example:1080"),
        ("HTTP://proxy.example:3128", "http://proxy.example:3128"),
        ("https://user%40corp:s%3Acret@[2001:db8::1]:443", "https://user%40corp:s%3Acret@[2001:db8::1]:443"),
    ])
    func theAccountsProxyIsUsedAndResolvesNames(egress: String, proxy: String) throws {
        let host = try FakeHost(SOCKSProxy.self)
        for _ in 0..<2 {
            let (verdict, exchange) = select(host, egress: egress, account: "main")
            #expect(verdict == .continue)
            #expect(exchange.upstream == .init(url: "https://api.example", proxy: proxy, account: "main"))
        }
    }

    @Test(arguments: [
        "", "127.0.0.1:1080", "socks4://h:1", "socks5h://h", "socks5h://h:0", "socks5h://h:65536",
        "socks5h://:1080", "socks5h://h:1080/path", "socks5h://h:1080?q", "socks5h://u:p w@h:1080",
        "socks5h://u@v@h:1080", "socks5h://u:%4@h:1080", "socks5h://h ost:1080", "socks5h:/h:1080",
        "socks5h://[2001:db8::1:1080", "socks5h://@h:1080", "socks5h://h:10 80", "direct://h:1",
    ])
    func aMalformedProxyEndsTheRequestAndIsNotShown(egress: String) throws {
        let host = try FakeHost(SOCKSProxy.self)
        let (verdict, exchange) = select(host, egress: egress, account: "main")
        #expect(verdict == .respond)
        #expect(exchange.response?.status == 502)
        #expect(exchange.response?.body.contains("api_error") == true)
        #expect(exchange.upstream.proxy == nil)
        #expect(host.logs.contains { $0.level == GW_LOG_ERROR && $0.text.contains("'main'") })
        #expect(host.logs.allSatisfy { egress.isEmpty || !$0.text.contains(egress) })
    }

    @Test func anAccountWithoutAProxyPassesUntouched() throws {
        let host = try FakeHost(SOCKSProxy.self)
        let (verdict, exchange) = select(host, account: "main")
        #expect(verdict == .continue)
        #expect(exchange.upstream.proxy == nil)
    }

    @Test func theConfigurationsTableServesAccountsThatBringNone() throws {
        let host = try FakeHost(
            SOCKSProxy.self,
            #"""
            {"proxies":{"office":{"type":"socks5","host":"10.0.0.9","port":1080,"username":"u","password":"p:@/"},
             "home":"http://proxy.example:3128"},
             "accounts":{"main":"office","spare":"home"}}
            """#)
        #expect(select(host, account: "main").1.upstream.proxy == "socks5h://u:p%3A%40%2F@10.0.0.9:1080")
        #expect(select(host, account: "spare").1.upstream.proxy == "http://proxy.example:3128")
        #expect(select(host, account: "third").1.upstream.proxy == nil)
        let own = select(host, egress: "socks5h://own:1", account: "main").1
        #expect(own.upstream.proxy == "socks5h://own:1")
    }

    @Test(arguments: [
        (#"{"accounts":{"main":"office"}}"#, "/accounts/main: 'office' is not among"),
        (#"{"proxies":{"a":"nonsense"}}"#, "/proxies/a: a URL like"),
        (#"{"proxies":{"a":{"type":"ftp","host":"h","port":1}}}"#, "/proxies/a/type: one of socks5"),
        (#"{"proxies":{"a":{"type":"http","host":"h h","port":1}}}"#, "/proxies/a/host: a host name"),
        (#"{"proxies":{"a":{"type":"http","host":"h","port":0}}}"#, "/proxies/a/port: 0 is not from"),
    ])
    func aBadConfigurationIsRefusedWithItsPlace(config: String, reason: String) {
        do {
            _ = try FakeHost(SOCKSProxy.self, config)
            Issue.record("accepted")
        } catch { #expect("\(error)".hasPrefix(reason)) }
    }

    @Test func aProxyIsLoggedWithoutItsSecret() {
        let proxy = "socks5://user:secret@h:1080".withBytes { ProxyURL($0) }
        #expect(proxy?.redacted == "socks5h://h:1080")
    }

    // MARK: Proxies that people manage

    private let office = #"{"name":"office","type":"socks5","host":"10.0.0.9","port":1080,"username":"u","password":"p:@","enabled":true}"#

    @Test(arguments: [
        (#"{"name":"n","type":"http","host":"h h","port":1}"#, "/host: a host name or an address is needed here"),
        (#"{"name":"n","type":"http","host":"h","port":1,"password":"x"}"#, "/password: a password needs a username"),
        (#"{"name":"fixed","type":"http","host":"h","port":1}"#, "/name: a proxy of the configuration has this name"),
    ])
    func aBadProxyIsRefusedWithItsField(after: String, fault: String) throws {
        let host = try FakeHost(SOCKSProxy.self, #"{"proxies":{"fixed":"http://p:1"}}"#)
        #expect(host.check("proxies", id: "proxy_1", after: after).refusals == [fault])
        #expect(host.check("proxies", id: "proxy_1", after: office).refusals.isEmpty)
        #expect(host.check("proxies", id: "proxy_1", before: office).refusals.isEmpty)
    }

    @Test func theConfigurationsProxiesAreShownWithoutTheirSecrets() throws {
        let host = try FakeHost(
            SOCKSProxy.self,
            #"{"proxies":{"a":"http://u:secret@p:1","b":{"type":"http","host":"h","port":3,"username":"u","password":"secret"}}}"#)
        let shown = host.fixedRecords(of: "proxies").map(\.serialized)
        #expect(shown.count == 2 && shown.contains(#"{"id":"b","name":"b","type":"http","host":"h","port":3,"username":"u"}"#))
        #expect(shown.allSatisfy { !$0.contains("secret") })
    }

    @Test func theTestAsksTheUpstreamThroughTheProxy() throws {
        let host = try FakeHost(SOCKSProxy.self)
        host.pages["https://api.example/v1/models"] = (401, "{}")
        let exchange = host.exchange()
        exchange.setUpstream(.init(url: "https://api.example/", proxy: nil, account: nil))
        #expect(exchange.act("proxies", "test", id: "proxy_1", record: office) == .respond)
        #expect(host.fetched == ["GET https://api.example/v1/models via socks5h://u:p%3A%40@10.0.0.9:1080"])
        #expect(
            exchange.response?.body
                == #"{"ok":true,"status":401,"latency_ms":0,"proxy":"socks5h://10.0.0.9:1080","detail":"the upstream answered with status 401"}"#
        )
        host.pages = [:]
        let closed = host.exchange()
        closed.setUpstream(.init(url: "https://api.example", proxy: nil, account: nil))
        #expect(closed.act("proxies", "test", id: "proxy_1", record: office) == .respond)
        #expect(
            closed.response?.body.hasPrefix(#"{"ok":false,"latency_ms":0,"proxy":"socks5h://10.0.0.9:1080","detail":"no connection"#)
                == true)
    }
}
