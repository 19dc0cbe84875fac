// Streams that are stopped: what they have used while they run, and what more is asked for.

import PluginKit
import Testing

@testable import RateLimitCore

@Suite struct RateLimitStreamTests {
    private func limit(_ text: String) -> Limit { LimitTerms().limit(.key, BudgetText(text)!) }

    private func reported(input: Int64, output: Int64, cost: Int64) -> LedgerUsage {
        var usage = LedgerUsage()
        (usage.raw.input_tokens, usage.raw.output_tokens, usage.raw.cost_nano_usd) = (input, output, cost)
        return usage
    }

    @Test func betweenReportsFourBytesAreAToken() {
        var meter = StreamMeter(reserved: [], outputPrice: 15_000_000_000)
        meter.report(reported(input: 100, output: 1, cost: 315_000))
        #expect(BudgetText.Measure.allCases.map { meter.used($0) } == [1, 100, 1, 101, 315_000])
        meter.wrote(39)
        meter.wrote(4)
        #expect(BudgetText.Measure.allCases.map { meter.used($0) } == [1, 100, 10, 110, 315_000 + 9 * 15_000])
        // What the provider says is more than what was seen: tokens of tools, or of another script.
        meter.report(reported(input: 100, output: 50, cost: 1_050_000))
        #expect(meter.used(.outputTokens) == 50 && meter.used(.usd) == 1_050_000)
    }

    @Test func moreIsAskedForWhereItIsNeeded() throws {
        let limits = [limit("500 output_tokens per day stop_streams"), limit("1 usd per day"), limit("300 tokens in all stop_streams")]
        var meter = StreamMeter(reserved: [100, 1, 50], outputPrice: 1)
        meter.wrote(200)
        #expect(meter.shortage(limits) == nil)
        meter.wrote(4)
        let growth = try #require(meter.shortage(limits))
        // One token more than fifty is needed; half as much again is asked for, so that it seldom asks.
        #expect(growth.indices == [2] && growth.costs == [25])
        meter.reserved(25, more: 2)
        #expect(meter.shortage(limits) == nil)
        meter.wrote(400)
        let both = try #require(meter.shortage(limits))
        #expect(both.indices == [0, 2] && both.costs == [51, 76])
    }

    @Test func lessThanWishedIsTakenAndLessThanNeededIsNot() throws {
        let limits = [limit("500 output_tokens per day stop_streams")]
        var meter = StreamMeter(reserved: [100], outputPrice: 0)
        meter.wrote(440)
        var growth = try #require(meter.shortage(limits))
        #expect(growth.costs == [50])
        let some = growth.settleForLess(0, remaining: 20)
        #expect(some && growth.costs == [20])
        // Somebody was faster.
        let need = growth.settleForLess(0, remaining: 15)
        #expect(need && growth.costs == [15])
        let less = growth.settleForLess(0, remaining: 9)
        #expect(!less)
        let exactly = growth.settleForLess(0, remaining: 10)
        #expect(exactly && growth.costs == [10])
        let again = growth.settleForLess(0, remaining: 10)
        #expect(!again, "it would ask for ever")
    }

    @Test func aStreamIsCutBetweenTwoEvents() throws {
        let host = try FakeHost(RateLimit.self, #"{"per_key":{"budgets":["40 output_tokens per day stop_streams"]}}"#)
        let exchange = host.exchange(attributes: [GW_ATTR_PRINCIPAL: "laptop", GW_ATTR_ROUTE: "messages", GW_ATTR_MODEL: "claude-x"])
        var stream = gw_value()
        (stream.type, stream.i) = (GW_BOOL, 1)
        exchange.attributes[FakeAttributes.intern(GW_ATTR_STREAM)] = stream
        exchange.body = #"{"max_tokens":8}"#
        #expect(exchange.onRequest() == .continue && exchange.onBody() == .continue)
        #expect(exchange.header("accept-encoding") == "identity")
        #expect(exchange.onResponse(eventStream: true) == .continue && exchange.unsubscribed & GW_ON_CHUNK == 0)
        exchange.usage = .used(input: 5, output: 1)
        #expect(exchange.onEvent("message_start", "{}", committed: true) == .continue)
        func delta(_ text: String) -> Verdict {
            exchange.onEvent("content_block_delta", #"{"delta":{"type":"text_delta","text":"\#(text)"}}"#, committed: true)
        }
        let ten = String(repeating: "x", count: 40)
        for _ in 0..<4 { #expect(delta(ten) == .continue) }
        #expect(host.limiter.reserved("key:output:laptop") == 40)
        #expect(exchange.emitted.isEmpty)
        #expect(delta("four") == .finish)
        let event = try #require(exchange.emitted.first)
        #expect(exchange.emitted.count == 1 && event.hasPrefix("event: error\ndata: {\"type\":\"error\"") && event.hasSuffix("}\n\n"))
        #expect(event.contains("rate_limit_error") && event.contains("the API key 'laptop' used up the limit of 40 output tokens per day"))
        #expect(exchange.attribute(GW_ATTR_END_REASON) == "the limit of 40 output tokens per day used up")
        exchange.complete()
        // What was seen of it counts, though the provider has reported one token.
        #expect(host.limiter.spent["key:output:laptop"] == 41)
    }

    @Test func withoutItNoChunkIsLookedAt() throws {
        let host = try FakeHost(RateLimit.self, #"{"per_key":{"budgets":["40 output_tokens per day"]}}"#)
        let exchange = host.exchange(attributes: [GW_ATTR_PRINCIPAL: "laptop", GW_ATTR_ROUTE: "messages"])
        #expect(exchange.onRequest() == .continue && exchange.onBody() == .continue)
        #expect(exchange.unsubscribed & GW_ON_CHUNK != 0 && exchange.header("accept-encoding") == nil)
        // Nor of a request that nothing is asked of.
        let free = try FakeHost(RateLimit.self, "{}").exchange(attributes: [GW_ATTR_ROUTE: "messages"])
        #expect(free.onRequest() == .continue && free.unsubscribed & GW_ON_CHUNK != 0)
    }
}
