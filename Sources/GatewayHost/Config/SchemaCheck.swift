// Holds a JSON value against a ConfigSchema and fills in what the schema has defaults for.
//
// Of several forms (`anyOf`, `oneOf`) that all do not fit, the faults of the one that was most probably
// meant are told: the one whose fixed members (`type: { const: socks5 }`) agree, then the one with fewest faults.
//
// Kind: value. Pure. Recursion is as deep as the value, which its reader has bounded.

/// One thing that does not fit, at a place inside the value.
struct SchemaViolation: Sendable, Equatable {
    var steps: [ConfigPath.Step]
    /// "must be a text"; whoever prints it adds what stands there, if `namesValue`.
    var sentence: String
    var suggestion: String?
    var namesValue = false
    /// The fault is the last key of `steps` itself, not what stands behind it.
    var isAboutKey = false
    /// The member that is missing at `steps`; nil: nothing is.
    var missing: String?
}

struct SchemaCheck {
    private(set) var violations: [SchemaViolation] = []
    private var steps: [ConfigPath.Step] = []

    /// The value with defaults filled in, and what is wrong with it.
    static func check(_ value: JSONValue, _ schema: ConfigSchema) -> (JSONValue, [SchemaViolation]) {
        var check = SchemaCheck()
        let filled = check.visit(value, schema)
        return (filled, check.violations)
    }

    private mutating func visit(_ value: JSONValue, _ schema: ConfigSchema) -> JSONValue {
        if !schema.kinds.isEmpty, !schema.kinds.contains(where: { $0.admits(value) }) {
            let words = schema.kinds.map(\.spoken).joined(separator: " or ")
            var advice: String?
            if schema.kinds.contains(.string), value.double != nil || value.bool != nil {
                advice = "Put it in quotes."
            }
            fail("must be \(words)", advice, namesValue: true)
            return value
        }
        var value = value
        if schema.kinds.contains(.integer), !schema.kinds.contains(.number), let integer = value.int {
            value = .int(integer)  // 655.0 is an integer to JSON Schema; from here on it is written as one
        }
        if !schema.choices.isEmpty, !schema.choices.contains(value) { refuseChoice(value, schema.choices) }
        checkSizes(value, schema)
        var filled = value
        switch value {
        case .object(let object): filled = .object(members(object, schema))
        case .array(let elements): filled = .array(self.elements(elements, schema))
        default: break
        }
        if !schema.anyOf.isEmpty { filled = forms(filled, schema.anyOf, exactlyOne: false) }
        if !schema.oneOf.isEmpty { filled = forms(filled, schema.oneOf, exactlyOne: true) }
        return filled
    }

    private mutating func members(_ object: JSONObject, _ schema: ConfigSchema) -> JSONObject {
        var filled = JSONObject()
        var meant: Set<String> = []
        for (name, value) in object {
            steps.append(.key(name))
            defer { steps.removeLast() }
            if let property = schema[property: name] {
                filled[name] = visit(value, property)
                continue
            }
            switch schema.additional {
            case .allowed: filled[name] = value
            case .matching(let other): filled[name] = visit(value, other)
            case .refused:
                let known = schema.properties.map(\.name)
                let near = SpellingSuggestion.nearest(to: name, in: known.filter { object[$0] == nil })
                if let near { meant.insert(near) }
                let list = known.isEmpty ? "Nothing can be set here." : "Known here: \(known.joined(separator: ", "))."
                fail(
                    "unknown key \"\(ConfigFault.printable(name, limit: 60))\"",
                    near.map { "Did you mean \"\($0)\"?" } ?? list, isAboutKey: true)
            }
        }
        for name in schema.required where object[name] == nil && !meant.contains(name) {
            let kinds = schema[property: name]?.kinds.map(\.spoken).joined(separator: " or ") ?? ""
            fail("the key \"\(name)\" is missing", kinds.isEmpty ? nil : "It takes \(kinds).", missing: name)
        }
        for (name, property) in schema.properties where object[name] == nil {
            guard let initial = property.initial else { continue }
            // The schema's own default is not the operator's fault; only its inner defaults are wanted.
            filled[name] = SchemaCheck.check(initial, property).0
        }
        return filled
    }

    private mutating func elements(_ elements: [JSONValue], _ schema: ConfigSchema) -> [JSONValue] {
        if elements.count < schema.itemsMinimum {
            let count = schema.itemsMinimum
            fail("must have at least \(count) \(count == 1 ? "entry" : "entries"), has \(elements.count)")
        } else if elements.count > schema.itemsMaximum {
            let count = schema.itemsMaximum
            fail("must have at most \(count) \(count == 1 ? "entry" : "entries"), has \(elements.count)")
        }
        guard let item = schema.items.first else { return elements }
        return elements.enumerated().map { index, element in
            steps.append(.index(index))
            defer { steps.removeLast() }
            return visit(element, item)
        }
    }

    /// Returns the value as the fitting form fills it.
    private mutating func forms(_ value: JSONValue, _ schemas: [ConfigSchema], exactlyOne: Bool) -> JSONValue {
        var best: (filled: JSONValue, violations: [SchemaViolation], strangeness: Int)?
        var fitting = 0
        for schema in schemas {
            var attempt = SchemaCheck()
            attempt.steps = steps
            let filled = attempt.visit(value, schema)
            if attempt.violations.isEmpty {
                if fitting == 0 { best = (filled, [], 0) }
                fitting += 1
                if !exactlyOne { break }
            } else if fitting == 0 {
                let strangeness = schema.strangeness(to: value) + attempt.violations.count
                if strangeness < best?.strangeness ?? .max { best = (filled, attempt.violations, strangeness) }
            }
        }
        guard let best else { return value }
        if fitting > 1, exactlyOne { fail("fits more than one form; leave out what belongs to the other") }
        violations += best.violations.prefix(ConfigReading.faultLimit - violations.count)
        return best.filled
    }

    private mutating func refuseChoice(_ value: JSONValue, _ choices: [JSONValue]) {
        let words = choices.map { $0.string ?? String(decoding: $0.compact, as: UTF8.self) }
        let question = value.string.flatMap { SpellingSuggestion.question(for: $0, in: words) }
        fail(
            words.count == 1 ? "must be \(words[0])" : "must be one of \(words.joined(separator: ", "))",
            question, namesValue: true)
    }

    private mutating func checkSizes(_ value: JSONValue, _ schema: ConfigSchema) {
        if let number = value.double {
            if let limit = schema.minimum, number < limit { fail("must be at least \(limit.spoken)", namesValue: true) }
            if let limit = schema.maximum, number > limit { fail("must be at most \(limit.spoken)", namesValue: true) }
            if let limit = schema.exclusiveMinimum, number <= limit {
                fail("must be more than \(limit.spoken)", namesValue: true)
            }
            if let limit = schema.exclusiveMaximum, number >= limit {
                fail("must be less than \(limit.spoken)", namesValue: true)
            }
        }
        if let text = value.string {
            let count = text.unicodeScalars.count
            if count < schema.lengthMinimum {
                fail(
                    count == 0
                        ? "must not be empty"
                        : "must have at least \(schema.lengthMinimum) characters, has \(count)")
            } else if count > schema.lengthMaximum {
                fail("must have at most \(schema.lengthMaximum) characters, has \(count)")
            }
        }
    }

    private mutating func fail(
        _ sentence: String, _ suggestion: String? = nil, namesValue: Bool = false, isAboutKey: Bool = false,
        missing: String? = nil
    ) {
        guard violations.count < ConfigReading.faultLimit else { return }
        violations.append(
            SchemaViolation(
                steps: steps, sentence: sentence, suggestion: suggestion, namesValue: namesValue,
                isAboutKey: isAboutKey, missing: missing))
    }
}

extension ConfigSchema {
    /// How little this form resembles what was written; for choosing whose faults to tell.
    fileprivate func strangeness(to value: JSONValue) -> Int {
        if !kinds.isEmpty, !kinds.contains(where: { $0.admits(value) }) { return 1000 }
        guard let object = value.object else { return 0 }
        var strange = 0
        for (name, property) in properties where !property.choices.isEmpty {
            if let member = object[name], !property.choices.contains(member) { strange += 100 }
        }
        return strange
    }
}

extension ConfigSchema.Kind {
    func admits(_ value: JSONValue) -> Bool {
        switch self {
        case .null: value.isNull
        case .boolean: value.bool != nil
        case .integer: value.int != nil
        case .number: value.double != nil
        case .string: value.string != nil
        case .array: value.array != nil
        case .object: value.object != nil
        }
    }

    /// As people who write YAML call it.
    var spoken: String {
        switch self {
        case .null: "null"
        case .boolean: "true or false"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "a mapping"
        }
    }
}

extension Double {
    /// `600` rather than `600.0`.
    fileprivate var spoken: String {
        Int(exactly: self).map { "\($0)" } ?? description
    }
}
