// What a schema says beyond what is valid: which fields there are, which are secret, which only the owner sets,
// which name other records.
//
// A mark (`writeOnly`, `readOnly`, `x-reference`) stands on a property of an object, or on the elements of a list,
// at any depth. Where it could be meant or not, in a form of `anyOf` or `oneOf` or behind `additionalProperties`, it
// is refused: a secret that is sealed only sometimes is not one.
//
// Kind: value. Pure.

/// Where values stand: steps from the root, nil for every element of a list.
typealias FieldPattern = [String?]

struct SchemaMarks {
    private(set) var fields: [ResourceField] = []
    private(set) var secrets: [FieldPattern] = []
    private(set) var references: [(pattern: FieldPattern, collection: String)] = []

    /// Deeper than anybody can fill in.
    private static let depthLimit = 8

    /// - Parameter schema: of an object; found valid before.
    init(_ schema: JSONValue, at place: String) throws(DeclarationFault) {
        try members(of: schema, pattern: [], pointer: "", isRequired: true, at: place)
    }

    private mutating func members(
        of schema: JSONValue, pattern: FieldPattern, pointer: String?, isRequired: Bool, at place: String
    ) throws(DeclarationFault) {
        guard pattern.count < SchemaMarks.depthLimit else {
            throw DeclarationFault(place, "is nested deeper than \(SchemaMarks.depthLimit) levels")
        }
        try refuseMarks(in: schema, at: place)
        let required = Set(schema["required"]?.array?.compactMap(\.string) ?? [])
        for (name, property) in schema["properties"]?.object ?? JSONObject() {
            try visit(
                property, pattern: pattern + [name], pointer: pointer.map { JSONPointer.appending(name, to: $0) },
                isRequired: isRequired && required.contains(name), at: "\(place)/properties/\(name)")
        }
    }

    /// - Parameter pointer: nil inside a list, whose elements are not fields of their own.
    private mutating func visit(
        _ schema: JSONValue, pattern: FieldPattern, pointer: String?, isRequired: Bool, at place: String
    ) throws(DeclarationFault) {
        if schema["properties"] != nil, schema["items"] == nil, schema["anyOf"] == nil, schema["oneOf"] == nil {
            for mark in SchemaMarks.words where schema[mark] != nil {
                throw DeclarationFault("\(place)/\(mark)", "belongs to the members of this object, one by one")
            }
            return try members(of: schema, pattern: pattern, pointer: pointer, isRequired: isRequired, at: place)
        }
        try refuseMarks(in: schema, at: place)
        var field = ResourceField(pointer: pointer ?? "", kinds: SchemaMarks.kinds(schema))
        field.isSecret = schema["writeOnly"]?.bool ?? false
        field.isReadOnly = schema["readOnly"]?.bool ?? false
        field.isRequired = isRequired
        if field.isSecret {
            guard field.kinds == [.string] else {
                throw DeclarationFault("\(place)/writeOnly", "only a text can be sealed; say \"type\": \"string\"")
            }
            guard !field.isReadOnly else { throw DeclarationFault(place, "nobody could set or see it: readOnly and writeOnly") }
            guard schema["default"] == nil else { throw DeclarationFault("\(place)/default", "a secret has no default") }
            secrets.append(pattern)
        }
        if field.isReadOnly, isRequired {
            throw DeclarationFault("\(place)/readOnly", "only the plugin sets it, so nobody else can be required to")
        }
        try readReference(schema, kinds: field.kinds, pattern: pattern, at: place)
        field.reference = schema["x-reference"]?.string
        if let items = schema["items"] {
            if let reference = items["x-reference"]?.string { field.reference = reference }
            field.elements = SchemaMarks.kinds(items)
            if field.reference == nil || items["x-reference"] != nil {
                try visit(items, pattern: pattern + [nil], pointer: nil, isRequired: false, at: "\(place)/items")
            }
        }
        guard pointer != nil else { return }
        field.title = schema["title"]?.string ?? ""
        field.description = schema["description"]?.string ?? ""
        field.unit = schema["x-unit"]?.string ?? ""
        field.format = schema["format"]?.string ?? ""
        field.flag = schema["x-flag"]?.string
        if let flag = field.flag, !DeclarationReader.isWord(flag) {
            throw DeclarationFault("\(place)/x-flag", "must be a word of small letters, digits and dashes")
        }
        field.choices = (schema["enum"] ?? schema["items"]?["enum"])?.array?.compactMap(\.string) ?? []
        field.initial = schema["default"]
        fields.append(field)
    }

    private mutating func readReference(
        _ schema: JSONValue, kinds: [ConfigSchema.Kind], pattern: FieldPattern, at place: String
    ) throws(DeclarationFault) {
        guard let value = schema["x-reference"] else { return }
        guard let collection = value.string, DeclarationReader.isWord(collection) else {
            throw DeclarationFault("\(place)/x-reference", "must be the name of a resource")
        }
        switch kinds {
        case [.string]: references.append((pattern, collection))
        case [.array]: references.append((pattern + [nil], collection))
        default: throw DeclarationFault("\(place)/x-reference", "belongs to a text or to a list of texts")
        }
    }

    private static let words = ["writeOnly", "readOnly", "x-reference", "x-flag"]

    /// Marks where they would hold only sometimes.
    private func refuseMarks(in schema: JSONValue, at place: String) throws(DeclarationFault) {
        for keyword in ["anyOf", "oneOf", "additionalProperties"] {
            guard let part = schema[keyword], let mark = SchemaMarks.mark(in: part) else { continue }
            throw DeclarationFault(
                "\(place)/\(keyword)", "\(mark) does not hold in here; it stands on properties and on the elements of lists only")
        }
    }

    private static func mark(in schema: JSONValue) -> String? {
        switch schema {
        case .object(let object):
            for (name, value) in object {
                if words.contains(name) { return name }
                if name != "enum", name != "const", name != "default", let mark = mark(in: value) { return mark }
            }
            return nil
        case .array(let elements): return elements.lazy.compactMap(mark(in:)).first
        default: return nil
        }
    }

    private static func kinds(_ schema: JSONValue) -> [ConfigSchema.Kind] {
        let names = schema["type"]?.string.map { [$0] } ?? schema["type"]?.array?.compactMap(\.string) ?? []
        return names.compactMap { ConfigSchema.Kind(rawValue: $0) }
    }
}
