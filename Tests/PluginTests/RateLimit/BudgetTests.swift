// Budgets of tokens and money: reserved, settled, told of what was before, and estimated by what was learned.

import PluginKit
import Testing

@testable import RateLimitCore

@Suite struct RateLimitBudgetTests {
    private func host(_ config: String = "{}") throws -> FakeHost { try FakeHost(RateLimit.self, config) }

    private func exchange(
        _ host: FakeHost, _ limits: String?, maxTokens: Int = 1000, bytes: Int = 3000, model: String = "claude-x", tenant: String? = nil
    ) -> FakeExchange {
        var attributes = [
            GW_ATTR_PRINCIPAL: "laptop", GW_ATTR_CLIENT_IP: "10.0.0.1", GW_ATTR_ROUTE: "messages", GW_ATTR_MODEL: model,
        ]
        attributes[GW_ATTR_LIMITS] = limits
        attributes[GW_ATTR_TENANT] = tenant
        let exchange = host.exchange(attributes: attributes)
        let start = "{\"max_tokens\":\(maxTokens),\"x\":\""
        exchange.body = start + String(repeating: "x", count: max(0, bytes - start.utf8.count - 2)) + "\"}"
        return exchange
    }

    private func admit(_ exchange: FakeExchange) -> Verdict {
        let first = exchange.onRequest()
        return first == .continue ? exchange.onBody() : first
    }

    private func run(_ exchange: FakeExchange, input: Int, output: Int) -> Verdict {
        let verdict = admit(exchange)
        exchange.usage = .used(input: input, output: output)
        exchange.complete()
        return verdict
    }

    // MARK: Texts

    @Test(arguments: [
        ("5.00 usd per day", BudgetText.Measure.usd, BudgetText.Span.day, 5_000_000_000),
        ("0.000000001 usd in all", .usd, .forEver, 1), ("12 usd per month", .usd, .month, 12_000_000_000),
        ("20000 output_tokens per minute", .outputTokens, .minute, 20_000), ("7 requests per hour", .requests, .hour, 7),
        ("1000000 tokens in all", .tokens, .forEver, 1_000_000), ("1 input_tokens per week", .inputTokens, .week, 1),
    ])
    func budgetsAreReadToTheLastDigit(text: String, measure: BudgetText.Measure, span: BudgetText.Span, amount: Int) {
        #expect(BudgetText(text) == BudgetText(measure: measure, span: span, amount: amount))
    }

    @Test(arguments: [
        "", "5 usd", "5 usd per year", "5 eur per day", "5,00 usd per day", "0 usd per day", "0.0000000001 usd per day", "-1 usd per day",
        "5. usd per day", ".5 usd per day", "1.5 tokens per day", "5  usd per day", "5 usd per day ", "1000000000000 usd per day",
        "5 usd in day", "5 usd per forEver", "5 usd per in all",
    ])
    func whatIsNoBudgetIsNone(text: String) { #expect(BudgetText(text) == nil) }

    @Test(
        arguments: [
            ("5 usd per day stop_streams", nil, true), ("5 usd per day without_redis allow", .allow, false),
            ("5 usd per day without_redis local_share stop_streams", .localShare, true),
            ("5 usd per day stop_streams without_redis refuse", .refuse, true), ("5 requests in all without_redis allow", .allow, false),
        ] as [(String, BudgetText.WithoutRedis?, Bool)])
    func whatElseIsSaidStandsBehindIt(text: String, withoutRedis: BudgetText.WithoutRedis?, stops: Bool) throws {
        let budget = try #require(BudgetText(text))
        #expect(budget.withoutRedis == withoutRedis && budget.stopsStreams == stops && budget.amount > 0)
    }

    @Test(arguments: [
        "5 usd per day,", "5 usd per day, stop_streams", "5 usd per day, ", "5 usd per day, stop",
        "5 usd per day stop_streams stop_streams",
        "5 usd per day without_redis", "5 usd per day without_redis never", "5 usd per day without_redis allow without_redis allow",
        "5 requests per day stop_streams", ", stop_streams", "stop_streams, 5 usd per day", "5 usd per day stop_streams,",
        "5 usd per day  stop_streams", "5 usd per day stop_streams ",
    ])
    func whatElseCannotBeSaidIsNoBudget(text: String) { #expect(BudgetText(text) == nil) }

    @Test func aKeysNumbersHaveTheTermsOfTheConfiguration() throws {
        let settings = Settings(
            try JSON(
                parsing: """
                    {"without_redis":"allow","per_key":{"requests_per_minute":{"without_redis":"local_share"},
                    "concurrency":{"limit":3,"wait":{"seconds":5}},"budgets":[{"limit":"1 usd per day","stop_streams":true}]},
                    "per_tenant":{"concurrency":7}}
                    """))
        let options = try RateLimitOptions(settings)
        #expect(options.limits.map(\.amount) == [3, 1_000_000_000, 7])
        #expect(options.limits.map(\.withoutRedis) == [.allow, .allow, .allow])
        #expect(options.limits[0].waits == WaitTerms(milliseconds: 5000, requests: 64) && options.limits[2].waits == nil)
        #expect(options.limits[1].stopsStreams)
        let own = try #require(KeyLimits("60 4 0 key_1;2 usd per day without_redis refuse;9 tokens in all"))
        let limits = own.limits(of: .key, options.terms)
        #expect(limits.map(\.amount) == [60, 4, 2_000_000_000, 9])
        #expect(limits.map(\.withoutRedis) == [.localShare, .allow, .refuse, .allow])
        #expect(limits[1].waits == WaitTerms(milliseconds: 5000, requests: 64) && !limits[2].stopsStreams)
        // Of a tenant the configuration says that nobody waits.
        #expect(own.limits(of: .tenant, options.terms)[1].waits == nil)
    }

    @Test func aStreamCannotBeStoppedForRequests() throws {
        let settings = Settings(
            try JSON(parsing: #"{"per_key":{"budgets":[{"limit":"1 requests per day","stop_streams":true}]}}"#))
        #expect(throws: PluginError.self) { try RateLimitOptions(settings) }
    }

    @Test func moneyIsSaidWithAtLeastTwoDecimals() {
        #expect(BudgetText.dollars(5_000_000_000) == "5.00")
        #expect(BudgetText.dollars(1_234_567_890) == "1.23456789")
        #expect(BudgetText.dollars(500_000) == "0.0005")
    }

    // MARK: Money

    @Test func moneyIsReservedAndSettledWithWhatTheLedgerSays() throws {
        let host = try host()
        let first = exchange(host, "0 0 0 key_1;1 usd per day")
        #expect(admit(first) == .continue)
        // 1000 tokens of 3000 bytes, and 1000 of max_tokens.
        #expect(host.limiter.reserved("key:usd:key_1") == 18_000_000)
        first.usage = .used(input: 400, output: 20)
        first.complete()
        #expect(host.limiter.spent["key:usd:key_1"] == 1_500_000)
        #expect(host.limiter.reserved("key:usd:key_1") == 0)
    }

    @Test func whoNeverReachedTheProviderSpendsNothing() throws {
        let host = try host()
        let first = exchange(host, "0 0 0 key_1;1 usd per day;3 requests per day")
        #expect(admit(first) == .continue)
        first.usage = LedgerUsage()
        first.complete(status: 529)
        #expect(host.limiter.spent == ["key:usd:key_1": 0, "key:requests:key_1": 0])
    }

    @Test func theLedgerIsAskedOnceForEachPeriodAndCounts() throws {
        let host = try host()
        host.ledgerSums["key:laptop"] = LedgerUsage.used(input: 10, output: 5, cost: 999_999_999).raw
        let limits = "0 0 0 key_1;1 usd per day;1000 tokens per day;9 requests in all"
        let first = exchange(host, limits)
        #expect(admit(first) == .continue)
        #expect(host.ledgerQuestions == ["key:laptop:\(GW_CALENDAR_DAY)", "key:laptop:0"])
        // Only one nano-dollar is left, and nobody else has reserved: one request may begin with it.
        #expect(host.limiter.reserved("key:usd:key_1") == 1)
        let second = exchange(host, limits)
        #expect(admit(second) == .respond && second.response?.status == 429)
        #expect(second.response?.headers["retry-after"] == "1")
        #expect(second.response?.body.contains("0.000000001 USD left of 1.00 USD per day") == true)
        first.usage = .used(input: 1, output: 1)
        first.complete()
        let third = exchange(host, limits)
        #expect(admit(third) == .respond && third.response?.status == 402)
        #expect(third.response?.body.contains("billing_error") == true)
        #expect(third.response?.body.contains("used up its budget of 1.00 USD per day (1.000017999 USD spent); it renews at 2026-") == true)
        #expect(third.response?.headers["x-should-retry"] == "false")
        #expect(host.ledgerQuestions.count == 2)
        #expect(host.limiter.spent["key:requests:key_1"] == 2)
    }

    @Test func aLedgerThatCannotBeReadIsAFailureAndNotAGift() throws {
        let host = try host()
        host.ledgerFailure = GW_E_UNAVAILABLE
        #expect(admit(exchange(host, "0 0 0 key_1;1 usd per day")) == .fail)
    }

    @Test func aTenantIsLimitedBesideItsKeys() throws {
        let host = try host()
        let limits = "0 0 0 key_1;1000 tokens per day\n0 1 0 tenant_1;5 usd per month"
        host.ledgerSums["tenant:acme"] = LedgerUsage.used(input: 0, output: 0, cost: 17).raw
        let first = exchange(host, limits, tenant: "acme")
        #expect(admit(first) == .continue)
        #expect(host.limiter.taken.last == ["key:tokens:key_1", "tenant:held:acme", "tenant:usd:acme"])
        #expect(host.limiter.spent["tenant:usd:acme"] == 17)
        let second = exchange(host, limits, tenant: "acme")
        #expect(admit(second) == .respond)
        #expect(second.response?.body.contains("has 1000 tokens left of 1000 tokens per day") == true)
        let other = exchange(host, "0 0 0 key_2\n0 1 0 tenant_1", tenant: "acme")
        #expect(admit(other) == .respond)
        #expect(other.response?.body.contains("the tenant 'acme' reached the limit of 1 requests at the same time") == true)
    }

    @Test func theConfigurationsBudgetsHoldWhereAKeySaysNothing() throws {
        let host = try host(#"{"per_key":{"budgets":["2 requests per day","5 usd per day"]}}"#)
        #expect(run(exchange(host, nil), input: 1, output: 1) == .continue)
        #expect(host.limiter.taken.last == ["key:requests:laptop", "key:usd:laptop"])
        #expect(admit(exchange(host, "0 0 0 key_1;9 usd per week")) == .continue)
        #expect(host.limiter.taken.last == ["key:usd:key_1", "key:requests:key_1"])
        #expect(run(exchange(host, nil), input: 1, output: 1) == .continue)
        let third = exchange(host, nil)
        #expect(admit(third) == .respond && third.response?.status == 429)
        #expect(third.response?.body.contains("reached the limit of 2 requests per day; try again in 3600 s") == true)
        #expect(third.response?.headers["x-should-retry"] == "false")
    }

    @Test func whatIsNoBudgetIsRefusedWithItsPlace() {
        #expect(throws: CreateRefused.self) { try host(#"{"per_key":{"budgets":["5 euros"]}}"#) }
    }

    @Test func aModelWithoutAPriceIsCountedAtNothingOrRefused() throws {
        let host = try host()
        #expect(admit(exchange(host, "0 0 0 key_1;1 usd per day", model: "local")) == .continue)
        let refused = exchange(host, "0 0 0 key_2;unpriced refuse", model: "local")
        #expect(admit(refused) == .respond && refused.response?.status == 404)
        #expect(refused.response?.body.contains("model: local has no price") == true)
        #expect(admit(exchange(host, "0 0 0 key_2;unpriced refuse")) == .continue)
    }

    // MARK: Estimates

    @Test func anAgentWithHugeMaxTokensAndSmallUseIsNotStrangled() throws {
        let host = try host()
        let limits = "0 0 0 key_1;100000 output_tokens per day"
        for _ in 0..<20 { #expect(run(exchange(host, limits, maxTokens: 128_000), input: 900, output: 300) == .continue) }
        // Sixty at once; by max_tokens not one would fit.
        let many = (0..<60).map { _ in exchange(host, limits, maxTokens: 128_000) }
        #expect(many.allSatisfy { admit($0) == .continue })
        #expect(host.limiter.reserved("key:output:key_1") <= 60 * 700)
    }

    @Test func anEstimateFollowsWhatIsUsed() {
        var learned = Learned()
        for _ in 0..<50 { learned.learn(300) }
        #expect((300...320).contains(learned.high))
        for _ in 0..<6 { learned.learn(9_000) }
        #expect(learned.high > 9_000)
        for _ in 0..<100 { learned.learn(0) }
        #expect(learned.high < 20)
        learned.learn(.max)
        #expect(learned.high > 0)
    }

    @Test func anEstimateIsNeverMoreThanTheRequestAllows() {
        var estimate = Estimate()
        #expect(estimate.outputTokens(maxTokens: 128_000) == Estimate.firstOutput)
        #expect(estimate.outputTokens(maxTokens: 5) == 5)
        for _ in 0..<10 { estimate.learn(bytes: 3000, inputTokens: 1000, outputTokens: 4000, cost: 63_000_000, outputCost: 60_000_000) }
        #expect(estimate.outputTokens(maxTokens: 1000) == 1000)
        #expect((1000...1400).contains(estimate.inputTokens(bytes: 3000)))
        #expect((3_000_000...4_000_000).contains(estimate.inputCost(bytes: 3000)!))
        #expect(estimate.inputTokens(bytes: .max) > 0)
    }

    // MARK: Headers

    @Test func responsesSayWhatIsLeftOfEachMeasure() throws {
        let host = try host()
        let first = exchange(host, "60 0 0 key_1;5000 output_tokens per day;9000 tokens in all", maxTokens: 400)
        #expect(admit(first) == .continue)
        #expect(first.onResponse() == .continue)
        #expect(first.header("anthropic-ratelimit-requests-remaining", of: .response) == "59")
        #expect(first.header("anthropic-ratelimit-output-tokens-limit", of: .response) == "5000")
        #expect(first.header("anthropic-ratelimit-output-tokens-remaining", of: .response) == "4600")
        #expect(first.header("anthropic-ratelimit-output-tokens-reset", of: .response) == "2026-03-01T13:00:00Z")
        #expect(first.header("anthropic-ratelimit-tokens-limit", of: .response) == "9000")
        #expect(first.header("anthropic-ratelimit-tokens-reset", of: .response) == nil)
        #expect(first.header("anthropic-ratelimit-input-tokens-limit", of: .response) == nil)
    }
}
