// The configuration of a chain entry as its plugin gets it: JSON text, valid against the plugin's schema,
// defaults filled in.
//
// Scalars take the type that YAML gives them; one that came through a reference takes the type that the
// schema asks for, because a variable that happens to hold digits is still the password it was meant to be.
//
// Kind: value. Pure.

enum PluginConfig {
    /// The JSON of `entry.config`.
    /// - Parameter schema: the plugin's `config_schema`; nil accepts every mapping.
    /// - Throws: faults at the lines of the configuration; a schema that cannot be read is a fault of the entry.
    static func json(of entry: ChainEntry, schema text: String?, file: String) throws(ConfigFaults) -> String {
        let schema: ConfigSchema
        do {
            schema = try text.map { text throws(SchemaFault) in try ConfigSchema(text) } ?? ConfigSchema()
        } catch {
            throw ConfigFaults(
                entry.fault(in: file, "\(error)", suggestion: "This is for the author of the plugin to mend."))
        }
        let written = value(of: entry.config, schema)
        let (filled, violations) = SchemaCheck.check(written, schema)
        if !violations.isEmpty {
            throw ConfigFaults(violations.map { fault($0, in: entry.config, file: file) })
        }
        return String(decoding: filled.compact, as: UTF8.self)
    }

    /// The JSON that a part of the tree means.
    static func value(of node: YAMLNode, _ schema: ConfigSchema?) -> JSONValue {
        switch node.content {
        case .scalar(let scalar): return value(of: scalar, schema)
        case .sequence(let items):
            let item = schema?.element
            return .array(items.map { value(of: $0, item) })
        case .mapping(let entries):
            var object = JSONObject()
            for entry in entries { object[entry.key] = value(of: entry.value, schema?.member(entry.key)) }
            return .object(object)
        }
    }

    private static func value(of scalar: YAMLScalar, _ schema: ConfigSchema?) -> JSONValue {
        var meant = scalar
        if scalar.fromReference, let kinds = schema?.possibleKinds, !kinds.isEmpty {
            meant.style = kinds.contains(.string) ? .quoted : .plain
        }
        switch meant.resolved {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .integer(let value): return .int(Int64(value))
        case .number(let value): return .double(value)
        case .text(let text): return .string(text)
        }
    }

    /// The violation at the line where its cause was written.
    private static func fault(_ violation: SchemaViolation, in root: YAMLNode, file: String) -> ConfigFault {
        var node = root
        var mark = root.mark
        var path = root.path
        for step in violation.steps {
            switch step {
            case .key(let key):
                path = path.appending(key)
                guard case .mapping(let entries) = node.content, let entry = entries.first(where: { $0.key == key })
                else { continue }
                node = entry.value
                mark = violation.isAboutKey ? entry.keyMark : node.mark
            case .index(let index):
                path = path.appending(index)
                guard let item = node[index] else { continue }
                node = item
                mark = item.mark
            }
        }
        return ConfigFault(
            file: file, mark: mark, path: path.description,
            sentence: violation.namesValue ? "\(violation.sentence), is \(node.spoken)" : violation.sentence,
            suggestion: violation.suggestion)
    }
}

extension ConfigSchema {
    private var alternatives: [ConfigSchema] { anyOf + oneOf }

    /// Every type that some form admits here; empty when the schema does not say.
    fileprivate var possibleKinds: [Kind] { kinds.isEmpty ? alternatives.flatMap(\.possibleKinds) : kinds }

    /// What a member may be, over all forms, as far as its type goes.
    fileprivate func member(_ name: String) -> ConfigSchema? {
        if let property = self[property: name] { return property }
        if case .matching(let schema) = additional { return schema }
        return ConfigSchema.union(alternatives.compactMap { $0.member(name) })
    }

    fileprivate var element: ConfigSchema? {
        items.first ?? ConfigSchema.union(alternatives.compactMap(\.element))
    }

    private static func union(_ schemas: [ConfigSchema]) -> ConfigSchema? {
        if schemas.count < 2 { return schemas.first }
        var union = ConfigSchema()
        union.anyOf = schemas
        return union
    }
}
