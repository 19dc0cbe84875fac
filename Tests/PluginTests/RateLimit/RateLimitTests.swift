// What a client of RateLimit sees, to the request and to the second.

import PluginKit
import Testing

@testable import RateLimitCore

@Suite struct RateLimitTests {
    private func host(_ config: String) throws -> FakeHost { try FakeHost(RateLimit.self, config) }

    private func exchange(_ host: FakeHost, key: String = "laptop", address: String = "10.0.0.1") -> FakeExchange {
        host.exchange(attributes: [
            GW_ATTR_PRINCIPAL: key, GW_ATTR_CLIENT_IP: address, GW_ATTR_ROUTE: "messages",
        ])
    }

    @Test func exactlyTheLimitPassesInAMinuteAndThenOneAtATime() throws {
        let host = try host(#"{"per_key":{"requests_per_minute":6}}"#)
        for _ in 0..<6 { #expect(exchange(host).onRequest() == .continue) }
        #expect(exchange(host).onRequest() == .respond)
        host.clock.advance(milliseconds: 9_999)
        #expect(exchange(host).onRequest() == .respond)
        host.clock.advance(milliseconds: 1)
        #expect(exchange(host).onRequest() == .continue)
        #expect(exchange(host).onRequest() == .respond)
    }

    @Test func theRefusalSaysWhichLimitHowMuchAndUntilWhen() throws {
        let host = try host(#"{"per_key":{"requests_per_minute":1}}"#)
        #expect(exchange(host).onRequest() == .continue)
        host.clock.advance(milliseconds: 500)
        let refused = exchange(host)
        #expect(refused.onRequest() == .respond)
        let response = try #require(refused.response)
        #expect(response.status == 429)
        #expect(response.headers["retry-after"] == "60")  // 59.5 s, rounded up
        #expect(response.headers["x-should-retry"] == nil)
        #expect(response.headers["anthropic-ratelimit-requests-limit"] == "1")
        #expect(response.headers["anthropic-ratelimit-requests-remaining"] == "0")
        #expect(response.headers["anthropic-ratelimit-requests-reset"] == "2026-03-01T12:01:00Z")
        #expect(
            response.body.contains(
                "the API key 'laptop' reached the limit of 1 requests per minute; try again in 60 s, "
                    + "at 2026-03-01T12:01:00Z"))
        #expect(response.body.contains("rate_limit_error"))
    }

    @Test func whoeverWaitsAsLongAsToldIsLetIn() throws {
        let host = try host(#"{"per_key":{"requests_per_minute":7}}"#)
        for _ in 0..<7 { #expect(exchange(host).onRequest() == .continue) }
        host.clock.advance(milliseconds: 1234)
        let refused = exchange(host)
        #expect(refused.onRequest() == .respond)
        let seconds = try #require(refused.response?.headers["retry-after"].flatMap { UInt64($0) })
        host.clock.advance(seconds: seconds)
        #expect(exchange(host).onRequest() == .continue)
    }

    @Test func aWaitOfMoreThanAMinuteIsNotWorthTryingAgain() {
        let limit = Limit(subject: .key, measure: .requestsPerMinute, amount: 1)
        let wall = ManualClock.startSeconds * 1_000_000_000
        func refusal(_ milliseconds: UInt64) -> Refusal {
            var grant = gw_grant()
            grant.retry_after_ms = milliseconds
            return limit.refusal(name: "k", grant: grant, wallNanoseconds: wall)
        }
        let minute = refusal(60_000)
        #expect(minute.shouldRetry && minute.retryAfter == 60)
        let longer = refusal(60_001)
        #expect(!longer.shouldRetry && longer.retryAfter == 61)
        let unknown = refusal(0)
        #expect(unknown.retryAfter == 1)
    }

    @Test func placesComeBackWhenTheExchangeEndsHoweverItEnds() throws {
        let host = try host(#"{"per_key":{"concurrency":2}}"#)
        let first = exchange(host)
        let second = exchange(host)
        #expect(first.onRequest() == .continue && second.onRequest() == .continue)
        let refused = exchange(host)
        #expect(refused.onRequest() == .respond)
        #expect(refused.response?.status == 429)
        #expect(refused.response?.headers["retry-after"] == "1")
        #expect(refused.response?.body.contains("2 requests at the same time") == true)
        refused.complete()
        #expect(host.limiter.held("key:held:laptop") == 2)
        first.complete(status: 0, error: GW_E_CANCELLED)
        #expect(exchange(host).onRequest() == .continue)
    }

    @Test func aRefusalByOneLimitTakesNothingFromTheOthers() throws {
        let host = try host(#"{"per_key":{"requests_per_minute":2,"concurrency":1}}"#)
        let running = exchange(host)
        #expect(running.onRequest() == .continue)
        for _ in 0..<5 { #expect(exchange(host).onRequest() == .respond) }
        running.complete()
        #expect(exchange(host).onRequest() == .continue)
    }

    @Test func keysAndAddressesAreCountedApart() throws {
        let host = try host(#"{"per_key":{"requests_per_minute":1},"per_address":{"requests_per_minute":2}}"#)
        #expect(exchange(host, key: "a").onRequest() == .continue)
        #expect(exchange(host, key: "a").onRequest() == .respond)
        #expect(exchange(host, key: "b").onRequest() == .continue)
        let third = exchange(host, key: "c")
        #expect(third.onRequest() == .respond)
        #expect(third.response?.body.contains("the address 10.0.0.1 reached the limit") == true)
        #expect(exchange(host, key: "c", address: "10.0.0.2").onRequest() == .continue)
        #expect(host.limiter.taken[0] == ["key:rate:a", "address:rate:10.0.0.1"])
    }

    @Test func responsesAnnounceWhatIsLeftOfTheKey() throws {
        let host = try host(#"{"per_key":{"requests_per_minute":60,"concurrency":5}}"#)
        let first = exchange(host)
        #expect(first.onRequest() == .continue)
        #expect(first.onResponse() == .continue)
        #expect(first.header("anthropic-ratelimit-requests-limit", of: .response) == "60")
        #expect(first.header("anthropic-ratelimit-requests-remaining", of: .response) == "59")
        #expect(first.header("anthropic-ratelimit-requests-reset", of: .response) == "2026-03-01T12:00:01Z")
    }

    @Test func announcementsCanBeSwitchedOff() throws {
        let host = try host(#"{"per_key":{"requests_per_minute":60},"headers":false}"#)
        let first = exchange(host)
        #expect(first.onRequest() == .continue)
        #expect(first.onResponse() == .continue)
        #expect(first.header("anthropic-ratelimit-requests-limit", of: .response) == nil)
    }

    @Test func onlyTheConfiguredRoutesAreLimited() throws {
        let host = try host(#"{"per_key":{"requests_per_minute":1},"routes":["messages"]}"#)
        #expect(exchange(host).onRequest() == .continue)
        let other = host.exchange(attributes: [GW_ATTR_PRINCIPAL: "laptop", GW_ATTR_ROUTE: "models"])
        #expect(other.onRequest() == .continue)
        #expect(other.onResponse() == .continue)
        #expect(host.limiter.taken.count == 1)
    }

    @Test func aStoreThatIsAwayIsAFailureAndNotARefusal() throws {
        let host = try host(#"{"per_key":{"requests_per_minute":1}}"#)
        host.limiter.failure = GW_E_UNAVAILABLE
        #expect(exchange(host).onRequest() == .fail)
    }

    @Test func withoutALimiterItDoesNotStart() {
        #expect(throws: CreateRefused.self) {
            try FakeHost(RateLimit.self, "{}", withholding: [GW_LIMITER])
        }
    }

    // MARK: Limits of a key's own

    private func keyed(_ host: FakeHost, _ limits: String) -> FakeExchange {
        host.exchange(attributes: [
            GW_ATTR_PRINCIPAL: "laptop", GW_ATTR_CLIENT_IP: "10.0.0.1", GW_ATTR_ROUTE: "messages", GW_ATTR_LIMITS: limits,
        ])
    }

    @Test func aKeysOwnLimitsTakeThePlaceOfThoseForEachKey() throws {
        let host = try host(#"{"per_key":{"requests_per_minute":1,"concurrency":9},"per_address":{"concurrency":50}}"#)
        for _ in 0..<2 { #expect(keyed(host, "2 0 0 key_1").onRequest() == .continue) }
        #expect(host.limiter.taken.last == ["key:rate:key_1", "key:held:key_1", "address:held:10.0.0.1"])
        let refused = keyed(host, "2 0 0 key_1")
        #expect(refused.onRequest() == .respond)
        #expect(refused.response?.headers["anthropic-ratelimit-requests-limit"] == "2")
        #expect(refused.response?.body.contains("the API key 'laptop' reached the limit of 2 requests per minute") == true)
        // Another key, and one without limits of its own, have theirs.
        #expect(keyed(host, "2 0 0 key_2").onRequest() == .continue)
        #expect(exchange(host).onRequest() == .continue)
        #expect(exchange(host).onRequest() == .respond)
    }

    @Test func withoutAConfigurationAKeysOwnLimitsHold() throws {
        let host = try host("{}")
        let first = keyed(host, "0 1 0 key_1")
        #expect(first.onRequest() == .continue)
        let second = keyed(host, "0 1 0 key_1")
        #expect(second.onRequest() == .respond && second.response?.status == 429)
        first.complete()
        #expect(keyed(host, "0 1 0 key_1").onRequest() == .continue)
    }

    @Test func tokensAreCountedAtTheEndAndRunOut() throws {
        let host = try host("{}")
        for (used, isLast) in [(400, false), (590, false), (700, true)] {
            let exchange = keyed(host, "0 0 1000 key_1")
            #expect(exchange.onRequest() == .continue && exchange.onBody() == .continue)
            exchange.setAttribute(GW_ATTR_TOKENS_INPUT, used - 7)
            exchange.setAttribute(GW_ATTR_TOKENS_OUTPUT, 4)
            exchange.setAttribute(GW_ATTR_CACHE_READ, 1)
            exchange.setAttribute(GW_ATTR_CACHE_WRITE_5M, 1)
            exchange.setAttribute(GW_ATTR_CACHE_WRITE_1H, 1)
            exchange.complete()
            #expect(isLast == (host.limiter.spent["key:tokens:key_1"]! >= 1000))
        }
        #expect(host.limiter.spent == ["key:tokens:key_1": 1690])
        let refused = keyed(host, "0 0 1000 key_1")
        #expect(refused.onRequest() == .continue && refused.onBody() == .respond)
        #expect(refused.response?.status == 402 && refused.response?.headers["x-should-retry"] == "false")
        #expect(refused.response?.body.contains("has used up the 1000 tokens") == true)
        // More was given.
        let again = keyed(host, "0 0 2000 key_1")
        #expect(again.onRequest() == .continue && again.onBody() == .continue)
    }

    @Test(arguments: ["", "1", "1 2 3", "1 2 3 ", "a 2 3 k", "1  3 k", "-1 2 3 k"])
    func whatIsNoListOfLimitsFails(text: String) throws {
        #expect(text.withBytes { KeyLimits($0) == nil })
        #expect(keyed(try host("{}"), text.isEmpty ? " " : text).onRequest() == .fail)
    }
}
