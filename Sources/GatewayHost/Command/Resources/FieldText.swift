// Values of records as people read them: cells of a table, lines of a listing.
//
// Kind: value. Pure.

struct FieldText: Sendable {
    /// Names of records by their ids, for fields that name others.
    var labels: [String: String] = [:]

    func cell(_ value: JSONValue?, _ field: ResourceField? = nil) -> Table.Cell {
        guard let value, !value.isNull else { return Table.Cell("-", .dim) }
        switch value {
        case .bool(let flag): return Table.Cell(flag ? "yes" : "no", flag ? .good : .warning)
        case .array(let elements):
            if elements.isEmpty { return Table.Cell("-", .dim) }
            return Table.Cell(elements.map { text($0, field) }.joined(separator: ", "))
        default: return Table.Cell(text(value, field))
        }
    }

    private func text(_ value: JSONValue, _ field: ResourceField?) -> String {
        guard let text = value.string else { return String(decoding: value.compact, as: UTF8.self) }
        if field?.reference != nil, let label = labels[text] { return label }
        return field?.format == "date-time" ? FieldText.moment(text) : text
    }

    /// `2025-11-23 18:03:04`, UTC, without the fraction; what is no such text stays.
    static func moment(_ text: String) -> String {
        guard text.hasSuffix("Z"), text.utf8.count >= 20, Moment.parse(text, now: 0) != nil else { return text }
        return String(text.prefix(19)).replacing("T", with: " ")
    }

    /// Every value of an object with its path, objects inside it opened: `limits.concurrency`.
    func rows(_ object: JSONObject, under path: String = "") -> [(name: String, value: Table.Cell)] {
        object.flatMap { name, value -> [(name: String, value: Table.Cell)] in
            let path = path.isEmpty ? name : "\(path).\(name)"
            if let inner = value.object, !inner.isEmpty { return rows(inner, under: path) }
            if let list = value.array, list.contains(where: { $0.object != nil }) {
                return list.enumerated().flatMap { index, element in
                    element.object.map { rows($0, under: "\(path)[\(index)]") } ?? [("\(path)[\(index)]", cell(element))]
                }
            }
            return [(path, cell(value))]
        }
    }
}

extension ResourceDeclaration {
    func field(at pointer: String) -> ResourceField? { fields.first { $0.pointer == pointer } }

    /// The columns that the declaration thinks worth it, behind the id.
    /// - Parameter live: members of a record's `live` that follow.
    func table(_ records: [JSONValue], _ text: FieldText, live: [String] = []) -> Table {
        var table = Table(columns: [.init(title: "id", isWhole: true)])
        for pointer in columns {
            let field = field(at: pointer)
            let isNumber = field.map { !$0.kinds.isEmpty && $0.kinds.allSatisfy { [.integer, .number, .null].contains($0) } } ?? false
            table.columns.append(
                .init(title: JSONPointer.tokens(pointer).last?.replacing("_", with: " ") ?? pointer, alignsRight: isNumber))
        }
        // What is stored and what the serving gateway knows may have one name, as the state of a credential and that of its account.
        let titles = Set(table.columns.map(\.title))
        for name in live {
            let title = name.replacing("_", with: " ")
            table.columns.append(.init(title: titles.contains(title) ? "\(title) now" : title))
        }
        table.rows = records.map { record in
            let isFixed = record["read_only"]?.bool ?? false
            return [Table.Cell(record["id"]?.string ?? "", isFixed ? .dim : .name)]
                + columns.map { text.cell(record.value(at: $0), field(at: $0)) }
                + live.map { text.cell(record["live"]?[$0], nil) }
        }
        return table
    }

    /// One record, field by field, in the order of the schema.
    func listing(_ record: JSONValue, _ text: FieldText) -> Listing {
        var listing = Listing(rows: [("id", Table.Cell(record["id"]?.string ?? "", .name))])
        for field in fields where !field.isSecret {
            guard let value = record.value(at: field.pointer), !value.isNull else { continue }
            listing.rows.append((JSONPointer.tokens(field.pointer).joined(separator: "."), text.cell(value, field)))
        }
        if record["read_only"]?.bool == true {
            listing.rows.append(("read only", Table.Cell("it stands in the configuration file", .dim)))
        }
        for name in ["created", "updated"] {
            if let moment = record[name]?.string { listing.rows.append((name, Table.Cell(FieldText.moment(moment), .dim))) }
        }
        if let revision = record["revision"]?.int, revision > 0 {
            listing.rows.append(("revision", Table.Cell("\(revision)", .dim)))
        }
        return listing
    }
}
