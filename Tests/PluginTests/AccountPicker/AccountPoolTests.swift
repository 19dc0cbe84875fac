// Conversations that stay, requests that wait, limits seen coming, and what people are told of it.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct AccountPoolTests {
    private func host(
        _ accounts: [String], strategy: String = "round-robin", workers: Int = 1, wait: Int = 0, extra: String = ""
    ) throws -> FakeHost {
        let entries = accounts.map { account -> String in
            account.hasPrefix("{") ? account : #"{"name":"\#(account)","api_key":"sk-\#(account)"}"#
        }
        return try FakeHost(
            AccountPicker.self,
            "{\"strategy\":\"\(strategy)\",\"wait\":{\"seconds\":\(wait)},\"accounts\":[\(entries.joined(separator: ","))]\(extra)}",
            workers: workers)
    }

    /// Runs one whole exchange that succeeds, and returns its account.
    @discardableResult
    private func serve(_ host: FakeHost, worker: Int = 0, model: String? = nil) -> String? {
        let exchange = host.exchange(
            attributes: model.map { [GW_ATTR_MODEL: $0] } ?? [:], worker: worker)
        guard exchange.onSelect() == .continue else { return nil }
        _ = exchange.onAttempt(status: 200)
        exchange.complete()
        return exchange.upstream.account
    }

    // MARK: Conversations

    private func conversation(_ host: FakeHost, _ session: String?, tenant: String = "t", worker: Int = 0) -> FakeExchange {
        var attributes = [GW_ATTR_ROUTE: "messages", GW_ATTR_MODEL: "claude-opus-5-5", GW_ATTR_TENANT: tenant]
        attributes[GW_ATTR_SESSION] = session
        return host.exchange(attributes: attributes, worker: worker)
    }

    @Test func aConversationStaysAndSaysWhatItSaved() throws {
        let host = try host(["a", "b", "c"], workers: 2)
        var homes: Set<String?> = []
        for round in 0..<4 {
            let exchange = conversation(host, "s", worker: round % 2)
            #expect(exchange.onSelect() == .continue)
            _ = exchange.onAttempt(status: 200)
            exchange.setAttribute(GW_ATTR_TOKENS_INPUT, 10)
            exchange.setAttribute(GW_ATTR_CACHE_READ, round == 0 ? 0 : 1_000)
            exchange.setAttribute(GW_ATTR_CACHE_WRITE_5M, 1_000)
            exchange.complete()
            homes.insert(exchange.upstream.account)
            #expect(exchange.attribute(GW_ATTR_ACCOUNT_REASON) == (round == 0 ? "turn" : "sticky"))
        }
        #expect(homes.count == 1)
        #expect(host.metrics.values[#"gateway_sticky_requests_total{outcome="kept"}"#] == 3)
        #expect(host.metrics.values[#"gateway_sticky_cache_tokens_total{fate="kept"}"#] == 3_000)
        let moved = conversation(host, "s")
        #expect(moved.onSelect() == .continue)
        #expect(moved.onAttempt(status: 429, retryAfterMilliseconds: 9_000) == .retry)
        #expect(moved.onSelect() == .continue)
        #expect(!homes.contains(moved.upstream.account))
        #expect(host.metrics.values[#"gateway_sticky_cache_tokens_total{fate="lost"}"#] == 2_000)
        let later = conversation(host, "s")
        #expect(later.onSelect() == .continue)
        #expect(later.upstream.account == moved.upstream.account)
        #expect(host.metrics.values[#"gateway_account_coolings_total{reason="rate_limited",scope="opus"}"#] == 1)
    }

    @Test func tenantsWithOneSessionAreTwoConversations() throws {
        let host = try host(["a", "b"])
        let first = conversation(host, "s", tenant: "one")
        let second = conversation(host, "s", tenant: "two")
        #expect(first.onSelect() == .continue && second.onSelect() == .continue)
        #expect(first.upstream.account != second.upstream.account)
    }

    @Test func aConversationWithoutANameIsKnownByItsOpening() throws {
        let host = try host(["a", "b", "c"])
        func account(_ system: String, _ first: String, more: String = "") -> String? {
            let exchange = conversation(host, nil)
            exchange.body = #"{"system":"\#(system)","messages":[{"role":"user","content":"\#(first)"}\#(more)]}"#
            #expect(exchange.onSelect() == .continue)
            exchange.complete()
            return exchange.upstream.account
        }
        let home = account("be kind", "hello")
        #expect(account("be kind", "hello", more: #",{"role":"assistant","content":"hi"}"#) == home)
        #expect(Set([account("be kind", "good day"), account("be curt", "hello")]).count == 2)
        #expect(account("be kind", "hello", more: #",{"role":"assistant","content":"hm"}"#) == home)
    }

    @Test func onlyMessagesAreConversations() throws {
        let host = try host(["a", "b"])
        let accounts = (0..<4).map { _ -> String? in
            let exchange = host.exchange(attributes: [GW_ATTR_ROUTE: "count_tokens", GW_ATTR_SESSION: "s"])
            #expect(exchange.onSelect() == .continue)
            exchange.complete()
            return exchange.upstream.account
        }
        #expect(accounts == ["a", "b", "a", "b"])
    }

    @Test func aNewGenerationKnowsTheConversations() throws {
        let old = try host(["a", "b"])
        let accounts = (0..<6).map { number -> String? in
            let exchange = conversation(old, "s\(number)")
            #expect(exchange.onSelect() == .continue)
            exchange.complete()
            return exchange.upstream.account
        }
        let new = try host(["new", "b", "a"])
        #expect(new.loadState(old.saveState()) == GW_OK)
        for number in 0..<6 {
            let exchange = conversation(new, "s\(number)")
            #expect(exchange.onSelect() == .continue)
            #expect(exchange.upstream.account == accounts[number])
        }
    }

    // MARK: Waiting

    @Test func aRequestWaitsForAPlaceAndGetsIt() async throws {
        let host = try host([#"{"name":"a","api_key":"k","concurrency":1}"#], workers: 2, wait: 10)
        let running = host.exchange()
        #expect(running.onSelect() == .continue)
        let waiting = host.exchange(worker: 1)
        #expect(waiting.onSelect() == .suspend)
        #expect(host.metrics.values["gateway_account_waiting"] == 1)
        running.complete()
        #expect(await waiting.finishSignalledOperation() == .continue)
        #expect(waiting.upstream.account == "a")
        #expect(waiting.header("x-api-key") == "k")
        #expect(host.metrics.values["gateway_account_waiting"] == 0)
        let late = host.exchange()
        #expect(late.onSelect() == .suspend, "the place was handed over, not free")
        waiting.complete()
        #expect(await late.finishSignalledOperation() == .continue)
        late.complete()
        #expect(serve(host) == "a")
    }

    @Test func whoWaitsTooLongIsRefused() throws {
        let host = try host([#"{"name":"a","api_key":"k","concurrency":1}"#], wait: 10)
        let running = host.exchange()
        #expect(running.onSelect() == .continue)
        let waiting = host.exchange()
        #expect(waiting.onSelect() == .suspend)
        host.clock.advance(milliseconds: 10_000)
        let place = waiting.operations.removeFirst()  // of the two it is the timer that ends
        #expect(waiting.finishOperation() == .respond)
        #expect(waiting.response?.status == 529 && waiting.response?.body.contains("1 at full concurrency") == true)
        waiting.operations.append(place)
        waiting.complete(status: 529)
        running.complete()
        #expect(serve(host) == "a")
    }

    @Test func whoLeavesWhileWaitingLeavesNoPlaceBehind() async throws {
        let host = try host([#"{"name":"a","api_key":"k","concurrency":1}"#], wait: 10)
        let running = host.exchange()
        #expect(running.onSelect() == .continue)
        let waiting = [host.exchange(), host.exchange()]
        for exchange in waiting { #expect(exchange.onSelect() == .suspend) }
        running.complete()  // the place goes to the first, whose client leaves before it hears of it
        waiting[0].complete(status: 0, error: GW_E_CANCELLED)
        #expect(await waiting[1].finishSignalledOperation() == .continue)
        waiting[1].complete()
        #expect(serve(host) == "a")
    }

    @Test func aRestThatEndsSoonIsWaitedFor() throws {
        let host = try host(["a"], wait: 10)
        let first = host.exchange()
        #expect(first.onSelect() == .continue)
        #expect(first.onAttempt(status: 429, isLast: true, retryAfterMilliseconds: 4_000) == .continue)
        first.complete(status: 429)
        let waiting = host.exchange()
        #expect(waiting.onSelect() == .suspend)
        host.clock.advance(milliseconds: 4_000)
        waiting.operations.removeFirst()
        #expect(waiting.finishOperation() == .continue)
        let long = host.exchange()
        #expect(waiting.onAttempt(status: 429, isLast: true, retryAfterMilliseconds: 40_000) == .continue)
        #expect(long.onSelect() == .respond, "what ends later than it would wait is not waited for")
    }

    // MARK: For people

    @Test func theTrailOfARequestIsReadable() throws {
        let host = try host(["a", "b"])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 529) == .retry)
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 200, number: 2) == .continue)
        exchange.complete()
        let asking = host.exchange()
        #expect(asking.act("accounts", "why", input: #"{"request":"gw_00000000000000000001"}"#) == .respond)
        let body = try #require(asking.response?.body)
        #expect(
            body.contains(#""attempt":1,"account":"a","why":"least_loaded""#) || body.contains(#""account":"a","why":"turn""#), "\(body)")
        #expect(body.contains(#""status":529"#) && body.contains(#""status":200"#), "\(body)")
        #expect(body.contains(#"{"account":"a","reason":"cooling","trouble":"overloaded","of":"account""#), "\(body)")
        let unknown = host.exchange()
        #expect(unknown.act("accounts", "why", input: #"{"request":"gw_00000000ffffffffffff"}"#) == .respond)
        #expect(unknown.response?.status == 404)
    }

    @Test func theTrailNamesThoseWhoStandBehindAndTheFirstEventOfAStream() throws {
        func entry(_ name: String, _ priority: Int) -> String { #"{"name":"\#(name)","api_key":"k","priority":\#(priority)}"# }
        let host = try host([entry("a", 1), entry("b", 2), entry("c", 3)])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 200) == .continue && exchange.onResponse(eventStream: true) == .continue)
        #expect(exchange.onEvent("error", #"{"type":"error","error":{"type":"overloaded_error"}}"#) == .retry)
        #expect(exchange.onSelect() == .continue)
        exchange.complete()
        let asking = host.exchange()
        #expect(asking.act("accounts", "why", input: #"{"request":"gw_00000000000000000001"}"#) == .respond)
        let body = try #require(asking.response?.body)
        let decisions = body.split(separator: #""time":"#)
        #expect(
            decisions[1].contains(
                #""first_event":"overloaded","passed_over":[{"account":"b","reason":"behind"},{"account":"c","reason":"behind"}],"#
                    + #""counts":{"behind":2}"#), "\(body)")
        #expect(decisions[2].contains(#""account":"b","why""#) && decisions[2].contains(#"{"account":"c","reason":"behind"}"#), "\(body)")
        #expect(decisions[2].contains(#""account":"a","reason":"cooling""#), "\(body)")
    }

    @Test func aLongTailIsCountedAndNotNamed() throws {
        let host = try host((0..<30).map { #"{"name":"n\#($0)","api_key":"k","priority":\#($0)}"# })
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        exchange.complete()
        let asking = host.exchange()
        #expect(asking.act("accounts", "why", input: #"{"request":"gw_00000000000000000001"}"#) == .respond)
        #expect(asking.response?.body.contains(#""passed_over":[],"counts":{"behind":29}"#) == true, "\(asking.response?.body ?? "")")
    }

    @Test func theStatusSaysWhoRestsAndWhyAndAResetEndsIt() throws {
        let host = try host(["a", #"{"name":"b","api_key":"k","concurrency":3,"enabled":false}"#])
        let exchange = host.exchange(attributes: [GW_ATTR_MODEL: "claude-opus-5-5"])
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 429, isLast: true, retryAfterMilliseconds: 60_000) == .continue)
        exchange.complete(status: 429)
        #expect(host.metrics.values[#"gateway_account_state{account="a"}"#] == 1)
        let status = host.exchange()
        #expect(status.act("accounts", "status") == .respond)
        let body = try #require(status.response?.body)
        #expect(body.contains(#""id":"config:a","name":"a","state":"cooling""#), "\(body)")
        #expect(
            body.contains(
                #""of":"opus","state":"cooling","reason":"rate_limited","failures":1,"until":"2026-03-01T12:01:00Z","until_from":"retry-after""#
            ), "\(body)")
        #expect(body.contains(#""name":"b","state":"switched_off","until":null,"reason":null,"in_flight":0,"concurrency":3"#), "\(body)")
        #expect(body.contains(#""reason":"rate_limited of opus, retry-after""#), "\(body)")
        let reset = host.exchange()
        #expect(reset.act("accounts", "reset", id: "config:a") == .respond)
        #expect(reset.response?.body.contains(#""state":"healthy""#) == true)
        #expect(host.metrics.values[#"gateway_account_state{account="a"}"#] == 0)
        #expect(serve(host, model: "claude-opus-5-5") == "a")
    }

    @Test func whatTheProviderSaysOfItsLimitsLeavesAnAccountAloneInTime() throws {
        let host = try host(["a", "b"])
        func serve(_ headers: [(String, String)]) -> String? {
            let exchange = host.exchange(attributes: [GW_ATTR_MODEL: "claude-opus-5-5"])
            #expect(exchange.onSelect() == .continue)
            _ = exchange.onAttempt(status: 200, headers: headers)
            exchange.complete()
            return exchange.upstream.account
        }
        let nearly = [
            ("anthropic-ratelimit-requests-limit", "50"), ("anthropic-ratelimit-requests-remaining", "1"),
            ("anthropic-ratelimit-requests-reset", "2026-03-01T12:00:30Z"),
        ]
        #expect(serve(nearly) == "a")
        #expect((0..<6).compactMap { _ in serve([]) }.count { $0 == "a" } == 1, "one is left")
        host.clock.advance(seconds: 30)
        #expect(Set((0..<4).compactMap { _ in serve([]) }) == ["a", "b"])
    }
}
