// The price of one model: its exact id, other names it is documented under, and rates by the size of the request.
//
// Kind: value. Invariant: tiers are in ascending order of their bounds.

struct ModelPrice: Sendable, Equatable {
    struct Tier: Sendable, Equatable {
        /// Requests with more input than this, tokens of the cache included, are billed at the tier's rates,
        /// their output too.
        var above: Int64
        var rates: PriceRates
    }

    /// As answers name it.
    var id: String
    /// Names that the provider documents as meaning this very model.
    var aliases: [String] = []
    var rates: PriceRates
    var tiers: [Tier] = []
    /// Where the figures stand, and when that was read.
    var source: String

    /// The rates of a request of this size.
    func rates(for usage: Usage) -> PriceRates { Self.rates(rates, tiers, for: usage) }

    static func rates(_ rates: PriceRates, _ tiers: [Tier], for usage: Usage) -> PriceRates {
        if tiers.isEmpty { return rates }
        let input = usage.inputTokens &+ usage.cacheReadTokens &+ usage.cacheWriteTokens
        return tiers.last { input > $0.above }?.rates ?? rates
    }
}
