// Holds a document against its schema and says what is wrong by JSON pointer, never showing a secret.
//
// Kind: pure.

enum DocumentCheck {
    /// - Parameter secrets: where the value must not be repeated.
    static func check(
        _ document: JSONObject, _ schema: ConfigSchema, _ secrets: [FieldPattern]
    ) -> (JSONObject, [ResourceVerdict.Fault]) {
        let (filled, violations) = SchemaCheck.check(.object(document), schema)
        return (filled.object ?? document, violations.map { fault($0, in: document, secrets) })
    }

    private static func fault(
        _ violation: SchemaViolation, in document: JSONObject, _ secrets: [FieldPattern]
    ) -> ResourceVerdict.Fault {
        var pointer = ""
        for step in violation.steps {
            switch step {
            case .key(let name): pointer = JSONPointer.appending(name, to: pointer)
            case .index(let index): pointer = JSONPointer.appending(index, to: pointer)
            }
        }
        var sentence = violation.sentence
        if let missing = violation.missing {
            pointer = JSONPointer.appending(missing, to: pointer)
            sentence = "is missing"
        } else if violation.namesValue, !secrets.contains(where: { mayTouch($0, violation.steps) }),
            let value = JSONValue.object(document).value(at: pointer)
        {
            sentence += ", is \(spoken(value))"
        }
        if let suggestion = violation.suggestion { sentence += ". \(suggestion)" }
        return .init(pointer: pointer, sentence: sentence)
    }

    /// The secret stands here, above or below.
    private static func mayTouch(_ pattern: FieldPattern, _ steps: [ConfigPath.Step]) -> Bool {
        zip(pattern, steps).allSatisfy { part, step in
            switch (part, step) {
            case (nil, .index): true
            case (let name?, .key(let key)): name == key
            default: false
            }
        }
    }

    private static func spoken(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): "\"\(ConfigFault.printable(text, limit: 60))\""
        case .array, .object: value.kindName
        default: String(decoding: value.compact, as: UTF8.self)
        }
    }
}
