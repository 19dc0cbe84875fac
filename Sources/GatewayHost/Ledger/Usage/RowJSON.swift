// A row of the ledger as one line of JSON, with exactly the members that the documents name.
//
// Kind: value; reuse one where many rows are written.

struct RowJSON {
    private var json = JSONBuilder()
    /// Also how it ended and why it went where it went, behind the members that are always there.
    let hasDetails: Bool

    init(hasDetails: Bool = false) { self.hasDetails = hasDetails }

    /// The text is valid until the next call.
    mutating func line(_ row: SealedRow) -> [UInt8] {
        json.removeAll()
        json.beginObject()
        json.key("id")
        json.value(row.id.text)
        json.key("started")
        json.value(RowTime.text(nanoseconds: row.started))
        json.key("key")
        json.value(row.key)
        json.key("account")
        json.value(row.account)
        json.key("model")
        json.value(row.model)
        json.key("status")
        json.value(Int64(row.status))
        json.key("end")
        json.value(row.end.name)
        json.key("input_tokens")
        json.value(row.usage.inputTokens)
        json.key("output_tokens")
        json.value(row.usage.outputTokens)
        json.key("cache_read_tokens")
        json.value(row.usage.cacheReadTokens)
        json.key("cache_write_5m_tokens")
        json.value(row.usage.cacheWrite5mTokens)
        json.key("cache_write_1h_tokens")
        json.value(row.usage.cacheWrite1hTokens)
        json.key("cost_nano_usd")
        json.value(row.cost)
        json.key("upstream_request_id")
        json.value(row.upstreamID)
        json.key("attempts")
        json.value(Int64(row.attempts))
        json.key("why")
        json.value(row.why)
        if hasDetails { addDetails(row) }
        json.endObject()
        return json.bytes
    }

    private mutating func addDetails(_ row: SealedRow) {
        json.key("group")
        json.value(row.group)
        json.key("model_asked")
        json.value(row.modelAsked)
        json.key("duration_us")
        json.value(Int64(clamping: row.duration))
        json.key("first_byte_us")
        json.value(Int64(clamping: row.firstByte))
        let flags: [(StaticString, SealedRow.Flags)] = [
            ("stream", .stream), ("reported", .hasUsage), ("unpriced", .unpriced), ("client_left", .clientLeft), ("cut", .cut),
            ("found_open", .foundOpen),
        ]
        for (name, flag) in flags {
            json.key(name)
            json.value(row.flags.contains(flag))
        }
    }

    /// The names of the members, in order: the head of a CSV of rows.
    static let members = [
        "id", "started", "key", "account", "model", "status", "end", "input_tokens", "output_tokens", "cache_read_tokens",
        "cache_write_5m_tokens", "cache_write_1h_tokens", "cost_nano_usd", "upstream_request_id", "attempts",
    ]

    static func csv(_ row: SealedRow) -> String {
        let fields: [String] = [
            row.id.text, RowTime.text(nanoseconds: row.started), CSVText.field(row.key.string), CSVText.field(row.account.string),
            CSVText.field(row.model.string), "\(row.status)", "\(row.end.name)",
        ]
        let numbers: [Int64] = [
            row.usage.inputTokens, row.usage.outputTokens, row.usage.cacheReadTokens, row.usage.cacheWrite5mTokens,
            row.usage.cacheWrite1hTokens, row.cost,
        ]
        return (fields + numbers.map { "\($0)" } + [CSVText.field(row.upstreamID.string), "\(row.attempts)"]).joined(separator: ",")
    }
}
