// What is added up over requests: the columns of a roll-up.
//
// Kind: value. Pure. All are counts, or nano-dollars, or microseconds; all add.

struct RollupSums: Equatable, Sendable {
    /// In the order of the tables; a new one goes to the end, with a new version of the tables.
    enum Column: Int, CaseIterable, Sendable {
        case requests, completed, interrupted, failed, refused, unpriced, attempts
        case inputTokens, outputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens, thinkingTokens
        case webSearches, webFetches, cost, duration

        /// In tables, JSON and CSV.
        var name: String {
            switch self {
            case .requests: "requests"
            case .completed: "completed"
            case .interrupted: "interrupted"
            case .failed: "failed"
            case .refused: "refused"
            case .unpriced: "unpriced"
            case .attempts: "attempts"
            case .inputTokens: "input_tokens"
            case .outputTokens: "output_tokens"
            case .cacheReadTokens: "cache_read_tokens"
            case .cacheWrite5mTokens: "cache_write_5m_tokens"
            case .cacheWrite1hTokens: "cache_write_1h_tokens"
            case .thinkingTokens: "thinking_tokens"
            case .webSearches: "web_searches"
            case .webFetches: "web_fetches"
            case .cost: "cost_nano_usd"
            case .duration: "duration_us"
            }
        }
    }

    /// Of one request: above what any can use or cost, so that sums of what an upstream reports stay far from the
    /// end of 64 bits, where SQLite would go over to floating point. The row itself keeps what was reported.
    static let requestLimit: Int64 = 1_000_000_000_000_000

    private var values = InlineArray<17, Int64>(repeating: 0)

    init() {}

    init(_ row: SealedRow) {
        self[.requests] = 1
        switch row.end {
        case .completed: self[.completed] = 1
        case .interrupted: self[.interrupted] = 1
        case .failed: self[.failed] = 1
        case .refused: self[.refused] = 1
        }
        self[.unpriced] = row.flags.contains(.unpriced) ? 1 : 0
        self[.attempts] = Int64(row.attempts)
        self[.inputTokens] = row.usage.inputTokens
        self[.outputTokens] = row.usage.outputTokens
        self[.cacheReadTokens] = row.usage.cacheReadTokens
        self[.cacheWrite5mTokens] = row.usage.cacheWrite5mTokens
        self[.cacheWrite1hTokens] = row.usage.cacheWrite1hTokens
        self[.thinkingTokens] = row.usage.thinkingTokens
        self[.webSearches] = row.usage.webSearchRequests
        self[.webFetches] = row.usage.webFetchRequests
        self[.cost] = row.cost
        self[.duration] = Int64(clamping: row.duration)
        for place in values.indices { values[place] = min(values[place], Self.requestLimit) }
    }

    subscript(_ column: Column) -> Int64 {
        get { values[column.rawValue] }
        set { values[column.rawValue] = newValue }
    }

    mutating func add(_ other: RollupSums) {
        for place in values.indices { values[place] &+= other.values[place] }
    }

    mutating func subtract(_ other: RollupSums) {
        for place in values.indices { values[place] &-= other.values[place] }
    }

    static func == (one: RollupSums, other: RollupSums) -> Bool {
        one.values.indices.allSatisfy { one.values[$0] == other.values[$0] }
    }
}
