// What becomes of a claude-relay-service's data, by vectors that were computed from its rules.

import Testing

@testable import GatewayHost

@Suite struct CRSTests {
    private static let encryptionKey = Secret("0123456789abcdef0123456789abcdef")

    @Test func aSealedFieldOpens() {
        let cipher = CRSCipher(encryptionKey: Self.encryptionKey, salt: "salt")
        let sealed = "000102030405060708090a0b0c0d0e0f:6af01536cec0f23cf7b678d45e41d407"
        #expect(cipher.open(sealed) == .text(Secret("hello-token")))
        #expect(cipher.open("sk-ant-plain") == .plain(Secret("sk-ant-plain")))
        #expect(cipher.open("a:b") == .plain(Secret("a:b")), "a text with a colon is none of theirs")
        let other = CRSCipher(encryptionKey: Secret("another key of 32 characters ...."), salt: "salt")
        #expect(other.open(sealed) == .unreadable)
        #expect(cipher.open(sealed.dropLast(2) + "") == .unreadable, "no whole block")
    }

    private func plan(_ data: CRSData) -> CRSPlan { CRSPlan(data, encryptionKey: Self.encryptionKey, now: 1_763_920_984_000_000_000) }

    private func key(_ id: String, _ fields: [String: String]) -> CRSData.Entry {
        CRSData.Entry(
            id: id, fields: ["name": "phone", "apiKey": String(repeating: "ab", count: 32), "isActive": "true"].merging(fields) { $1 })
    }

    @Test func aKeyIsTakenOverWithItsHashLimitsAndTotals() throws {
        var data = CRSData()
        data.keys = [
            key(
                "1",
                [
                    "tokenLimit": "1000", "concurrencyLimit": "3", "rateLimitRequests": "60", "rateLimitWindow": "1",
                    "expiresAt": "2030-01-01T00:00:00.000Z", "createdAt": "2025-07-01T10:00:00.000Z", "dailyCostLimit": "5",
                    "claudeAccountId": "x",
                ])
        ]
        data.usage["1"] = CRSData.Entry(
            id: "1", fields: ["totalInputTokens": "10", "totalOutputTokens": "20", "totalCacheReadTokens": "30"])
        data.costs["1"] = "0.30000000000000004"
        let plan = plan(data)
        let record = try #require(plan.records.first)
        #expect(record.resource == "keys" && record.id == CRSPlan.id("key", "1") && record.id.utf8.count == 30)
        #expect(record.document["legacy_hash"]?.string == String(repeating: "ab", count: 32))
        #expect(record.document["limits"] == ["token_limit": 1000, "concurrency": 3, "requests_per_minute": 60])
        #expect(record.document["expires"]?.string == "2030-01-01T00:00:00.000Z" && record.document["enabled"]?.bool == true)
        let balance = try #require(plan.balances.first)
        #expect(balance.key == "phone" && balance.cost == 300_000_000 && balance.usage.outputTokens == 20)
        #expect(balance.started == 1_751_364_000_000_000_000)
        #expect(plan.notes.map(\.sentence).contains { $0.contains("dailyCostLimit") })
        #expect(plan.notes.contains { $0.sentence.contains("bound to an account") })
        #expect(self.plan(data).records.map(\.id) == plan.records.map(\.id), "twice is once")
    }

    @Test(arguments: [
        (["apiKey": "x"], "what should be its hash is none"), (["isDeleted": "true"], "it was deleted there"),
        (["expiresAt": "tomorrow"], "its expiry tomorrow is no time"),
    ])
    func aKeyThatCannotBeTrustedIsLeftOut(fields: [String: String], sentence: String) {
        var data = CRSData()
        data.keys = [key("1", fields)]
        let plan = plan(data)
        #expect(plan.records.isEmpty && plan.notes == [.init(subject: "key \"phone\"", sentence: "not taken over: " + sentence)])
    }

    @Test func namesBecomeUnique() {
        var data = CRSData()
        data.keys = [key("1", [:]), key("2", ["apiKey": String(repeating: "cd", count: 32)])]
        #expect(plan(data).records.map { $0.document["name"]?.string } == ["phone", "phone (2)"])
    }

    @Test func accountsComeWithTheirProxies() {
        var data = CRSData()
        let proxy = #"{"type":"socks5","host":"10.0.0.1","port":1080,"username":"u","password":"p"}"#
        func account(_ id: String, _ fields: [String: String]) -> CRSData.Entry {
            CRSData.Entry(
                id: id,
                fields: ["name": "c\(id)", "apiKey": "sk-ant-\(id)", "apiUrl": "https://a.example/v1/messages"].merging(fields) { $1 })
        }
        data.consoleAccounts = [
            account("1", ["proxy": proxy]), account("2", ["proxy": proxy, "isActive": "false"]), account("3", ["proxy": "{broken"]),
            account("4", ["apiKey": String(repeating: "0", count: 32) + ":" + String(repeating: "1", count: 32)]),
        ]
        data.otherAccounts = ["Claude (OAuth)": ["mine"]]
        let plan = plan(data)
        #expect(plan.count("proxies") == 1 && plan.count("accounts") == 2)
        let accounts = plan.records.filter { $0.resource == "accounts" }
        #expect(accounts.map { $0.document["base_url"]?.string } == ["https://a.example", "https://a.example"])
        #expect(accounts.map { $0.document["enabled"]?.bool } == [true, false])
        #expect(Set(accounts.map { $0.document["proxy"]?.string }) == [plan.records.first { $0.resource == "proxies" }?.id])
        #expect(plan.notes.contains { $0.subject == "account \"c3\"" && $0.sentence.contains("must not go out without one") })
        #expect(plan.notes.contains { $0.subject == "account \"c4\"" && $0.sentence.contains("cannot be opened") })
        #expect(plan.notes.contains { $0.subject == "1 accounts of Claude (OAuth)" })
    }

    @Test func anOpeningBalanceIsWrittenOnce() throws {
        let folder = try TemporaryFolder()
        let folders = LedgerFolders(data: folder.path)
        var balance = OpeningBalance(source: "crs 1", key: "phone", started: 1_751_364_000_000_000_000)
        balance.usage.inputTokens = 7
        balance.cost = 42
        #expect(try OpeningBalance.write([balance], to: folders, now: 2) == 1)
        #expect(try OpeningBalance.write([balance], to: folders, now: 3) == 0)
        let lines = try UsageQuery(dimensions: [.key, .model], days: 0..<100_000).run(folders, .utc)
        #expect(lines.count == 1 && lines[0].group.key == "phone" && lines[0].group.model == OpeningBalance.model)
        #expect(lines[0].sums[.inputTokens] == 7 && lines[0].sums[.cost] == 42)
    }
}
