// JSON back to text, and small changes to an object.
//
// Kind: pure.

extension JSON {
    /// Without any blanks. A number that is not finite, for which JSON has no word, becomes null.
    public var serialized: String {
        switch self {
        case .null: "null"
        case .bool(let bool): bool ? "true" : "false"
        case .integer(let integer): String(integer)
        case .real(let real): real.isFinite ? "\(real)" : "null"
        case .text(let text): JSON.quoted(text)
        case .list(let elements): "[" + elements.map(\.serialized).joined(separator: ",") + "]"
        case .map(let members):
            "{" + members.map { JSON.quoted($0.name) + ":" + $0.value.serialized }.joined(separator: ",") + "}"
        }
    }

    /// This object with the member `name` set, or without it if `value` is nil.
    public func setting(_ name: String, _ value: JSON?) -> JSON {
        guard case .map(var members) = self else { return self }
        let place = members.firstIndex { $0.name == name }
        members.removeAll { $0.name == name }
        guard let value else { return .map(members) }
        members.insert(Member(name: name, value: value), at: place ?? members.count)
        return .map(members)
    }

    /// An object of these members, in this order; nil leaves one out.
    public static func object(_ members: [(String, JSON?)]) -> JSON {
        .map(members.compactMap { name, value in value.map { Member(name: name, value: $0) } })
    }

    public var isNull: Bool { self == .null }
}
