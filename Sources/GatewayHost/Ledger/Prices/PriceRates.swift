// What a model's tokens cost, and what a request costs at these rates.
//
// A rate is a whole number of nano-dollars for a million tokens, which is 10^-15 dollars for one. Per token
// a nano-dollar is too coarse: a cache read of $0.0375 a million is 37.5 of them. Rates down to $0.000000001 a
// million are exact, and every price that a provider publishes is far above that.
//
// The rounding rule, here and nowhere else: all parts of a request are added up exactly, and the sum is
// rounded once to whole nano-dollars, half of one upwards.
//
// Kind: value. Pure. Invariant: no rate is negative.

struct PriceRates: Sendable, Equatable {
    static let tokensPerRate: Int64 = 1_000_000
    /// $10,000 a million tokens, above which a rate is a slip of the pen.
    static let rateLimit: Int64 = 10_000_000_000_000

    /// Nano-dollars for a million tokens; nil: not known, so that a request with such tokens has no price.
    var input: Int64?
    var output: Int64?
    var cacheRead: Int64?
    var cacheWrite5m: Int64?
    var cacheWrite1h: Int64?
    /// Nano-dollars for one search.
    var webSearch: Int64?

    /// Nano-dollars for what `usage` reports; nil when it reports something that has no rate.
    func cost(of usage: Usage) -> Int64? {
        // 128 bits: a count of 18 digits times a rate of 14 fits, and so does the sum of five.
        var sum: Int128 = 0
        func add(_ count: Int64, _ rate: Int64?) -> Bool {
            if count == 0 { return true }
            guard let rate else { return false }
            sum += Int128(count) * Int128(rate)
            return true
        }
        guard add(usage.inputTokens, input), add(usage.outputTokens, output), add(usage.cacheReadTokens, cacheRead),
            add(usage.cacheWrite5mTokens, cacheWrite5m), add(usage.cacheWrite1hTokens, cacheWrite1h)
        else { return nil }
        if usage.webSearchRequests > 0 {
            guard let webSearch else { return nil }
            sum += Int128(usage.webSearchRequests) * Int128(webSearch) * Int128(Self.tokensPerRate)
        }
        return Self.rounded(sum)
    }

    /// The rule above. What no wallet could hold is held at the largest number.
    private static func rounded(_ sum: Int128) -> Int64 {
        if sum < Int128(Int64.max) - 500_000 { return (Int64(sum) + tokensPerRate / 2) / tokensPerRate }
        return Int64(clamping: (sum + Int128(tokensPerRate / 2)) / Int128(tokensPerRate))
    }

    /// All of them with their names, as files and tables write them.
    static let fields: [(name: String, path: WritableKeyPath<PriceRates, Int64?> & Sendable)] = [
        ("input", \.input), ("output", \.output), ("cache_read", \.cacheRead), ("cache_write_5m", \.cacheWrite5m),
        ("cache_write_1h", \.cacheWrite1h), ("web_search", \.webSearch),
    ]
}
