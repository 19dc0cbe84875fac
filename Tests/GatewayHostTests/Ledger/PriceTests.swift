import Testing

@testable import GatewayHost

@Suite struct ExactDecimalTests {
    @Test(arguments: [
        ("3", 9, 3_000_000_000), ("0.30", 9, 300_000_000), ("0", 9, 0), ("-0", 9, 0), ("1.875e-05", 15, 18_750_000_000),
        ("3e-06", 15, 3_000_000_000), ("5E+2", 2, 50_000), ("0.000000001", 9, 1), ("1.50", 1, 15), ("10.050", 2, 1005),
        ("9223372036854775807", 0, Int64.max), ("1e-15", 15, 1), ("5.46875e-07", 15, 546_875_000), ("0e-60", 0, 0),
    ])
    func everyDigitCounts(text: String, digits: Int, value: Int64) {
        #expect(ExactDecimal.scaled(text, by: digits) == .success(value))
    }

    @Test(arguments: [
        ("", ExactDecimal.Fault.notANumber), ("-", .notANumber), ("--0", .notANumber), (".5", .notANumber), ("5.", .notANumber),
        ("01", .notANumber), ("1e", .notANumber), ("1 ", .notANumber), ("0x1", .notANumber), ("1e-", .notANumber),
        ("-1", .negative), ("-0.5", .negative), ("0.00000000001", .finerThanUnit), ("1e-99", .finerThanUnit),
        ("1e99", .tooLarge), ("9223372036854775808", .tooLarge), ("10000000000", .tooLarge),
    ])
    func whatIsNotExactIsRefused(text: String, fault: ExactDecimal.Fault) {
        #expect(ExactDecimal.scaled(text, by: 9) == .failure(fault))
    }

    @Test func textIsTheReverse() {
        #expect(ExactDecimal.text(3_000_000_000, digits: 9, least: 2) == "3.00")
        #expect(ExactDecimal.text(37_500_000, digits: 9, least: 2) == "0.0375")
        #expect(ExactDecimal.text(1, digits: 9) == "0.000000001")
        #expect(ExactDecimal.text(0, digits: 9) == "0")
        #expect(ExactDecimal.text(-1_500_000_000, digits: 9) == "-1.5")
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let value = Int64.random(in: 0...Int64.max, using: &generator) >> Int64.random(in: 0...62, using: &generator)
            #expect(ExactDecimal.scaled(ExactDecimal.text(value, digits: 9), by: 9) == .success(value), "\(value)")
        }
    }
}

@Suite struct PriceTests {
    private func usage(
        input: Int64 = 0, output: Int64 = 0, read: Int64 = 0, write5m: Int64 = 0, write1h: Int64 = 0, searches: Int64 = 0
    ) -> Usage {
        var usage = Usage()
        usage.inputTokens = input
        usage.outputTokens = output
        usage.cacheReadTokens = read
        usage.cacheWrite5mTokens = write5m
        usage.cacheWrite1hTokens = write1h
        usage.webSearchRequests = searches
        return usage
    }

    @Test func eachKindOfTokenHasItsOwnPrice() {
        // Sonnet 4.6: 3, 15, 0.30, 3.75 and 6 dollars a million, so 3000, 15000, 300, 3750 and 6000 nano-dollars each.
        let table = ShippedPrices.table
        #expect(table.cost("claude-sonnet-4-6", usage(input: 1)) == 3_000)
        #expect(table.cost("claude-sonnet-4-6", usage(output: 1)) == 15_000)
        #expect(table.cost("claude-sonnet-4-6", usage(read: 1)) == 300)
        #expect(table.cost("claude-sonnet-4-6", usage(write5m: 1)) == 3_750)
        #expect(table.cost("claude-sonnet-4-6", usage(write1h: 1)) == 6_000)
        #expect(table.cost("claude-sonnet-4-6", usage(searches: 3)) == 30_000_000)
        #expect(
            table.cost("claude-sonnet-4-6", usage(input: 7, output: 11, read: 13, write5m: 17, write1h: 19, searches: 1))
                == 10_367_650)
        #expect(table.cost("claude-sonnet-4-6", usage()) == 0)
    }

    @Test func aSumIsRoundedOnceAndHalfUpwards() {
        // 37.5 nano-dollars a token, and 0.4 of one.
        let rates = PriceRates(input: 37_500_000, output: 400_000)
        #expect(rates.cost(of: usage(input: 1)) == 38)
        #expect(rates.cost(of: usage(input: 2)) == 75)
        #expect(rates.cost(of: usage(output: 1)) == 0)
        #expect(rates.cost(of: usage(input: 1, output: 1)) == 38)
        // 37.5 + 0.8 = 38.3; each part for itself would give 38 + 1.
        #expect(rates.cost(of: usage(input: 1, output: 2)) == 38)
        #expect(rates.cost(of: usage(input: 3, output: 3)) == 114)
    }

    @Test func absurdCountsDoNotOverflow() {
        let rates = PriceRates(input: PriceRates.rateLimit, output: PriceRates.rateLimit)
        #expect(rates.cost(of: usage(input: 999_999_999_999_999_999, output: 999_999_999_999_999_999)) == .max)
    }

    @Test func aLongRequestIsBilledAtItsTierAsAWhole() {
        let table = ShippedPrices.table
        // Up to 100,000 tokens of input: 0.10 and 0.50; above: 0.50 and 2.50, cache reads and writes counted.
        #expect(table.cost("claude-haiku-5-5", usage(input: 100_000, output: 10)) == 10_005_000)
        #expect(table.cost("claude-haiku-5-5", usage(input: 100_001, output: 10)) == 50_025_500)
        #expect(
            table.cost("claude-haiku-5-5", usage(input: 1, output: 10, read: 60_000, write5m: 30_000, write1h: 10_000))
                == 31_775_500)
    }

    @Test func onlyExactNamesHaveAPrice() {
        let table = ShippedPrices.table
        #expect(table.price(of: "claude-opus-4-1")?.id == "claude-opus-4-1-20250805")
        for name in ["claude-opus-4-1-20250806", "claude-opus", "Claude-opus-4-1", "claude-opus-4-1 ", "", "gpt-4"] {
            #expect(table.cost(name, usage(input: 1)) == nil, "\(name)")
        }
    }

    @Test func whatHasNoRateHasNoPrice() {
        let table = PriceTable([ModelPrice(id: "m", rates: PriceRates(input: 1, output: 1), source: "test")])
        #expect(table.cost("m", usage(input: 1)) != nil)
        #expect(table.cost("m", usage(input: 1, write1h: 1)) == nil)
        #expect(table.cost("m", usage(searches: 1)) == nil)
    }

    @Test func everyShippedPriceIsWholeAndSourced() {
        var names: Set<String> = []
        for model in ShippedPrices.table.models {
            #expect(model.source.contains("202"), "\(model.id) says when its figures were read")
            for (field, path) in PriceRates.fields {
                #expect(model.rates[keyPath: path] ?? 0 > 0, "\(model.id) has a rate for \(field)")
                for tier in model.tiers { #expect(tier.rates[keyPath: path] ?? 0 >= model.rates[keyPath: path] ?? 0) }
            }
            #expect(model.rates.cacheRead! < model.rates.input! && model.rates.output! > model.rates.input!, "\(model.id)")
            for name in [model.id] + model.aliases { #expect(names.insert(name).inserted, "\(name) means one model") }
        }
    }

    @Test func aSnapshotNamesItsTable() throws {
        let table = ShippedPrices.table
        let read = PriceTable(try PriceText.read(table.text))
        #expect(read.models == table.models)
        #expect(read.snapshot == table.snapshot && read.text == table.text)
        #expect(PriceTable(table.models.reversed()).snapshot == table.snapshot)
        var models = table.models
        models[3].rates.cacheRead! += 1
        #expect(PriceTable(models).snapshot != table.snapshot)
        #expect(table.snapshotText.count == 16)
        #expect(PriceTable.text(of: 0xab) == "00000000000000ab")
    }

    @Test(arguments: [
        "[]", "{}", "{\"models\": {\"m\": 1}}", "{\"models\": {\"m\": {\"input\": 3}}}", "{\"models\": {\"m\": {\"input\": \"x\"}}}",
        "{\"models\": {\"m\": {\"input\": \"0.0000000001\"}}}", "{\"models\": {\"m\": {\"input\": \"99999\"}}}",
        "{\"models\": {\"m\": {\"tiers\": [{\"input\": \"3\"}]}}}", "{",
    ])
    func aDamagedFileIsRefused(text: String) {
        #expect(throws: PriceText.Fault.self) { try PriceText.read(Array(text.utf8)) }
    }
}

@Suite struct LiteLLMPricesTests {
    private static let text = """
        {
          "sample_spec": {"input_cost_per_token": 0.0, "litellm_provider": "one of https://docs.litellm.ai/docs/providers"},
          "claude-sonnet-4-6": {
            "litellm_provider": "anthropic", "mode": "chat", "max_input_tokens": 1000000,
            "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 2e-07,
            "cache_creation_input_token_cost": 3.75e-06, "supports_vision": true
          },
          "claude-new-1": {
            "litellm_provider": "anthropic", "input_cost_per_token": 1e-7, "output_cost_per_token": "5e-07",
            "cache_creation_input_token_cost": 1.25e-07, "cache_creation_input_token_cost_above_1hr": 2e-07,
            "cache_read_input_token_cost": 1e-08,
            "input_cost_per_token_above_100k_tokens": 5e-07, "output_cost_per_token_above_100k_tokens": 2.5e-06,
            "cache_creation_input_token_cost_above_1hr_above_100k_tokens": 1e-06,
            "input_cost_per_token_above_100k_tokens_batches": 2.5e-07,
            "search_context_cost_per_query": {"search_context_size_low": 0.02, "search_context_size_medium": 0.01}
          },
          "claude-odd": {"litellm_provider": "anthropic", "input_cost_per_token": 2.1666666666666666e-07, "output_cost_per_token": 1e-06},
          "vertex_ai/claude-sonnet-4-6": {"litellm_provider": "vertex_ai-anthropic_models", "input_cost_per_token": 1e-06},
          "gpt-4": {"litellm_provider": "openai", "input_cost_per_token": 3e-05}
        }
        """

    private func read(_ text: String = text) -> LiteLLMPrices? {
        Array(text.utf8).withUnsafeBytes { LiteLLMPrices(Bytes($0)) }
    }

    @Test func figuresAreTakenDigitByDigit() throws {
        let file = try #require(read())
        #expect(file.entries.map(\.id) == ["claude-sonnet-4-6", "claude-new-1", "claude-odd"])
        #expect(file.ignoredCount == 3)
        #expect(file.problems == ["claude-odd: input_cost_per_token is finer than 0.000000000000001 dollars a token"])
        let new = file.entries[1]
        #expect(
            new.rates
                == PriceRates(
                    input: 100_000_000, output: 500_000_000, cacheRead: 10_000_000, cacheWrite5m: 125_000_000, cacheWrite1h: 200_000_000,
                    webSearch: 10_000_000))
        #expect(new.tiers == [100_000: PriceRates(input: 500_000_000, output: 2_500_000_000, cacheWrite1h: 1_000_000_000)])
    }

    @Test func whatTheFileDoesNotNameStays() throws {
        let file = try #require(read())
        let table = ShippedPrices.table.replacing(file.models(over: ShippedPrices.table, source: "file"))
        let sonnet = try #require(table.price(of: "claude-sonnet-4-6"))
        #expect(sonnet.rates.cacheRead == 200_000_000)
        #expect(sonnet.rates.cacheWrite1h == 6_000_000_000)
        #expect(sonnet.source == "file")
        let new = try #require(table.price(of: "claude-new-1"))
        #expect(new.tiers.first?.rates.cacheRead == 10_000_000, "below the bound and above it")
        #expect(
            PriceDifference.lines(from: ShippedPrices.table, to: table) == [
                "+ claude-new-1: input 0.10, output 0.50, cache_read 0.01, cache_write_5m 0.125, cache_write_1h 0.20, web_search 0.01",
                "+ claude-new-1, over 100000 input tokens: input 0.50, output 2.50, cache_read 0.01, cache_write_5m 0.125, "
                    + "cache_write_1h 1.00, web_search 0.01",
                "+ claude-odd: output 1.00",
                "~ claude-sonnet-4-6: cache_read 0.30 → 0.20",
            ])
        #expect(PriceDifference.lines(from: table, to: table).isEmpty)
        #expect(PriceDifference.lines(from: table, to: ShippedPrices.table).contains("- claude-odd"))
    }

    @Test(arguments: ["", "[]", "{", "{\"a\": 1} x", "3"])
    func whatIsNoObjectIsNoPriceFile(text: String) {
        #expect(read(text) == nil)
    }

    @Test func membersThatAreNotOursAreLeft() {
        #expect(LiteLLMPrices.rate("input_cost_per_token_above_200k_tokens")?.above == 200_000)
        #expect(LiteLLMPrices.rate("input_cost_per_token_above_xk_tokens") == nil)
        #expect(LiteLLMPrices.rate("input_cost_per_token_batches") == nil)
        #expect(LiteLLMPrices.rate("cache_creation_input_token_cost_above_1hr")?.above == nil)
    }
}
