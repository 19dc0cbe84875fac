// A provider's own account of what was used: by day (in UTC) and model.
//
// Two forms are read. CSV with these columns, in any order and among others:
//     usage_date_utc, model_version, usage_input_tokens_no_cache, usage_input_tokens_cache_write_5m,
//     usage_input_tokens_cache_write_1h, usage_input_tokens_cache_read, usage_output_tokens      (the Console's export)
// and JSON as the usage report of the Admin API answers it: data[].starting_at, data[].results[].model,
//     uncached_input_tokens, cache_creation.ephemeral_5m_input_tokens, ….ephemeral_1h_input_tokens,
//     cache_read_input_tokens, output_tokens; more than one answer may stand in an array.
//
// Kind: value. Pure.

struct ProviderExport {
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    struct Place: Hashable, Comparable, Sendable {
        var day: CivilDay
        var model: String

        static func < (one: Place, other: Place) -> Bool { one.day == other.day ? one.model < other.model : one.day < other.day }
    }

    /// What both sides count.
    struct Tokens: Equatable, Sendable {
        var input: Int64 = 0
        var cacheWrite5m: Int64 = 0
        var cacheWrite1h: Int64 = 0
        var cacheRead: Int64 = 0
        var output: Int64 = 0

        static let fields: [(name: String, path: WritableKeyPath<Tokens, Int64> & Sendable, csv: String)] = [
            ("input", \.input, "usage_input_tokens_no_cache"),
            ("cache_write_5m", \.cacheWrite5m, "usage_input_tokens_cache_write_5m"),
            ("cache_write_1h", \.cacheWrite1h, "usage_input_tokens_cache_write_1h"),
            ("cache_read", \.cacheRead, "usage_input_tokens_cache_read"),
            ("output", \.output, "usage_output_tokens"),
        ]

        mutating func add(_ other: Tokens) {
            for (_, path, _) in Self.fields { self[keyPath: path] &+= other[keyPath: path] }
        }
    }

    private(set) var places: [Place: Tokens] = [:]

    init(_ bytes: [UInt8]) throws(Fault) {
        let first = bytes.first { !JSONScanner.isBlank($0) }
        if first == 0x7b || first == 0x5b { try readJSON(bytes) } else { try readCSV(bytes) }
        guard !places.isEmpty else { throw Fault(description: "it has no usage in it") }
    }

    // MARK: CSV

    private mutating func readCSV(_ bytes: [UInt8]) throws(Fault) {
        guard let records = CSVText.records(bytes), let head = records.first else {
            throw Fault(description: "it is neither CSV nor JSON")
        }
        func column(_ name: String) throws(Fault) -> Int {
            guard let place = head.firstIndex(where: { $0.lowercased() == name }) else {
                throw Fault(
                    description: "it has no column \(name); the columns of the Console's export are needed: usage_date_utc, model_version, "
                        + Tokens.fields.map(\.csv).joined(separator: ", "))
            }
            return place
        }
        let day = try column("usage_date_utc")
        let model = try column("model_version")
        var columns: [Int] = []
        for field in Tokens.fields { columns.append(try column(field.csv)) }
        for (number, record) in records.enumerated().dropFirst() {
            guard record.count == head.count, let date = CivilDay(record[day].prefix(10)) else {
                throw Fault(description: "line \(number + 1) has no date in usage_date_utc, or not as many fields as the first line")
            }
            var tokens = Tokens()
            for (field, column) in zip(Tokens.fields, columns) {
                guard let count = Int64(record[column].isEmpty ? "0" : record[column]), count >= 0 else {
                    throw Fault(description: "line \(number + 1): \(field.csv) is no count")
                }
                tokens[keyPath: field.path] = count
            }
            places[Place(day: date, model: record[model]), default: Tokens()].add(tokens)
        }
    }

    // MARK: JSON

    private mutating func readJSON(_ bytes: [UInt8]) throws(Fault) {
        let document: JSONValue
        do {
            document = try bytes.withUnsafeBytes { raw in
                Result { () throws(JSONError) in try JSONParser.parse(Bytes(raw), limits: JSONParser.Limits(bytes: 64 << 20)) }
            }.get()
        } catch {
            throw Fault(description: "it is not JSON: \(error)")
        }
        for answer in document.array ?? [document] {
            guard let buckets = answer["data"]?.array else { throw Fault(description: "it has no list \"data\", as a usage report has") }
            for bucket in buckets {
                guard let day = bucket["starting_at"]?.string.flatMap({ CivilDay($0.prefix(10)) }) else {
                    throw Fault(description: "an element of \"data\" has no \"starting_at\"")
                }
                for result in bucket["results"]?.array ?? [] {
                    guard let model = result["model"]?.string else {
                        throw Fault(description: "a result has no \"model\"; ask the report with group_by[]=model")
                    }
                    func count(_ pointer: String) -> Int64 { max(result.value(at: pointer)?.int ?? 0, 0) }
                    let tokens = Tokens(
                        input: count("/uncached_input_tokens"), cacheWrite5m: count("/cache_creation/ephemeral_5m_input_tokens"),
                        cacheWrite1h: count("/cache_creation/ephemeral_1h_input_tokens"), cacheRead: count("/cache_read_input_tokens"),
                        output: count("/output_tokens"))
                    places[Place(day: day, model: model), default: Tokens()].add(tokens)
                }
            }
        }
    }
}
