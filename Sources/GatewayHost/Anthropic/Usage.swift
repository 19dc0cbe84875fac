// What an answer has cost, as the provider reports it.
//
// Answers report more than once, and each report is cumulative: a field that is present replaces what
// was known, a field that is absent leaves it (WIRE: start from `message_start`, overwrite with every
// `message_delta`, never add).
//
// Kind: value. Invariants: no count is negative; the input tokens do not include those of the cache.

struct Usage: Equatable, Sendable {
    enum ServiceTier: UInt8, Sendable { case unknown, standard, priority, batch }

    var inputTokens: Int64 = 0
    var outputTokens: Int64 = 0
    var cacheReadTokens: Int64 = 0
    /// Written to the cache for five minutes, which is also what an unspecified write is.
    var cacheWrite5mTokens: Int64 = 0
    var cacheWrite1hTokens: Int64 = 0
    /// Part of the output tokens.
    var thinkingTokens: Int64 = 0
    var webSearchRequests: Int64 = 0
    var webFetchRequests: Int64 = 0
    var serviceTier = ServiceTier.unknown

    var cacheWriteTokens: Int64 { cacheWrite5mTokens + cacheWrite1hTokens }

    /// Overwrites what the `usage` object at `span` mentions.
    ///
    /// What is not a whole number from 0 on is taken as not mentioned.
    mutating func merge(_ scanner: JSONScanner, _ span: JSONSpan) {
        var written: Int64?
        var fiveMinutes: Int64?
        var oneHour: Int64?
        scanner.forEachMember(of: span) { key, value in
            switch key.raw.count {
            case 12 where key.equals("input_tokens"): Self.set(&inputTokens, scanner, value)
            case 12 where key.equals("service_tier"): readTier(scanner, value)
            case 13 where key.equals("output_tokens"): Self.set(&outputTokens, scanner, value)
            case 14 where key.equals("cache_creation"):
                scanner.forEachMember(of: value) { key, value in
                    if key.equals("ephemeral_5m_input_tokens") { fiveMinutes = Self.number(scanner, value) }
                    if key.equals("ephemeral_1h_input_tokens") { oneHour = Self.number(scanner, value) }
                }
            case 15 where key.equals("server_tool_use"):
                scanner.forEachMember(of: value) { key, value in
                    if key.equals("web_search_requests") { Self.set(&webSearchRequests, scanner, value) }
                    if key.equals("web_fetch_requests") { Self.set(&webFetchRequests, scanner, value) }
                }
            case 21 where key.equals("output_tokens_details"):
                scanner.forEachMember(of: value) { key, value in
                    if key.equals("thinking_tokens") { Self.set(&thinkingTokens, scanner, value) }
                }
            case 23 where key.equals("cache_read_input_tokens"): Self.set(&cacheReadTokens, scanner, value)
            case 27 where key.equals("cache_creation_input_tokens"): written = Self.number(scanner, value)
            default: break
            }
        }
        mergeCacheWrites(written, fiveMinutes, oneHour)
    }

    /// The total and its parts come in one report or in different ones, and older servers send only
    /// the total. What the parts do not explain was written for five minutes, the default.
    private mutating func mergeCacheWrites(_ total: Int64?, _ fiveMinutes: Int64?, _ oneHour: Int64?) {
        if fiveMinutes != nil || oneHour != nil {
            cacheWrite5mTokens = fiveMinutes ?? cacheWrite5mTokens
            cacheWrite1hTokens = oneHour ?? cacheWrite1hTokens
            if let total, total > cacheWriteTokens { cacheWrite5mTokens = total - cacheWrite1hTokens }
        } else if let total {
            cacheWrite1hTokens = min(cacheWrite1hTokens, total)
            cacheWrite5mTokens = total - cacheWrite1hTokens
        }
    }

    private mutating func readTier(_ scanner: JSONScanner, _ span: JSONSpan) {
        guard let name = scanner.rawString(span) else { return }
        if name.equals("standard") {
            serviceTier = .standard
        } else if name.equals("priority") {
            serviceTier = .priority
        } else if name.equals("batch") {
            serviceTier = .batch
        }
    }

    private static func number(_ scanner: JSONScanner, _ span: JSONSpan) -> Int64? {
        guard span.kind == .number, let value = scanner.bytes(span).decimal else { return nil }
        return Int64(value)
    }

    private static func set(_ field: inout Int64, _ scanner: JSONScanner, _ span: JSONSpan) {
        if let value = number(scanner, span) { field = value }
    }
}
