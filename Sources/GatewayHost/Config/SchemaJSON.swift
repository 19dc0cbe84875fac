// JSON as the schema for editors is written: keys in the order given, two blanks a level.
//
// Kind: value. Only ever written, never read; what is read is a JSONValue.

enum SchemaJSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case text(String)
    case list([SchemaJSON])
    case object([Member])

    struct Member: Sendable, Equatable {
        var key: String
        var value: SchemaJSON
    }

    static func anyOf(_ choices: [SchemaJSON]) -> SchemaJSON { ["anyOf": .list(choices)] }

    /// The object with `value` under `key`, before what it has.
    func prepending(_ key: String, _ value: SchemaJSON) -> SchemaJSON {
        guard case .object(let members) = self else { return self }
        return .object([Member(key: key, value: value)] + members)
    }

    func appending(_ key: String, _ value: SchemaJSON) -> SchemaJSON {
        guard case .object(let members) = self else { return self }
        return .object(members + [Member(key: key, value: value)])
    }

    subscript(key: String) -> SchemaJSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The text, ended by a line break at the outermost level only by the caller.
    func text(indent: Int = 0) -> String {
        let inner = String(repeating: " ", count: indent + 2)
        let outer = String(repeating: " ", count: indent)
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return "\(value)"
        case .text(let value): return SchemaJSON.quoted(value)
        case .list(let items):
            let texts = items.map { $0.text(indent: indent + 2) }
            let line = "[" + texts.joined(separator: ", ") + "]"
            if line.utf8.count < 80, !line.contains("\n") { return line }
            return "[\n" + texts.map { inner + $0 }.joined(separator: ",\n") + "\n\(outer)]"
        case .object(let members):
            if members.isEmpty { return "{}" }
            let texts = members.map { "\(SchemaJSON.quoted($0.key)): \($0.value.text(indent: indent + 2))" }
            let line = "{ " + texts.joined(separator: ", ") + " }"
            if line.utf8.count < 80, !line.contains("\n") { return line }
            return "{\n" + texts.map { inner + $0 }.joined(separator: ",\n") + "\n\(outer)}"
        }
    }

    /// A JSON string (RFC 8259 section 7).
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension SchemaJSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByNilLiteral
{
    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: SchemaJSON...) { self = .list(elements) }
    init(nilLiteral: ()) { self = .null }
    init(dictionaryLiteral elements: (String, SchemaJSON)...) {
        self = .object(elements.map { Member(key: $0.0, value: $0.1) })
    }
}
