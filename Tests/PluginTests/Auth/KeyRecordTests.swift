// Keys that people manage: made, taken over, changed, rotated, deleted; and what the plugins further in are told.

import PluginKit
import Testing

@testable import AuthCore

@Suite struct KeyRecordTests {
    private func host(_ records: [String: String] = [:], config: String = "{}", workers: Int = 1) throws -> FakeHost {
        try FakeHost(Auth.self, config, workers: workers, records: ["keys": records])
    }

    /// As the plugin stores a key, with the pepper of the fake host.
    private func hash(_ key: String) -> String {
        let pepper = (0..<32).map { UInt8($0 + "api-keys".utf8.count) }
        return pepper.withUnsafeBufferPointer {
            HMACSHA256(key: Bytes($0)).tag(of: key.withBytes { SHA256.digest(of: $0) }).hexadecimal
        }
    }

    private func record(_ name: String, _ key: String, _ more: String = "") -> String {
        #"{"name":"\#(name)","enabled":true,"key_hash":"\#(hash(key))"\#(more.isEmpty ? "" : ",")\#(more)}"#
    }

    private func ask(_ host: FakeHost, _ key: String, worker: Int = 0) -> FakeExchange {
        let exchange = host.exchange([("x-api-key", key)], worker: worker)
        _ = exchange.onRequest()
        return exchange
    }

    private func isLetIn(_ host: FakeHost, _ key: String) -> Bool { ask(host, key).response == nil }

    @Test func recordsAreKnownBeforeTheFirstRequestAndChangesCountForTheNext() throws {
        let host = try host(["key_1": record("laptop", "cr_one", #""tenant":"home""#)], workers: 2)
        for worker in 0..<2 {
            let exchange = ask(host, "cr_one", worker: worker)
            #expect(exchange.response == nil)
            #expect(exchange.attribute(GW_ATTR_PRINCIPAL) == "laptop" && exchange.attribute(GW_ATTR_TENANT) == "home")
        }
        #expect(!isLetIn(host, "cr_two"))
        host.put("keys", "key_2", record("phone", "cr_two"))
        #expect(isLetIn(host, "cr_two"))
        host.put("keys", "key_1", record("laptop", "cr_one").replacing("\"enabled\":true", with: "\"enabled\":false"))
        #expect(ask(host, "cr_one").response?.body.contains("'laptop' is disabled") == true)
        host.put("keys", "key_1", record("laptop", "cr_one", #""expires":"2026-03-01T12:00:05Z""#))
        #expect(isLetIn(host, "cr_one"))
        host.clock.advance(seconds: 5)
        #expect(ask(host, "cr_one").response?.body.contains("'laptop' expired at 2026-03-01T12:00:05Z") == true)
        host.put("keys", "key_1", record("laptop", "cr_new"))
        #expect(!isLetIn(host, "cr_one") && isLetIn(host, "cr_new"))
        host.put("keys", "key_1", nil)
        #expect(ask(host, "cr_new").response?.body.contains("not known to this gateway") == true)
        #expect(isLetIn(host, "cr_two"))
    }

    @Test func aRotatedKeyIsGoodUntilItsOverlapEnds() throws {
        let host = try host([
            "key_1": record("laptop", "cr_new", #""previous_hash":"\#(hash("cr_old"))","previous_until":"2026-03-01T12:01:00Z""#)
        ])
        #expect(isLetIn(host, "cr_new") && isLetIn(host, "cr_old") && isLetIn(host, "cr_old"))
        host.clock.advance(seconds: 60)
        #expect(isLetIn(host, "cr_new"))
        #expect(
            ask(host, "cr_old").response?.body.contains(
                "'laptop' was replaced by a new one; the old one was good until 2026-03-01T12:01:00Z") == true)
        host.put("keys", "key_1", record("laptop", "cr_new"))
        #expect(ask(host, "cr_old").response?.body.contains("not known") == true)
    }

    @Test func theConfigurationsKeysStayAndCannotBeTakenByARecord() throws {
        let host = try host(
            ["key_1": record("thief", "cr_fixed")], config: #"{"keys":[{"name":"fixed","key":"cr_fixed"}]}"#)
        #expect(ask(host, "cr_fixed").attribute(GW_ATTR_PRINCIPAL) == "fixed")
        #expect(host.logs.contains { $0.level == GW_LOG_WARN && $0.text.contains("key_1") })
        host.put("keys", "key_1", nil)
        #expect(ask(host, "cr_fixed").attribute(GW_ATTR_PRINCIPAL) == "fixed")
        #expect(host.fixedRecords(of: "keys").map(\.serialized) == [#"{"name":"fixed","id":"fixed"}"#])
        #expect(host.fixedRecords(of: "groups").isEmpty)
    }

    @Test func aRecordThatCannotBeReadLetsNobodyIn() throws {
        let host = try host(["key_1": record("laptop", "cr_one")])
        host.put("keys", "key_1", #"{"name":"laptop","key_hash":"12"}"#)
        #expect(!isLetIn(host, "cr_one"))
        #expect(host.logs.last { $0.level == GW_LOG_ERROR }?.text.contains("/key_hash: 64 hexadecimal digits") == true)
    }

    @Test func whatAKeyAgreedToIsToldFurtherIn() throws {
        let more = #""limits":{"requests_per_minute":60,"token_limit":1000},"groups":["group_a","group_b"],"client_gone":"abort""#
        let host = try host([
            "key_1": record("laptop", "cr_one", more),
            "key_2": record("phone", "cr_two", #""limits":{},"groups":["group_a"],"account":"account_1""#),
            "key_3": record("plain", "cr_three"),
        ])
        let first = ask(host, "cr_one")
        #expect(first.attribute(GW_ATTR_LIMITS) == "60 0 1000 key_1")
        #expect(first.attribute(GW_ATTR_ACCOUNTS) == "group_a group_b")
        #expect(first.attribute(GW_ATTR_CLIENT_GONE) == "abort")
        let second = ask(host, "cr_two")
        #expect(second.attribute(GW_ATTR_LIMITS) == nil && second.attribute(GW_ATTR_ACCOUNTS) == "account_1")
        let third = ask(host, "cr_three")
        #expect(third.attribute(GW_ATTR_LIMITS) == nil && third.attribute(GW_ATTR_ACCOUNTS) == nil)
    }

    @Test func aKeyThatGoesBetweenHeadAndBodyIsRefused() throws {
        let host = try host(["key_1": record("laptop", "cr_one", #""models":["claude-*"]"#)])
        let exchange = ask(host, "cr_one")
        exchange.setAttribute(GW_ATTR_MODEL, "claude-x")
        host.put("keys", "key_1", nil)
        #expect(exchange.onBody() == .respond && exchange.response?.status == 401)
    }

    // MARK: Changes

    @Test func aNewKeyIsShownOnceAndKeptAsAHash() throws {
        let host = try host()
        let answer = host.check("keys", id: "key_1", after: #"{"name":"laptop","enabled":true}"#)
        #expect(answer.error == GW_OK && answer.refusals.isEmpty)
        guard case .text(let key)? = answer.revealed?["key"], let stored = answer.stored else {
            Issue.record("no key")
            return
        }
        #expect(key.hasPrefix("cr_") && key.utf8.count == 67)
        #expect(stored["key_hash"] == .text(hash(key)) && stored["key_hint"] == .text("\(key.prefix(7))…\(key.suffix(4))"))
        #expect(!stored.serialized.contains(key))
        host.put("keys", "key_1", stored.serialized)
        #expect(isLetIn(host, key))
        let another = host.check("keys", id: "key_2", after: #"{"name":"phone"}"#)
        #expect(another.revealed?["key"] != .text(key))
    }

    @Test func anExistingKeyIsTakenOverAndNotShown() throws {
        let host = try host(["key_1": record("old", "cr_one")], config: #"{"key_prefix":"gw-"}"#)
        let answer = host.check("keys", id: "key_2", after: #"{"name":"n","key":"sk-of-another-gateway-0001"}"#)
        #expect(answer.revealed == nil)
        #expect(answer.stored?["key"] == .null && answer.stored?["key_hash"] == .text(hash("sk-of-another-gateway-0001")))
        #expect(host.check("keys", id: "key_2", after: #"{"name":"n","key":"cr_one"}"#).refusals == ["/key: another key is the same"])
        #expect(
            host.check("keys", id: "key_2", after: #"{"name":"n","key":"with a blank"}"#).refusals == [
                "/key: a key has no blanks and no other than ASCII characters"
            ])
        if case .text(let key)? = host.check("keys", id: "key_3", after: #"{"name":"n"}"#).revealed?["key"] {
            #expect(key.hasPrefix("gw-"))
        } else {
            Issue.record("no key")
        }
    }

    @Test func anUpdateLeavesTheKeyAndReplacesItWhenOneIsGiven() throws {
        let before = record("laptop", "cr_one")
        let host = try host(["key_1": before])
        let plain = host.check("keys", id: "key_1", before: before, after: record("renamed", "cr_one"))
        #expect(plain.refusals.isEmpty && plain.stored == nil && plain.revealed == nil)
        let replaced = host.check(
            "keys", id: "key_1", before: before, after: record("laptop", "cr_one", #""key":"a-key-of-my-own-choice""#))
        #expect(replaced.stored?["key_hash"] == .text(hash("a-key-of-my-own-choice")))
        #expect(host.check("keys", id: "key_1", before: before).refusals.isEmpty)
    }

    @Test(arguments: [
        (#"{"name":"n","expires":"tomorrow"}"#, "/expires: a time like"),
        (#"{"name":"n","addresses":["10.0.0.0/8","10.0.0.0/33"]}"#, "/addresses/1: an address or a range"),
        (#"{"name":"n","models":["a*b"]}"#, "/models/0: '*' may only end"),
        (#"{"name":"fixed"}"#, "/name: a key of the configuration has this name"),
    ])
    func aFaultNamesItsField(after: String, fault: String) throws {
        let host = try host(config: #"{"keys":[{"name":"fixed","key":"cr_fixed"}]}"#)
        let answer = host.check("keys", id: "key_1", after: after)
        #expect(answer.error != GW_OK && answer.refusals.first?.hasPrefix(fault) == true && answer.stored == nil)
        #expect(host.check("groups", id: "group_1", after: #"{"name":"fixed"}"#).refusals.isEmpty)
    }

    @Test(arguments: [(0, false), (60, true)])
    func rotationMakesANewKeyAndKeepsTheOldOneForAWhile(overlap: Int, isGood: Bool) throws {
        let host = try host(["key_1": record("laptop", "cr_one")])
        let exchange = host.exchange()
        let verdict = exchange.act(
            "keys", "rotate", id: "key_1", record: host.records.document("keys", "key_1")!.json, input: "{\"overlap\":\(overlap)}")
        #expect(verdict == .respond)
        let answer = try #require(exchange.response)
        #expect(answer.status == 200)
        let document = try #require(answer.body.withBytes { try? JSON(parsing: $0) })
        guard case .text(let key) = document["revealed"]["key"] else { Issue.record("no key: \(answer.body)"); return }
        #expect(document["previous_until"] == (isGood ? .text("2026-03-01T12:01:00Z") : .null))
        #expect(isLetIn(host, key) && isLetIn(host, "cr_one") == isGood)
        host.clock.advance(seconds: 60)
        #expect(isLetIn(host, key) && !isLetIn(host, "cr_one"))
    }

    @Test func aRotationThatSomebodyOvertookSaysSo() throws {
        let host = try host(["key_1": record("laptop", "cr_one")])
        let old = host.records.document("keys", "key_1")!.json
        host.put("keys", "key_1", record("laptop", "cr_two"))
        let exchange = host.exchange()
        #expect(exchange.act("keys", "rotate", id: "key_1", record: old) == .respond)
        #expect(exchange.response?.status == 409)
        #expect(isLetIn(host, "cr_two"))
    }

    // MARK: The table

    @Test func theTableHoldsWhatADictionaryWould() {
        let table = [UInt8](repeating: 7, count: 32).withUnsafeBufferPointer { KeyTable(pepper: Bytes($0)) }
        var model: [Int: Int] = [:]
        var state: UInt64 = 42
        for step in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = Int(state >> 33) % 500
            // Few homes, so that runs are long and removal has gaps to close.
            let tag = Digest(words: [UInt32(number % 7), UInt32(number), 0, 0, 0, 0, 0, 0])
            if state >> 32 & 1 == 0 {
                #expect(table.insert(tag, value: step) == (model[number] == nil))
                if model[number] == nil { model[number] = step }
            } else {
                table.remove(tag)
                model[number] = nil
            }
            if step % 500 == 0 {
                #expect(table.count == model.count)
                for number in 0..<500 {
                    #expect(table.value(of: Digest(words: [UInt32(number % 7), UInt32(number), 0, 0, 0, 0, 0, 0])) == model[number])
                }
            }
        }
    }
}

extension String {
    fileprivate func replacing(_ old: String, with new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return self[..<range.lowerBound] + new + self[range.upperBound...]
    }
}
