// A table of options: from its rows come reading, the default texts, the schema and the documents.
//
// Keys are dotted (`timeouts.connect`); rows that share a first part stand in one mapping of the file.
// The default of a row is whatever the property holds before reading, so it is written once, where
// the property is declared.
//
// Kind: value.

/// One row: a key of the file, the property it fills, and why somebody would set it.
struct Option<Root: Sendable>: Sendable {
    let key: String
    let noun: String
    let schema: JSONValue
    /// One or two sentences: what it does, and the reason for its default.
    let doc: String
    let isRequired: Bool
    /// The property as the file would have it.
    let show: @Sendable (Root) -> String
    /// False after a fault.
    let read: @Sendable (YAMLNode, inout Root, inout ConfigReading) -> Bool

    init<Value: Sendable>(
        _ key: String, _ property: WritableKeyPath<Root, Value> & Sendable, _ codec: OptionCodec<Value>,
        required: Bool = false, _ doc: String
    ) {
        self.key = key
        self.doc = doc
        noun = codec.noun
        schema = codec.schema
        isRequired = required
        show = { codec.show($0[keyPath: property]) }
        read = { node, root, reading in
            guard let value = codec.read(node, &reading) else { return false }
            root[keyPath: property] = value
            return true
        }
    }

    /// The same option seen from a structure that has `Root` as a part.
    fileprivate init(key: String, of row: Option) {
        self.key = key
        noun = row.noun
        schema = row.schema
        doc = row.doc
        isRequired = row.isRequired
        show = row.show
        read = row.read
    }
}

struct OptionTable<Root: Sendable>: Sendable {
    let rows: [Option<Root>]

    init(_ rows: [Option<Root>]) { self.rows = rows }

    /// Reads a mapping into `root`.
    /// - Returns: false when there was a fault; what could be read is read all the same.
    func read(_ node: YAMLNode, into root: inout Root, _ reading: inout ConfigReading) -> Bool {
        guard case .mapping(let entries) = node.content else {
            reading.fail(
                node, "must be a mapping, is \(node.spoken)",
                "It has the keys \(groups.map(\.key).joined(separator: ", ")).")
            return false
        }
        var good = true
        var meant: Set<String> = []
        for entry in entries {
            if let row = rows.first(where: { $0.key == entry.key }) {
                // A key with nothing behind it says nothing: the default holds.
                if entry.value.isNull, !row.isRequired { continue }
                if !row.read(entry.value, &root, &reading) { good = false }
            } else if case let part = part(entry.key), !part.rows.isEmpty {
                if entry.value.isNull { continue }
                if !part.read(entry.value, into: &root, &reading) { good = false }
            } else {
                if let near = refuse(entry, &reading) { meant.insert(near) }
                good = false
            }
        }
        for row in rows where row.isRequired && !row.key.contains(".") && node[row.key] == nil {
            good = false
            // Whoever wrote `plugn` has been told.
            if meant.contains(row.key) { continue }
            reading.fail(node, "the key \"\(row.key)\" is missing", "It takes a \(row.noun): \(row.doc)")
        }
        return good
    }

    /// The first parts of the keys, in order, each with the rows below it (one without a dot: itself).
    var groups: [(key: String, rows: [Option<Root>])] {
        var groups: [(key: String, rows: [Option<Root>])] = []
        for row in rows {
            let first = String(row.key.prefix { $0 != "." })
            if let last = groups.indices.last, groups[last].key == first {
                groups[last].rows.append(row)
            } else {
                groups.append((first, [row]))
            }
        }
        return groups
    }

    /// The rows below `key`, their keys without it.
    func part(_ key: String) -> OptionTable {
        OptionTable(
            rows.filter { $0.key.hasPrefix(key + ".") }.map {
                Option(key: String($0.key.dropFirst(key.count + 1)), of: $0)
            })
    }

    /// A JSON Schema for the mapping.
    var schema: JSONValue {
        var properties = JSONObject()
        for group in groups {
            let inner = part(group.key)
            if inner.rows.isEmpty {
                var described = JSONObject([("description", .string(group.rows[0].doc))])
                for member in group.rows[0].schema.object ?? [:] { described[member.name] = member.value }
                properties[group.key] = .object(described)
            } else {
                properties[group.key] = inner.schema
            }
        }
        var schema: JSONObject = [
            "type": "object", "properties": .object(properties), "additionalProperties": false,
        ]
        let required = rows.filter { $0.isRequired && !$0.key.contains(".") }.map(\.key)
        if !required.isEmpty { schema["required"] = .array(required.map { .string($0) }) }
        return .object(schema)
    }

    /// `{ address: …, tls: { … } }`, for one line.
    func showInline(_ root: Root) -> String {
        let parts = groups.map { group in
            let inner = part(group.key)
            return "\(group.key): " + (inner.rows.isEmpty ? group.rows[0].show(root) : inner.showInline(root))
        }
        return "{ " + parts.joined(separator: ", ") + " }"
    }

    /// - Returns: the key that was probably meant.
    private func refuse(_ entry: YAMLEntry, _ reading: inout ConfigReading) -> String? {
        let known = groups.map(\.key)
        let shown = ConfigFault.printable(entry.key, limit: 60)
        let near = SpellingSuggestion.nearest(to: entry.key, in: known)
        var advice = near.map { "Did you mean \"\($0)\"?" }
        if advice == nil {
            // Perhaps it is right but in the wrong place: `connect` belongs into `timeouts`.
            let elsewhere = rows.first { row in
                guard let dot = row.key.lastIndex(of: ".") else { return false }
                return row.key[row.key.index(after: dot)...] == entry.key
            }
            advice = elsewhere.map { "Did you mean \"\($0.key)\"?" }
        }
        reading.fail(
            at: entry.keyMark, entry.value.path, "unknown key \"\(shown)\"",
            advice ?? "Known here: \(known.joined(separator: ", ")).")
        return near
    }
}
