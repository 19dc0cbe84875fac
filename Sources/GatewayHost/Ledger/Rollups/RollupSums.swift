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

    /// Of one request.
    init(_ row: SealedRow) {
        add(
            CountedRow(
                started: row.started, end: row.end, flags: row.flags, attempts: row.attempts, duration: row.duration, usage: row.usage,
                cost: row.cost))
    }

    @inline(__always)
    subscript(_ column: Column) -> Int64 {
        get { values[column.rawValue] }
        set { values[column.rawValue] = newValue }
    }

    /// As adding the sums of the row alone, of which most are zero.
    @inline(__always)
    mutating func add(_ row: CountedRow) {
        self[.requests] &+= 1
        self[Self.column(of: row.end)] &+= 1
        if row.flags.contains(.unpriced) { self[.unpriced] &+= 1 }
        self[.attempts] &+= Int64(row.attempts)
        add(row.usage.inputTokens, to: .inputTokens)
        add(row.usage.outputTokens, to: .outputTokens)
        add(row.usage.cacheReadTokens, to: .cacheReadTokens)
        add(row.usage.cacheWrite5mTokens, to: .cacheWrite5mTokens)
        add(row.usage.cacheWrite1hTokens, to: .cacheWrite1hTokens)
        add(row.usage.thinkingTokens, to: .thinkingTokens)
        add(row.usage.webSearchRequests, to: .webSearches)
        add(row.usage.webFetchRequests, to: .webFetches)
        add(row.cost, to: .cost)
        add(Int64(clamping: row.duration), to: .duration)
    }

    @inline(__always)
    private mutating func add(_ count: Int64, to column: Column) { self[column] &+= min(count, Self.requestLimit) }

    @inline(__always)
    private static func column(of end: SealedRow.End) -> Column {
        switch end {
        case .completed: .completed
        case .interrupted: .interrupted
        case .failed: .failed
        case .refused: .refused
        }
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
