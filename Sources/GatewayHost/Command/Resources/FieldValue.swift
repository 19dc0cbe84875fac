// What a field takes on the command line, and the JSON that a text means for it.
//
// The schema has the last word on the other side; here only what could not be sent at all is refused.
//
// Kind: value. Pure.

extension ResourceField {
    private var given: [ConfigSchema.Kind] { kinds.filter { $0 != .null } }

    var isSwitch: Bool { given == [.boolean] }
    var isList: Bool { given == [.array] }

    /// What help shows for the value.
    var placeholder: String {
        if isSecret { return "SECRET" }
        if reference != nil { return isList ? "IDS" : "ID" }
        if isList { return "LIST" }
        if !choices.isEmpty { return "WORD" }
        switch format {
        case "date-time": return "WHEN"
        case "uri": return "URL"
        default: break
        }
        if given == [.integer] || given == [.number] { return "N" }
        return given.contains(.object) ? "JSON" : "TEXT"
    }

    var offer: Verb.Offer {
        if !choices.isEmpty { return .words(choices) }
        return reference.map { .records($0) } ?? .nothing
    }

    /// - Throws: a text that no value of this field can be written as.
    func value(_ text: String, flag: String, now: UInt64) throws(UsageFault) -> JSONValue {
        let kinds = given
        if kinds.contains(.integer) || kinds.contains(.number) {
            if let number = Int64(text) { return .int(number) }
            if kinds.contains(.number), let number = Double(text), number.isFinite { return .double(number) }
        }
        if kinds.contains(.boolean), text == "true" || text == "false" { return .bool(text == "true") }
        if kinds.contains(.object) || kinds.contains(.array) || kinds.isEmpty, let value = try? JSONParser.parse(text) {
            return value
        }
        if kinds.contains(.string) || kinds.isEmpty {
            guard format == "date-time" else { return .string(text) }
            guard let moment = Moment.parse(text, now: now, ahead: true) else {
                throw UsageFault(
                    sentence: "\(flag) \(ConfigFault.printable(text, limit: 60)) is no time",
                    suggestion: "Write 30d for thirty days from now, or 2025-11-23T18:00:00Z.")
            }
            // What somebody wrote out stays as it was written.
            return .string(Measure.duration(text) == nil && text.contains(":") ? text : Moment.text(moment))
        }
        let wanted = kinds.map(\.spoken).joined(separator: " or ")
        throw UsageFault(
            sentence: "\(flag) \(isSecret ? "" : ConfigFault.printable(text, limit: 60) + " ")is not \(wanted)",
            suggestion: kinds.contains(.object) || kinds.contains(.array) ? "Write it as JSON." : "Write \(flag) \(placeholder).")
    }

    /// The elements that a text says: separated by commas, or a list in JSON when it begins with a bracket.
    func elements(_ text: String, flag: String) throws(UsageFault) -> [JSONValue] {
        if text.hasPrefix("[") {
            guard let list = (try? JSONParser.parse(text))?.array else {
                throw UsageFault(sentence: "\(flag) is no list in JSON", suggestion: "Write a,b or [\"a\",\"b\"].")
            }
            return list
        }
        if elements == [.object] {
            guard let value = try? JSONParser.parse(text), value.object != nil else {
                throw UsageFault(sentence: "\(flag) takes objects in JSON", suggestion: "Write one with each flag, or a list: [{…},{…}].")
            }
            return [value]
        }
        var values: [JSONValue] = []
        for part in text.split(separator: ",") {
            let word = part.drop { $0 == " " }
            if elements.contains(.string) || elements.isEmpty {
                values.append(.string(String(word)))
            } else if let value = try? JSONParser.parse(String(word)) {
                values.append(value)
            } else {
                throw UsageFault(
                    sentence:
                        "\(flag) \(ConfigFault.printable(String(word), limit: 60)) is not \(elements.map(\.spoken).joined(separator: " or "))",
                    suggestion: "Separate values by commas.")
            }
        }
        return values
    }
}

extension JSONObject {
    /// Sets what a pointer's tokens name, making the objects above it.
    mutating func set(_ value: JSONValue, at tokens: ArraySlice<String>) {
        guard let name = tokens.first else { return }
        guard tokens.count > 1 else {
            self[name] = value
            return
        }
        var inner = self[name]?.object ?? [:]
        inner.set(value, at: tokens.dropFirst())
        self[name] = .object(inner)
    }
}
