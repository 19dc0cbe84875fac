// The codecs of single values: texts, switches, numbers, durations, sizes, words of a fixed set.
//
// Kind: value.

extension OptionCodec where Value == String {
    /// A text that is not empty. What looks like a number is taken as it is written.
    static var text: OptionCodec {
        OptionCodec(
            noun: "text", schema: ["type": ["string", "number", "boolean"]], show: { yamlText($0) },
            read: { node, reading in
                guard case .scalar(let scalar) = node.content else {
                    reading.fail(node, "must be a text, is \(node.spoken)")
                    return nil
                }
                guard !scalar.text.isEmpty, scalar.resolved != .null else {
                    reading.fail(node, "must not be empty", "Remove the key if you want the default.")
                    return nil
                }
                return scalar.text
            })
    }

    /// A file or folder, relative to the folder of the configuration.
    static var path: OptionCodec {
        let text = OptionCodec.text
        return OptionCodec(
            noun: "path", schema: ["type": "string"], show: text.show,
            read: { node, reading in
                text.read(node, &reading).map {
                    FilePath.resolve($0, against: FilePath.folder(of: reading.file))
                }
            })
    }

    /// A path of a URL: `/metrics`.
    static var mount: OptionCodec {
        OptionCodec(
            noun: "path of a URL", schema: ["type": "string", "pattern": "^/[!-~]+$"], show: { $0 },
            read: { node, reading in
                guard let text = OptionCodec.text.read(node, &reading) else { return nil }
                let clean = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x3f && $0 != 0x23 }
                guard text.hasPrefix("/"), text.utf8.count > 1, clean else {
                    reading.fail(node, "must be a path of a URL, is \(node.spoken)", "Write it like /metrics.")
                    return nil
                }
                return text
            })
    }
}

extension OptionCodec where Value == String {
    /// A zone of the system's database: `Europe/Berlin`.
    static var timeZone: OptionCodec {
        OptionCodec(
            noun: "time zone", schema: ["type": "string"], show: { yamlText($0) },
            read: { node, reading in
                guard let name = OptionCodec.text.read(node, &reading) else { return nil }
                let isPlain = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && !name.hasPrefix("/") && !name.contains("..")
                let file = isPlain ? FileBytes.read("/usr/share/zoneinfo/\(name)", limit: 1 << 20) : nil
                if name == "UTC" { return name }
                guard case .success(let bytes)? = file, bytes.starts(with: "TZif".utf8) else {
                    reading.fail(
                        node, "must be a time zone of /usr/share/zoneinfo, is \(node.spoken)", "Write it like Europe/Berlin.")
                    return nil
                }
                return name
            })
    }
}

extension OptionCodec where Value == Secret {
    static var secret: OptionCodec {
        let text = OptionCodec<String>.text
        return OptionCodec(
            noun: "secret", schema: text.schema, show: { yamlText($0.description) },
            read: { node, reading in text.read(node, &reading).map { Secret($0) } })
    }
}

extension OptionCodec where Value == [String: Secret] {
    /// Names to secrets, for `secret()` of the plugin contract.
    static var secrets: OptionCodec {
        OptionCodec(
            noun: "mapping of names to secrets",
            schema: ["type": "object", "additionalProperties": OptionCodec<Secret>.secret.schema],
            show: {
                "{" + $0.keys.sorted().map { "\(yamlText($0)): \(yamlText(Secret.redacted))" }.joined(separator: ", ")
                    + "}"
            },
            read: { node, reading in
                guard case .mapping(let entries) = node.content else {
                    reading.fail(node, "must be a mapping of names to secrets, is \(node.spoken)")
                    return nil
                }
                var secrets: [String: Secret] = [:]
                for entry in entries {
                    secrets[entry.key] = OptionCodec<Secret>.secret.read(entry.value, &reading)
                }
                return secrets.count == entries.count ? secrets : nil
            })
    }
}

extension OptionCodec where Value == Bool {
    static var bool: OptionCodec {
        OptionCodec(
            noun: "true or false", schema: ["type": "boolean"], show: { "\($0)" },
            read: { node, reading in
                guard case .scalar(let scalar) = node.content else {
                    reading.fail(node, "must be true or false, is \(node.spoken)")
                    return nil
                }
                switch scalar.text.lowercased() {
                case "true": return true
                case "false": return false
                case "yes", "on", "1": reading.fail(node, "must be true or false, is \(node.spoken)", "Write true.")
                case "no", "off", "0": reading.fail(node, "must be true or false, is \(node.spoken)", "Write false.")
                default: reading.fail(node, "must be true or false, is \(node.spoken)")
                }
                return nil
            })
    }
}

extension OptionCodec where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> OptionCodec {
        OptionCodec(
            noun: "integer, \(range.lowerBound) to \(range.upperBound)",
            schema: [
                "type": "integer", "minimum": .int(Int64(range.lowerBound)), "maximum": .int(Int64(range.upperBound)),
            ],
            show: { "\($0)" },
            read: { node, reading in
                guard case .scalar(let scalar) = node.content, let number = YAMLScalar.integer(scalar.text)
                else {
                    reading.fail(node, "must be an integer, is \(node.spoken)")
                    return nil
                }
                guard range.contains(number) else {
                    reading.fail(
                        node, "must be between \(range.lowerBound) and \(range.upperBound), is \(node.spoken)")
                    return nil
                }
                return number
            })
    }

    /// Bytes, written `32MB`.
    static func size(_ range: ClosedRange<Int>) -> OptionCodec {
        let bounds = "\(Measure.text(bytes: range.lowerBound)) to \(Measure.text(bytes: range.upperBound))"
        return OptionCodec(
            noun: "size, \(bounds)",
            schema: [
                "anyOf": [
                    ["type": "integer", "minimum": .int(Int64(range.lowerBound))],
                    ["type": "string", "pattern": "^[0-9]+([KMG]i?)?B?$"],
                ]
            ],
            show: { Measure.text(bytes: $0) },
            read: { node, reading in
                guard case .scalar(let scalar) = node.content, let bytes = Measure.bytes(scalar.text) else {
                    reading.fail(
                        node, "must be a size, is \(node.spoken)", "Write a number with B, KB, MB or GB: 32MB.")
                    return nil
                }
                guard range.contains(bytes) else {
                    reading.fail(node, "must be a size of \(bounds), is \(node.spoken)")
                    return nil
                }
                return bytes
            })
    }
}

extension OptionCodec where Value == Duration {
    /// Written `30s`, `500ms`, `1h30m`.
    static func duration(_ range: ClosedRange<Duration>) -> OptionCodec {
        let bounds = "\(Measure.text(range.lowerBound)) to \(Measure.text(range.upperBound))"
        return OptionCodec(
            noun: "duration, \(bounds)",
            schema: ["type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$"],
            show: { Measure.text($0) },
            read: { node, reading in
                guard case .scalar(let scalar) = node.content, let duration = Measure.duration(scalar.text)
                else {
                    var advice = "Write a number with ms, s, m, h or d: 30s."
                    if case .scalar(let scalar) = node.content, !scalar.fromReference,
                        let number = YAMLScalar.integer(scalar.text), number >= 0
                    {
                        advice = "A duration needs its unit: \(number)s, or \(number)ms."
                    }
                    reading.fail(node, "must be a duration, is \(node.spoken)", advice)
                    return nil
                }
                guard range.contains(duration) else {
                    reading.fail(node, "must be a duration of \(bounds), is \(node.spoken)")
                    return nil
                }
                return duration
            })
    }
}

extension OptionCodec where Value: RawRepresentable<String> & CaseIterable {
    /// One of the words of an enumeration.
    static var choice: OptionCodec {
        let words = Value.allCases.map(\.rawValue)
        return OptionCodec(
            noun: words.joined(separator: ", "),
            schema: ["enum": .array(words.map { .string($0) })],
            show: { $0.rawValue },
            read: { node, reading in
                if case .scalar(let scalar) = node.content, let value = Value(rawValue: scalar.text) {
                    return value
                }
                var question: String?
                if case .scalar(let scalar) = node.content {
                    question = SpellingSuggestion.question(for: scalar.text, in: words)
                }
                let list = words.joined(separator: ", ")
                reading.fail(
                    node,
                    words.count == 1
                        ? "can only be \(list), is \(node.spoken)" : "must be one of \(list), is \(node.spoken)",
                    question)
                return nil
            })
    }
}
