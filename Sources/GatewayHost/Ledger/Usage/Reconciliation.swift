// The ledger beside a provider's export: by day (in UTC, as providers count) and model, what each says was used.
//
// It reads rows, not roll-ups, because a day of the operator's zone is not a day in UTC. Days of which rows were removed
// cannot be compared; the report says from when on there are rows.
//
// Kind: value; reading rows blocks.

struct Reconciliation {
    struct Line: Sendable {
        var place: ProviderExport.Place
        var provider: ProviderExport.Tokens
        var ledger: ProviderExport.Tokens

        var agrees: Bool { provider == ledger }
    }

    /// Every day and model that one of the two has, within the days of the export.
    private(set) var lines: [Line] = []
    /// Of rows that an upstream answered without saying what it used, in those days.
    private(set) var withoutUsage = 0

    init(_ export: ProviderExport, _ folder: JournalFolder) throws(SystemError) {
        let days = export.places.keys.map(\.day)
        guard let first = days.min(), let last = days.max() else { return }
        let times = first.number * CivilDay.seconds * 1_000_000_000..<(last.number + 1) * CivilDay.seconds * 1_000_000_000
        let wanted = Set(days)
        var ledger: [ProviderExport.Place: ProviderExport.Tokens] = [:]
        var reader = try JournalReader(folder, JournalReader.Question(times: times))
        while let (_, bytes) = try reader.next() {
            guard let row = RowDecoder.sealed(bytes) else { continue }
            let day = CivilDay.of(seconds: row.started / 1_000_000_000).day
            guard wanted.contains(day) else { continue }
            guard row.flags.contains(.hasUsage) else {
                if row.end == .interrupted { withoutUsage += 1 }
                continue
            }
            let usage = row.usage
            let tokens = ProviderExport.Tokens(
                input: usage.inputTokens, cacheWrite5m: usage.cacheWrite5mTokens, cacheWrite1h: usage.cacheWrite1hTokens,
                cacheRead: usage.cacheReadTokens, output: usage.outputTokens)
            ledger[ProviderExport.Place(day: day, model: row.model.string), default: ProviderExport.Tokens()].add(tokens)
        }
        for place in Set(export.places.keys).union(ledger.keys).sorted() {
            lines.append(
                Line(
                    place: place, provider: export.places[place] ?? ProviderExport.Tokens(),
                    ledger: ledger[place] ?? ProviderExport.Tokens()))
        }
    }

    var json: JSONValue {
        .array(
            lines.map { line in
                var object: JSONObject = ["day": .string("\(line.place.day)"), "model": .string(line.place.model)]
                for (name, path, _) in ProviderExport.Tokens.fields {
                    object["\(name)_provider"] = .int(line.provider[keyPath: path])
                    object["\(name)_ledger"] = .int(line.ledger[keyPath: path])
                }
                return .object(object)
            })
    }
}
