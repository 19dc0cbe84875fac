// Which account a request gets, and where it goes when that fails.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct AccountPickerTests {
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

    @Test func theAccountsCredentialUpstreamAndProxyAreSet() throws {
        let host = try host([
            #"{"name":"main","api_key":"sk-1","base_url":"https://api.example/v/","proxy":{"type":"socks5","host":"10.0.0.1","port":1080,"username":"a b","password":"ü"}}"#
        ])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.header("x-api-key") == "sk-1")
        #expect(exchange.upstream == .init(url: "https://api.example/v", proxy: nil, account: "main"))
        #expect(exchange.attribute(GW_ATTR_ACCOUNT) == "main")
        #expect(exchange.attribute(GW_ATTR_EGRESS) == "socks5h://a%20b:%C3%BC@10.0.0.1:1080")
    }

    @Test func aRetryWithoutAProxyDoesNotInheritTheOneBefore() throws {
        let host = try host([
            #"{"name":"a","api_key":"k","proxy":{"type":"http","host":"p","port":1}}"#, "b",
        ])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.attribute(GW_ATTR_EGRESS) == "http://p:1")
        #expect(exchange.onAttempt(status: 500) == .retry)
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.upstream.account == "b")
        #expect(exchange.attribute(GW_ATTR_EGRESS) == nil)
    }

    @Test func turnsFollowTheWeights() throws {
        let host = try host(
            [
                #"{"name":"a","api_key":"k","weight":3}"#, #"{"name":"b","api_key":"k"}"#,
                #"{"name":"c","api_key":"k"}"#,
            ], strategy: "weighted")
        let order = (0..<10).compactMap { _ in serve(host) }.joined()
        #expect(order == "aabacaabac")
    }

    @Test func workersDoNotAllBeginWithTheSameAccount() throws {
        let host = try host(["a", "b", "c"], workers: 3)
        #expect(Set((0..<3).compactMap { serve(host, worker: $0) }).count == 3)
    }

    @Test func theLeastLoadedAccountForItsWeightIsNext() throws {
        let host = try host(
            [#"{"name":"a","api_key":"k","weight":2}"#, "b"], strategy: "least-loaded", workers: 2)
        var running: [FakeExchange] = []
        for turn in 0..<6 {  // loads are shared by the workers
            let exchange = host.exchange(worker: turn % 2)
            #expect(exchange.onSelect() == .continue)
            running.append(exchange)
        }
        #expect(running.filter { $0.upstream.account == "a" }.count == 4)
        #expect(running.filter { $0.upstream.account == "b" }.count == 2)
        for exchange in running { exchange.complete() }
        #expect(Set((0..<3).compactMap { _ in serve(host) }) == ["a", "b"])
    }

    @Test func largerPrioritiesWaitUntilNoSmallerOneIsUsable() throws {
        let host = try host([#"{"name":"spare","api_key":"k","priority":90}"#, "main"])
        #expect((0..<4).compactMap { _ in serve(host) } == Array(repeating: "main", count: 4))
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 429) == .retry)
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.upstream.account == "spare")
    }

    @Test func accountsServeTheModelsTheySay() throws {
        let host = try host([
            #"{"name":"small","api_key":"k","models":["claude-haiku-*"]}"#,
            #"{"name":"off","api_key":"k","enabled":false}"#,
        ])
        #expect(serve(host, model: "claude-haiku-4-5") == "small")
        #expect(serve(host) == "small")
        let refused = host.exchange(attributes: [GW_ATTR_MODEL: "claude-opus-5-5"])
        #expect(refused.onSelect() == .respond)
        #expect(refused.response?.status == 529)
        #expect(refused.response?.headers["x-should-retry"] == "false")
        #expect(refused.response?.body.contains("1 not for this model, 1 disabled") == true)
    }

    @Test func aFullAccountIsPassedOverAndItsPlacesComeBack() throws {
        let host = try host([#"{"name":"a","api_key":"k","concurrency":2}"#])
        let running = (0..<2).map { _ in host.exchange() }
        for exchange in running { #expect(exchange.onSelect() == .continue) }
        let refused = host.exchange()
        #expect(refused.onSelect() == .respond)
        #expect(refused.response?.headers["retry-after"] == "1")
        #expect(refused.response?.body.contains("1 at full concurrency") == true)
        refused.complete()
        running[0].complete(status: 0, error: GW_E_CANCELLED)
        #expect(serve(host) == "a")
        #expect(serve(host) == "a")
    }

    @Test(arguments: [401, 403, 429, 500, 502, 503, 529])
    func aFailureMovesTheRequestToTheNextAccount(status: Int) throws {
        let host = try host(["a", "b"])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: status) == .retry)
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.upstream.account == "b")
        #expect(exchange.header("x-api-key") == "sk-b")
        #expect(exchange.onAttempt(status: 200, number: 2) == .continue)
        exchange.complete()
        #expect((0..<3).compactMap { _ in serve(host) } == ["b", "b", "b"])
    }

    @Test func aFailedConnectionIsAFailure() throws {
        let host = try host(["a", "b"])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(error: GW_E_UNAVAILABLE) == .retry)
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.upstream.account == "b")
    }

    @Test func whatIsTheClientsFaultIsPassedOn() throws {
        let host = try host(["a", "b"])
        for status in [400, 404, 413] {
            let exchange = host.exchange()
            #expect(exchange.onSelect() == .continue)
            #expect(exchange.onAttempt(status: status) == .continue)
            exchange.complete()
        }
        let left = host.exchange()
        #expect(left.onSelect() == .continue)
        #expect(left.onAttempt(error: GW_E_CANCELLED) == .continue)
        left.complete()
        #expect(Set([serve(host), serve(host)]) == ["a", "b"])
    }

    @Test func theLastAttemptsAnswerGoesToTheClient() throws {
        let host = try host(["a", "b", "c"])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 429, isLast: true) == .continue)
        exchange.complete(status: 429)
        #expect(serve(host) != "a")
    }

    @Test func withoutAnotherAccountTheUpstreamsAnswerGoesToTheClient() throws {
        let host = try host(["a"])
        for status in [500, 529, 403] {  // trouble at the other end never takes the last one away
            let exchange = host.exchange()
            #expect(exchange.onSelect() == .continue)
            #expect(exchange.onAttempt(status: status) == .continue)
            exchange.complete(status: status)
        }
        #expect(serve(host) == "a")
    }

    @Test func theOnlyAccountIsDialledAgainUntilTheHostSaysStop() throws {
        let host = try host(["a"])
        let exchange = host.exchange()
        for number in 1...3 {
            #expect(exchange.onSelect() == .continue)
            let verdict = exchange.onAttempt(error: GW_E_UNAVAILABLE, number: number, isLast: number == 3)
            #expect(verdict == (number == 3 ? .continue : .retry))
        }
        exchange.complete(status: 502)
        #expect(serve(host) == "a")
    }

    @Test func oneServerErrorNeverTakesTheLastHealthyAccount() throws {
        let host = try host(["a", "b"])
        let first = host.exchange()
        #expect(first.onSelect() == .continue)
        #expect(first.onAttempt(status: 500) == .retry)  // a cools
        #expect(first.onSelect() == .continue)
        #expect(first.onAttempt(status: 500) == .continue)  // b is the last
        first.complete(status: 500)
        #expect(serve(host) == "b")
    }

    @Test func whenEveryAccountCoolsTheClientLearnsWhenToComeBack() throws {
        let host = try host(["a", "b", #"{"name":"off","api_key":"k","enabled":false}"#])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 429, retryAfterMilliseconds: 40_000) == .retry)
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 429, retryAfterMilliseconds: 12_000) == .continue)
        exchange.complete(status: 429)
        host.clock.advance(milliseconds: 500)
        let refused = host.exchange()
        #expect(refused.onSelect() == .respond)
        let response = try #require(refused.response)
        #expect(response.status == 529)
        #expect(response.headers["retry-after"] == "12")
        #expect(response.body.contains("overloaded_error"))
        #expect(response.body.contains("2 cooling after failures, 1 disabled; the first may be tried in 12 s"))
        #expect(!response.body.contains("'a'") && !response.body.contains("'b'"))
        host.clock.advance(milliseconds: 11_500)
        #expect(serve(host) == "b")
    }

    @Test(
        arguments: [
            ([("anthropic-ratelimit-unified-reset", "1772366490")], 90),
            (
                [
                    ("anthropic-ratelimit-requests-remaining", "3"),
                    ("anthropic-ratelimit-requests-reset", "2026-03-01T13:00:00Z"),
                    ("anthropic-ratelimit-tokens-remaining", "0"),
                    ("anthropic-ratelimit-tokens-reset", "2026-03-01T12:00:20Z"),
                    ("anthropic-ratelimit-input-tokens-remaining", "0"),
                    ("anthropic-ratelimit-input-tokens-reset", "2026-03-01T12:00:50+00:00"),
                ], 50
            ),
            ([("anthropic-ratelimit-unified-reset", "1772366000")], 30),  // over already: no answer
            ([("anthropic-ratelimit-unified-reset", "1999999999")], 3600),  // years: the cap
            ([("anthropic-ratelimit-unified-reset", "999999999999999999")], 3600),
            ([("anthropic-ratelimit-unified-reset", "soon")], 30),
            ([], 30),
        ] as [([(String, String)], UInt64)])
    func resetHeadersSayHowLong(headers: [(String, String)], seconds: UInt64) throws {
        let host = try host(["a", "b"])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 429, headers: headers) == .retry)
        exchange.complete()
        host.clock.advance(milliseconds: seconds * 1000 - 1)
        #expect(Set((0..<4).compactMap { _ in serve(host) }) == ["b"])
        // Our own back-off is up to a quarter longer by chance.
        host.clock.advance(milliseconds: seconds == 30 ? 7_501 : 1)
        #expect(Set((0..<4).compactMap { _ in serve(host) }) == ["a", "b"])
    }

    @Test func anErrorAsFirstEventIsRetriedAndLaterOnesPass() throws {
        let host = try host(["a", "b"])
        let exchange = host.exchange()
        let overloaded = #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 200) == .continue)
        #expect(exchange.onResponse(eventStream: true) == .continue)
        #expect(exchange.unsubscribed == 0)
        #expect(exchange.onEvent("error", overloaded) == .retry)
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.upstream.account == "b")
        #expect(exchange.onAttempt(status: 200, number: 2) == .continue)
        #expect(exchange.onResponse(eventStream: true) == .continue)
        #expect(exchange.onEvent("message_start", "{}") == .continue)
        #expect(exchange.unsubscribed == GW_ON_CHUNK)
        exchange.complete()
        #expect(serve(host) == "b")
    }

    @Test func anErrorOfTheRequestItselfAsFirstEventPasses() throws {
        let host = try host(["a", "b"])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 200) == .continue)
        let invalid = #"{"type":"error","error":{"type":"invalid_request_error","message":"x"}}"#
        #expect(exchange.onEvent("error", invalid) == .continue)
        #expect(exchange.unsubscribed == GW_ON_CHUNK)
    }

    @Test func plainResponsesCostNoChunkHook() throws {
        let host = try host(["a"])
        let exchange = host.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 200) == .continue)
        #expect(exchange.onResponse() == .continue)
        #expect(exchange.unsubscribed == GW_ON_CHUNK)
    }

    @Test func aNewGenerationKnowsWhatCools() throws {
        let old = try host(["a", "gone", "b"])
        let exchange = old.exchange()
        #expect(exchange.onSelect() == .continue)
        #expect(exchange.onAttempt(status: 429, retryAfterMilliseconds: 60_000) == .retry)
        exchange.complete()
        let state = old.saveState()
        let new = try host(["b", "a"])
        #expect(new.loadState(state) == GW_OK)
        #expect(Set((0..<4).compactMap { _ in serve(new) }) == ["b"])
        new.clock.advance(seconds: 60)
        #expect(Set((0..<4).compactMap { _ in serve(new) }) == ["a", "b"])
        #expect(new.loadState(Array("{\"version\":9}".utf8)) == GW_E_ARGUMENT)
        #expect(new.loadState(Array("nonsense".utf8)) == GW_E_ARGUMENT)
    }

    @Test(arguments: [
        (#"{"name":"a","api_key":""}"#, "/accounts/0/api_key: the key is empty"),
        (#"{"name":"a","api_key":"k k"}"#, "/accounts/0/api_key: a key has no blanks"),
        (#"{"name":"a","api_key":"k"},{"name":"a","api_key":"l"}"#, "/accounts/1/name: another account"),
        (#"{"name":"a","api_key":"k","base_url":"api.example"}"#, "/accounts/0/base_url: a URL like"),
        (#"{"name":"a","api_key":"k","base_url":"https://u:p@h"}"#, "/accounts/0/base_url: a URL like"),
        (#"{"name":"a","api_key":"k","proxy":{"type":"x","host":"h","port":1}}"#, "/accounts/0/proxy/type"),
        (#"{"name":"a","api_key":"k","type":"oauth"}"#, "/accounts/0/type: 'oauth' is not a type of account that can stand here"),
    ])
    func aBadConfigurationIsRefusedWithItsPlace(accounts: String, reason: String) {
        do {
            _ = try host([accounts])
            Issue.record("accepted")
        } catch { #expect("\(error)".hasPrefix(reason)) }
    }
}
