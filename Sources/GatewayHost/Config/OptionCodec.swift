// How one option's value is read, shown and described: the types of the options table.
//
// A codec is made of smaller ones (`.list(of: .addressRange)`), and each knows three things: how to
// read a node into a value or say what is wrong with it, how the file would write a value, and its part of the JSON
// Schema. Nothing else in the host turns text of the configuration into values.
//
// Kind: value.

struct OptionCodec<Value: Sendable>: Sendable {
    /// For the documents: "duration", "list of addresses".
    let noun: String
    /// What an editor may accept; references are added where the schema is written.
    let schema: JSONValue
    /// As the file would have it, on one line.
    let show: @Sendable (Value) -> String
    /// Nil after a fault was reported to the reading.
    let read: @Sendable (YAMLNode, inout ConfigReading) -> Value?
}

/// What happens while one file is read: the faults so far, and what relative paths are relative to.
struct ConfigReading: Sendable {
    /// A file with more faults than this is of another kind; the rest would help nobody.
    static let faultLimit = 50

    let file: String
    private(set) var faults: [ConfigFault] = []
    /// Worth saying, not worth refusing.
    private(set) var warnings: [ConfigFault] = []

    init(file: String) { self.file = file }

    mutating func fail(_ node: YAMLNode, _ sentence: String, _ suggestion: String? = nil) {
        fail(at: node.mark, node.path, sentence, suggestion)
    }

    mutating func fail(at mark: YAMLMark, _ path: ConfigPath, _ sentence: String, _ suggestion: String?) {
        guard faults.count < ConfigReading.faultLimit else { return }
        faults.append(
            ConfigFault(
                file: file, mark: mark, path: path.description, sentence: sentence, suggestion: suggestion))
    }

    mutating func warn(_ node: YAMLNode?, _ path: String, _ sentence: String, _ suggestion: String? = nil) {
        warnings.append(
            ConfigFault(
                file: file, mark: node?.mark, path: path, sentence: sentence, suggestion: suggestion))
    }
}

// MARK: Codecs made of others

extension OptionCodec {
    /// A list; an empty one is allowed.
    static func list<Element>(of element: OptionCodec<Element>, _ noun: String) -> OptionCodec
    where Value == [Element] {
        OptionCodec(
            noun: noun,
            schema: ["type": "array", "items": element.schema],
            show: { "[" + $0.map(element.show).joined(separator: ", ") + "]" },
            read: { node, reading in
                guard case .sequence(let items) = node.content else {
                    reading.fail(
                        node, "must be a \(noun), is \(node.spoken)", "Put it in brackets: [ … ].")
                    return nil
                }
                let values = items.map { element.read($0, &reading) }
                return values.contains { $0 == nil } ? nil : values.compactMap(\.self)
            })
    }

    /// One, or a list of them with at least one.
    static func oneOrMany<Element>(_ element: OptionCodec<Element>, _ noun: String) -> OptionCodec
    where Value == [Element] {
        let many = OptionCodec<[Element]>.list(of: element, noun)
        return OptionCodec(
            noun: "\(element.noun), or a list of them",
            schema: [
                "anyOf": [element.schema, ["type": "array", "minItems": 1, "items": element.schema]]
            ],
            show: { $0.count == 1 ? element.show($0[0]) : many.show($0) },
            read: { node, reading in
                guard case .sequence(let items) = node.content else {
                    return element.read(node, &reading).map { [$0] }
                }
                if items.isEmpty {
                    reading.fail(node, "must have at least one entry")
                    return nil
                }
                return many.read(node, &reading)
            })
    }

    /// The value, or the word `off`.
    static func optional<Wrapped>(_ wrapped: OptionCodec<Wrapped>) -> OptionCodec
    where Value == Wrapped? {
        OptionCodec(
            noun: "\(wrapped.noun), or off",
            schema: ["anyOf": [wrapped.schema, ["enum": ["off", false, nil]]]],
            show: { $0.map(wrapped.show) ?? "off" },
            read: { node, reading in
                if case .scalar(let scalar) = node.content {
                    switch scalar.resolved {
                    case .null, .bool(false), .text("off"), .text(""): return .some(.none)
                    default: break
                    }
                }
                return wrapped.read(node, &reading).map { .some($0) }
            })
    }

    /// A short form beside the mapping: `upstream: URL` for `upstream: { url: URL }`.
    static func either(
        short: OptionCodec<some Sendable>, _ mapping: OptionCodec,
        readShort: @escaping @Sendable (YAMLNode, inout ConfigReading) -> Value?,
        showShort: @escaping @Sendable (Value) -> String?
    ) -> OptionCodec {
        OptionCodec(
            noun: "\(short.noun), or \(mapping.noun)",
            schema: ["anyOf": [short.schema, mapping.schema]],
            show: { showShort($0) ?? mapping.show($0) },
            read: { node, reading in
                if case .scalar = node.content { return readShort(node, &reading) }
                return mapping.read(node, &reading)
            })
    }

    /// A mapping described by a table of options of its own, starting from `initial`.
    static func table(_ table: OptionTable<Value>, from initial: @escaping @Sendable (YAMLNode) -> Value)
        -> OptionCodec
    {
        OptionCodec(
            noun: "mapping",
            schema: table.schema,
            show: { table.showInline($0) },
            read: { node, reading in
                var value = initial(node)
                return table.read(node, into: &value, &reading) ? value : nil
            })
    }
}

extension OptionCodec {
    /// A value that is absent unless given.
    static func some<Wrapped>(_ wrapped: OptionCodec<Wrapped>) -> OptionCodec where Value == Wrapped? {
        OptionCodec(
            noun: wrapped.noun, schema: wrapped.schema, show: { $0.map(wrapped.show) ?? "off" },
            read: { node, reading in wrapped.read(node, &reading).map { .some($0) } })
    }
}

extension OptionCodec where Value == YAMLNode {
    /// A mapping that is somebody else's to understand.
    static var mapping: OptionCodec {
        OptionCodec(
            noun: "mapping", schema: ["type": "object"], show: { YAMLWriter.inline($0) },
            read: { node, reading in
                if case .mapping = node.content { return node }
                reading.fail(node, "must be a mapping, is \(node.spoken)")
                return nil
            })
    }
}
