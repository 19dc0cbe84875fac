// The part of JSON Schema that plugins describe their configuration with.
//
// Understood: type, properties, required, additionalProperties, items, minItems, maxItems, enum, const,
// minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, anyOf, oneOf, default.
// Kept for people: title, description, format, pattern, examples and whatever else says nothing about validity.
// A schema with a keyword that would change what is valid and is not understood (`$ref`, `not`,
// `if`, …) is refused when the plugin is loaded, because silence would promise a check that nobody makes.
// `pattern` is the exception: it is shown to editors, and the plugin checks it in `create`.
//
// Kind: value. Pure.

struct ConfigSchema: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case null, boolean, integer, number, string, array, object
    }

    enum Additional: Sendable {
        case allowed, refused
        indirect case matching(ConfigSchema)
    }

    /// Empty: every type.
    var kinds: [Kind] = []
    var properties: [(name: String, schema: ConfigSchema)] = []
    var required: [String] = []
    var additional = Additional.allowed
    /// At most one: the schema of every element.
    var items: [ConfigSchema] = []
    var itemsMinimum = 0
    var itemsMaximum = Int.max
    /// Empty: every value.
    var choices: [JSONValue] = []
    var minimum: Double?
    var maximum: Double?
    var exclusiveMinimum: Double?
    var exclusiveMaximum: Double?
    /// In characters (Unicode scalars).
    var lengthMinimum = 0
    var lengthMaximum = Int.max
    var anyOf: [ConfigSchema] = []
    var oneOf: [ConfigSchema] = []
    var initial: JSONValue?

    /// Reads the schema a plugin brings.
    /// - Throws: `SchemaFault`, the plugin author's to mend.
    init(_ text: String) throws(SchemaFault) {
        do {
            try self.init(JSONParser.parse(text), at: "#")
        } catch let error as SchemaFault {
            throw error
        } catch {
            throw SchemaFault(place: "#", sentence: "is not JSON: \(error)")
        }
    }

    /// Accepts everything.
    init() {}

    subscript(property name: String) -> ConfigSchema? {
        properties.first { $0.name == name }?.schema
    }
}

/// What is wrong with a plugin's schema.
struct SchemaFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// `#/properties/keys`.
    let place: String
    let sentence: String

    var description: String { "the schema of the plugin's configuration, \(place): \(sentence)" }
}

// MARK: Reading a schema

extension ConfigSchema {
    private static let refused: Set<String> = [
        "$ref", "$dynamicRef", "not", "if", "then", "else", "allOf", "patternProperties", "propertyNames",
        "minProperties", "maxProperties", "dependentRequired", "dependentSchemas", "dependencies", "contains",
        "prefixItems", "additionalItems", "uniqueItems", "multipleOf", "unevaluatedProperties", "unevaluatedItems",
    ]

    /// - Parameter place: where the schema stands in its document, for faults.
    init(_ value: JSONValue, at place: String) throws(SchemaFault) {
        if value.bool == true { return }
        guard let object = value.object else {
            throw SchemaFault(place: place, sentence: "must be an object, is \(value.kindName)")
        }
        for member in object { try read(member.name, member.value, at: place) }
        for name in required where !properties.isEmpty && self[property: name] == nil {
            if case .refused = additional {
                throw SchemaFault(place: place, sentence: "requires \"\(name)\", which it does not allow")
            }
        }
    }

    private mutating func read(_ keyword: String, _ value: JSONValue, at place: String) throws(SchemaFault) {
        let here = "\(place)/\(keyword)"
        switch keyword {
        case "type": kinds = try ConfigSchema.kinds(value, at: here)
        case "properties":
            for member in try ConfigSchema.object(value, at: here) {
                properties.append((member.name, try ConfigSchema(member.value, at: "\(here)/\(member.name)")))
            }
        case "required": required = try ConfigSchema.texts(value, at: here)
        case "additionalProperties":
            switch value.bool {
            case true?: additional = .allowed
            case false?: additional = .refused
            case nil: additional = .matching(try ConfigSchema(value, at: here))
            }
        case "items": items = [try ConfigSchema(value, at: here)]
        case "minItems": itemsMinimum = try ConfigSchema.count(value, at: here)
        case "maxItems": itemsMaximum = try ConfigSchema.count(value, at: here)
        case "enum": choices = try ConfigSchema.list(value, at: here)
        case "const": choices = [value]
        case "minimum": minimum = try ConfigSchema.number(value, at: here)
        case "maximum": maximum = try ConfigSchema.number(value, at: here)
        case "exclusiveMinimum": exclusiveMinimum = try ConfigSchema.number(value, at: here)
        case "exclusiveMaximum": exclusiveMaximum = try ConfigSchema.number(value, at: here)
        case "minLength": lengthMinimum = try ConfigSchema.count(value, at: here)
        case "maxLength": lengthMaximum = try ConfigSchema.count(value, at: here)
        case "anyOf": anyOf = try ConfigSchema.branches(value, at: here)
        case "oneOf": oneOf = try ConfigSchema.branches(value, at: here)
        case "default": initial = value
        case _ where ConfigSchema.refused.contains(keyword):
            throw SchemaFault(place: here, sentence: "the gateway does not check this keyword; leave it out")
        default: break
        }
    }

    private static func kinds(_ value: JSONValue, at place: String) throws(SchemaFault) -> [Kind] {
        var kinds: [Kind] = []
        let names = if let name = value.string { [name] } else { try texts(value, at: place) }
        for name in names {
            guard let kind = Kind(rawValue: name) else {
                throw SchemaFault(place: place, sentence: "\"\(name)\" is no type of JSON")
            }
            kinds.append(kind)
        }
        return kinds
    }

    private static func branches(_ value: JSONValue, at place: String) throws(SchemaFault) -> [ConfigSchema] {
        var branches: [ConfigSchema] = []
        for (index, branch) in try list(value, at: place).enumerated() {
            branches.append(try ConfigSchema(branch, at: "\(place)/\(index)"))
        }
        return branches
    }

    private static func object(_ value: JSONValue, at place: String) throws(SchemaFault) -> JSONObject {
        if let object = value.object { return object }
        throw SchemaFault(place: place, sentence: "must be an object, is \(value.kindName)")
    }

    private static func list(_ value: JSONValue, at place: String) throws(SchemaFault) -> [JSONValue] {
        if let list = value.array, !list.isEmpty { return list }
        throw SchemaFault(place: place, sentence: "must be a list with at least one entry")
    }

    private static func texts(_ value: JSONValue, at place: String) throws(SchemaFault) -> [String] {
        guard let list = value.array, list.allSatisfy({ $0.string != nil }) else {
            throw SchemaFault(place: place, sentence: "must be a list of strings")
        }
        return list.compactMap(\.string)
    }

    private static func number(_ value: JSONValue, at place: String) throws(SchemaFault) -> Double {
        if let number = value.double { return number }
        throw SchemaFault(place: place, sentence: "must be a number, is \(value.kindName)")
    }

    private static func count(_ value: JSONValue, at place: String) throws(SchemaFault) -> Int {
        if let count = value.int, count >= 0 { return Int(count) }
        throw SchemaFault(place: place, sentence: "must be a whole number, 0 or more")
    }
}
