// Accounts that people manage: used from the next request on, with their cooling and their places when they are edited.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct AccountRecordTests {
    private func host(
        _ records: [String: String] = [:], proxies: [String: String] = [:], config: String = "{}", workers: Int = 1,
        resources: Set<String>? = nil
    ) throws -> FakeHost {
        try FakeHost(
            AccountPicker.self, config, workers: workers, records: ["accounts": records, "proxies": proxies], resources: resources)
    }

    private func account(_ name: String, _ more: String = "") -> String {
        #"{"name":"\#(name)","type":"api-key","api_key":"sk-\#(name)","enabled":true\#(more.isEmpty ? "" : ",")\#(more)}"#
    }

    private func chosen(_ host: FakeHost, worker: Int = 0, wanted: String? = nil) -> String? {
        let exchange = host.exchange(attributes: wanted.map { [GW_ATTR_ACCOUNTS: $0] } ?? [:], worker: worker)
        defer { exchange.complete() }
        return exchange.onSelect() == .continue ? exchange.upstream.account : nil
    }

    @Test func recordsAreUsedFromTheNextRequestOn() throws {
        let host = try host(["account_1": account("one")], workers: 2)
        #expect(chosen(host) == "one" && chosen(host, worker: 1) == "one")
        host.put("accounts", "account_1", account("one", #""priority":90"#))
        host.put("accounts", "account_2", account("two"))
        #expect(chosen(host) == "two" && chosen(host, worker: 1) == "two")
        host.put("accounts", "account_2", account("two", #""priority":100"#))
        #expect(chosen(host) == "one")
        host.put("accounts", "account_1", nil)
        #expect(chosen(host) == "two")
        host.put("accounts", "account_2", nil)
        let refused = host.exchange()
        #expect(refused.onSelect() == .respond)
        #expect(refused.response?.body.contains("none is configured") == true)
    }

    @Test func anEditedAccountKeepsItsCoolingAndItsPlaces() throws {
        let host = try host(["account_1": account("one", #""concurrency":2"#), "account_2": account("two", #""priority":60"#)])
        let first = host.exchange()
        #expect(first.onSelect() == .continue && first.upstream.account == "one")
        host.put("accounts", "account_1", account("renamed", #""concurrency":1"#))
        #expect(chosen(host) == "two")
        first.complete()
        #expect(chosen(host) == "renamed")
        let failing = host.exchange()
        #expect(failing.onSelect() == .continue && failing.onAttempt(status: 429) == .retry)
        failing.complete()
        #expect(chosen(host) == "two")
        host.put("accounts", "account_1", account("again", #""concurrency":3"#))
        #expect(chosen(host) == "two")
        host.clock.advance(seconds: 38)  // half a minute, and up to a quarter more by chance
        #expect(chosen(host) == "again")
    }

    @Test func aRemovedAccountEndsWhatItCarriesAndAnotherTakesItsRowLater() throws {
        let host = try host(["account_1": account("one", #""concurrency":1"#)])
        let running = host.exchange()
        #expect(running.onSelect() == .continue)
        host.put("accounts", "account_1", nil)
        host.put("accounts", "account_2", account("two", #""concurrency":1"#))
        #expect(chosen(host) == "two")
        // It ends on the account that it began with; nobody else's place is given back.
        #expect(running.onAttempt(status: 200) == .continue)
        let second = host.exchange()
        #expect(second.onSelect() == .continue && second.upstream.account == "two")
        running.complete()
        #expect(chosen(host) == nil)
        second.complete()
        #expect(chosen(host) == "two")
        for number in 3..<40 {
            host.put("accounts", "account_\(number)", account("n\(number)"))
            host.put("accounts", "account_\(number)", nil)
        }
        #expect(chosen(host) == "two")
    }

    @Test func workersShareTheStateOfAnAccount() throws {
        let host = try host(["account_1": account("one", #""concurrency":1"#)], workers: 2)
        let running = host.exchange(worker: 0)
        #expect(running.onSelect() == .continue)
        #expect(chosen(host, worker: 1) == nil)
        running.complete()
        #expect(chosen(host, worker: 1) == "one")
    }

    @Test func aKeyIsServedByTheAccountsItMayUse() throws {
        let host = try host(
            [
                "account_1": account("one", #""groups":["group_a"]"#),
                "account_2": account("two", #""groups":["group_a","group_b"]"#), "account_3": account("three"),
            ], config: #"{"accounts":[{"name":"fixed","api_key":"k"}]}"#)
        for _ in 0..<4 {
            #expect(chosen(host, wanted: "group_b") == "two")
            #expect(chosen(host, wanted: "account_3") == "three")
            #expect(chosen(host, wanted: "config:fixed") == "fixed")
            #expect(["one", "two"].contains(chosen(host, wanted: "group_x group_a")))
        }
        let refused = host.exchange(attributes: [GW_ATTR_ACCOUNTS: "group_"])
        #expect(refused.onSelect() == .respond)
        #expect(refused.response?.body.contains("4 not for this key") == true)
        // A retry stays among them.
        let failing = host.exchange(attributes: [GW_ATTR_ACCOUNTS: "account_3"])
        #expect(failing.onSelect() == .continue && failing.onAttempt(status: 429) == .continue)
        failing.complete()
    }

    // MARK: Proxies

    private let office = #"{"name":"office","type":"socks5","host":"10.0.0.9","port":1080,"username":"u","password":"p","enabled":true}"#

    @Test func anAccountThatNamesAProxyNeverGoesOutWithoutIt() throws {
        let host = try host(["account_1": account("one", #""proxy":"proxy_1""#)])
        #expect(chosen(host) == nil)
        host.put("proxies", "proxy_1", office)
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.attribute(GW_ATTR_EGRESS) == "socks5h://u:p@10.0.0.9:1080")
        exchange.complete()
        host.put("proxies", "proxy_1", #"{"name":"office","type":"http","host":"p","port":3128,"enabled":true}"#)
        let moved = host.exchange()
        #expect(moved.onSelect() == .continue && moved.attribute(GW_ATTR_EGRESS) == "http://p:3128")
        moved.complete()
        host.put("proxies", "proxy_1", #"{"name":"office","type":"http","host":"p","port":3128,"enabled":false}"#)
        #expect(chosen(host) == nil)
        host.put("accounts", "account_1", account("one", #""proxy_url":"http://q:1""#))
        let own = host.exchange()
        #expect(own.onSelect() == .continue && own.attribute(GW_ATTR_EGRESS) == "http://q:1")
    }

    @Test func proxiesThatAreToldFirstAreKnownToo() throws {
        let host = try host(["account_1": account("one", #""proxy":"proxy_1""#)], proxies: ["proxy_1": office])
        #expect(chosen(host) == "one")
        // Without a plugin that has proxies there is none.
        let alone = try self.host(["account_1": account("one", #""proxy":"proxy_1""#)], resources: ["accounts"])
        #expect(chosen(alone) == nil)
    }

    // MARK: Changes and the test

    @Test(arguments: [
        (#""proxy":"proxy_1","proxy_url":"http://p:1""#, "/proxy_url: one of proxy, proxies and proxy_url, not several"),
        (#""proxy":"config:office""#, "/proxy: a proxy of the configuration belongs to"),
        (#""proxy_url":"nonsense""#, "/proxy_url: a URL like"), (#""base_url":"ftp://x""#, "/base_url: a URL like"),
        (#""models":["a*b"]"#, "/models/0: '*' may only end"),
    ])
    func aFaultNamesItsField(more: String, fault: String) throws {
        let host = try host(config: #"{"accounts":[{"name":"fixed","api_key":"k"}]}"#)
        #expect(host.check("accounts", id: "account_1", after: account("n", more)).refusals.first?.hasPrefix(fault) == true)
        #expect(host.check("accounts", id: "account_1", after: account("n")).refusals.isEmpty)
        #expect(
            host.check("accounts", id: "account_1", after: account("fixed")).refusals == [
                "/name: an account of the configuration has this name"
            ])
    }

    @Test func theConfigurationsAccountsAreShownWithoutTheirSecrets() throws {
        let host = try host(
            config:
                #"{"accounts":[{"name":"fixed","api_key":"secret","weight":3,"proxy":{"type":"http","host":"p","port":1,"username":"u","password":"secret"}}]}"#
        )
        #expect(host.fixedRecords(of: "accounts").map(\.serialized) == [#"{"name":"fixed","weight":3,"id":"fixed"}"#])
    }

    @Test func theTestAsksForModelsThroughTheAccountsProxy() throws {
        let record = account("one", #""proxy":"proxy_1""#)
        let host = try host(["account_1": record], proxies: ["proxy_1": office])
        host.pages["https://api.example/v1/models?limit=1"] = (200, "{}")
        let exchange = host.exchange()
        exchange.setUpstream(.init(url: "https://api.example", proxy: nil, account: nil))
        exchange.setHeader("anthropic-ratelimit-requests-remaining", "41", of: .response)
        #expect(exchange.act("accounts", "test", id: "account_1", record: record) == .respond)
        #expect(host.fetched == ["GET https://api.example/v1/models?limit=1 via socks5h://u:p@10.0.0.9:1080"])
        #expect(
            exchange.response?.body
                == #"{"ok":true,"status":200,"latency_ms":0,"proxy":"socks5h://10.0.0.9:1080","headers":{"anthropic-ratelimit-requests-remaining":"41"},"detail":"the upstream accepts the credential"}"#
        )
    }

    @Test func theTestSaysWhatTheUpstreamSaysAndNeverGoesOutDirectly() throws {
        let host = try host()
        host.pages["https://other.example/v1/models?limit=1"] = (401, #"{"error":{"message":"invalid x-api-key"}}"#)
        let refused = host.exchange()
        let record = account("one", #""base_url":"https://other.example/""#)
        #expect(refused.act("accounts", "test", id: "account_1", record: record) == .respond)
        #expect(refused.response?.body == #"{"ok":false,"status":401,"latency_ms":0,"detail":"the upstream says: invalid x-api-key"}"#)
        let unreachable = host.exchange()
        #expect(
            unreachable.act("accounts", "test", id: "account_1", record: account("one", #""base_url":"https://gone.example""#)) == .respond)
        #expect(unreachable.response?.body == #"{"ok":false,"latency_ms":0,"detail":"it could not be reached"}"#)
        host.fetched = []
        let closed = host.exchange()
        #expect(closed.act("accounts", "test", id: "account_1", record: account("one", #""proxy":"proxy_9""#)) == .respond)
        #expect(closed.response?.status == 409 && host.fetched.isEmpty)
    }

    @Test func aNewGenerationKnowsWhatCoolsBeforeItKnowsTheAccounts() throws {
        let records = ["account_1": account("one"), "account_2": account("two", #""priority":60"#)]
        let old = try host(records)
        let failing = old.exchange()
        #expect(failing.onSelect() == .continue && failing.onAttempt(status: 429) == .retry)
        failing.complete()
        let new = try host()
        #expect(new.loadState(old.saveState()) == GW_OK)
        for (id, json) in records.sorted(by: { $0.key < $1.key }) { new.put("accounts", id, json) }
        #expect(chosen(new) == "two")
    }
}
