// A JSON document in memory, for everything that is not the hot path: configuration, the admin
// interface, schemas, records.
//
// Kind: value.

enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// The member of that name; nil when it is absent or this is no object.
    subscript(name: String) -> JSONValue? { object?[name] }

    /// The element at that index; nil when it is absent or this is no array.
    subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    var isNull: Bool { self == .null }

    var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// A whole number, also when it was written as `1.0` or `1e3`.
    var int: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }

    var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    var array: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    var object: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// What this value is, for error messages.
    var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int: "an integer"
        case .double: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// The value an RFC 6901 pointer names; the empty pointer names this one.
    func value(at pointer: String) -> JSONValue? {
        if pointer.isEmpty { return self }
        guard pointer.hasPrefix("/") else { return nil }
        var value = self
        for token in pointer.utf8.dropFirst().split(separator: 0x2f, omittingEmptySubsequences: false) {
            guard let name = Self.unescape(Array(token)), let next = value.step(name) else { return nil }
            value = next
        }
        return value
    }

    private func step(_ name: String) -> JSONValue? {
        switch self {
        case .object(let object): return object[name]
        case .array:
            // Digits only, without leading zeros (RFC 6901 section 4).
            guard name.utf8.allSatisfy({ $0 &- 0x30 < 10 }), name == "0" || !name.hasPrefix("0"),
                let index = Int(name)
            else { return nil }
            return self[index]
        default: return nil
        }
    }

    private static func unescape(_ token: [UInt8]) -> String? {
        token.withUnsafeBytes { JSONScanner.decode(Bytes($0)) }.map { String(decoding: $0, as: UTF8.self) }
    }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    init(nilLiteral: ()) { self = .null }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(integerLiteral value: Int64) { self = .int(value) }
    init(floatLiteral value: Double) { self = .double(value) }
    init(stringLiteral value: String) { self = .string(value) }
    init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    init(dictionaryLiteral members: (String, JSONValue)...) { self = .object(JSONObject(members)) }
}
