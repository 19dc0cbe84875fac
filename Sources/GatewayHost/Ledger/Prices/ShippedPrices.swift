// The prices that the gateway comes with: Anthropic's list prices, standard tier, as published.
//
// A model whose price we could not find published is not here. What the list does not cover is not priced by
// it: batches (half of it), fast mode, a data residency (1.1 times), prices that were negotiated. Import a file where
// they apply to you.
//
// Kind: value. Dollars for a million tokens: input, cache write of 5 minutes, of 1 hour, cache read, output.

enum ShippedPrices {
    /// The sources, each with the day on which its stored copy was read.
    private static let list = "platform.claude.com/docs/en/about-claude/pricing (copy of September 2026, read 2026-11-26)"
    private static let old = "docs.anthropic.com/en/docs/about-claude/pricing (copy of August 2025, read 2026-11-26)"
    private static func page(_ model: String) -> String {
        "platform.claude.com/docs/en/models/\(model)/overview (read 2026-11-26)"
    }

    /// $10 for 1,000 searches, for every model (the same pages, "Web search tool").
    private static let webSearch: Int64 = 10_000_000

    static let table = PriceTable([
        model(
            "claude-fable-5-2", "8", "10", "16", "0.20", "40",
            "platform.claude.com/docs/en/models/overview (input, output; read 2026-11-26); cache: "
                + "docs.laozhang.ai/en/announcements/claude-fable-5-2-2026-11 and archid21/rightsize v0.10.2, November 2026"),
        model("claude-fable-5-1", "10", "12.50", "20", "0.25", "50", list),
        model("claude-mythos-5-1", "10", "12.50", "20", "0.25", "50", list),
        model("claude-fable-5", "10", "12.50", "20", "1", "50", list),
        model("claude-mythos-5", "10", "12.50", "20", "1", "50", list),
        model(
            "claude-opus-5-5", "4", "5", "8", "0.20", "20",
            page("opus-5-5") + "; cache: docs.litellm.ai/blog/claude_opus_5_5, September 2026"),
        model("claude-opus-5", "5", "6.25", "10", "0.50", "25", list),
        model("claude-opus-4-8", "5", "6.25", "10", "0.50", "25", list),
        model("claude-opus-4-7", "5", "6.25", "10", "0.50", "25", list),
        model("claude-opus-4-6", "5", "6.25", "10", "0.50", "25", list),
        model("claude-opus-4-5-20251101", "5", "6.25", "10", "0.50", "25", list, aliases: ["claude-opus-4-5"]),
        model("claude-opus-4-1-20250805", "15", "18.75", "30", "1.50", "75", list, aliases: ["claude-opus-4-1"]),
        model("claude-opus-4-20250514", "15", "18.75", "30", "1.50", "75", old, aliases: ["claude-opus-4-0"]),
        model(
            "claude-sonnet-5-5", "2", "2.50", "4", "0.10", "10",
            page("sonnet-5-5") + "; cache read since 2026-10-07: TheKrush/PromptFuel v1.0.23 and kurofune/claudit v1.9.2, October 2026"),
        model("claude-sonnet-5", "2", "2.50", "4", "0.20", "10", page("sonnet-5")),
        model(
            "claude-sonnet-4-6", "3", "3.75", "6", "0.30", "15",
            "platform.claude.com/docs/en/about-claude/pricing (copy of early 2026, read 2026-11-26)"),
        model(
            "claude-sonnet-4-5-20250929", "3", "3.75", "6", "0.30", "15", page("sonnet-4-5") + "; over 200,000: as Sonnet 4",
            aliases: ["claude-sonnet-4-5"], tiers: [longSonnet]),
        model("claude-sonnet-4-20250514", "3", "3.75", "6", "0.30", "15", old, aliases: ["claude-sonnet-4-0"], tiers: [longSonnet]),
        model(
            "claude-3-7-sonnet-20250219", "3", "3.75", "6", "0.30", "15", old,
            aliases: ["claude-3-7-sonnet-latest"]),
        model(
            "claude-haiku-5-5", "0.10", "0.125", "0.20", "0.01", "0.50",
            page("haiku-5-5") + "; cache and over 100,000: kurofune/claudit v1.9.2 and TheKrush/PromptFuel v1.0.23, October 2026",
            tiers: [tier(100_000, "0.50", "0.625", "1", "0.05", "2.50")]),
        model(
            "claude-haiku-4-5-20251001", "1", "1.25", "2", "0.10", "5",
            "platform.claude.com/docs/en/about-claude/pricing (copy of early 2026, read 2026-11-26)", aliases: ["claude-haiku-4-5"]),
        model(
            "claude-3-5-haiku-20241022", "0.80", "1", "1.60", "0.08", "4", old, aliases: ["claude-3-5-haiku-latest"]),
        model("claude-3-opus-20240229", "15", "18.75", "30", "1.50", "75", old, aliases: ["claude-3-opus-latest"]),
        model("claude-3-haiku-20240307", "0.25", "0.30", "0.50", "0.03", "1.25", old),
    ])

    /// Of requests with a context of up to a million tokens, while it was offered for Sonnet 4 and 4.5 (`old`: input and
    /// output; the cache at its usual multiples of 1.25, 2 and 0.1).
    private static let longSonnet = tier(200_000, "6", "7.50", "12", "0.60", "22.50")

    private static func model(
        _ id: String, _ input: String, _ write5m: String, _ write1h: String, _ read: String, _ output: String, _ source: String,
        aliases: [String] = [], tiers: [ModelPrice.Tier] = []
    ) -> ModelPrice {
        ModelPrice(
            id: id, aliases: aliases, rates: rates(input, write5m, write1h, read, output), tiers: tiers, source: source)
    }

    private static func tier(
        _ above: Int64, _ input: String, _ write5m: String, _ write1h: String, _ read: String, _ output: String
    ) -> ModelPrice.Tier {
        ModelPrice.Tier(above: above, rates: rates(input, write5m, write1h, read, output))
    }

    private static func rates(
        _ input: String, _ write5m: String, _ write1h: String, _ read: String, _ output: String
    ) -> PriceRates {
        func rate(_ dollars: String) -> Int64 {
            guard case .success(let rate) = ExactDecimal.scaled(dollars, by: PriceText.dollarDigits) else {
                preconditionFailure("\(dollars) is no price")
            }
            return rate
        }
        return PriceRates(
            input: rate(input), output: rate(output), cacheRead: rate(read), cacheWrite5m: rate(write5m),
            cacheWrite1h: rate(write1h), webSearch: webSearch)
    }
}
