// What a declaration says about one document: whether it is valid, what is secret in it, what it names, what changed.
//
// Sealing and opening go through closures, because this room knows no keys.
//
// Kind: pure.

extension ResourceDeclaration {
    /// Ids of records that the configuration fixes begin with this; the store has none of them.
    static let fixedPrefix = "config:"

    /// The document with defaults filled in, and what is wrong with it, field by field.
    func check(_ document: JSONObject) -> (JSONObject, [ResourceVerdict.Fault]) {
        DocumentCheck.check(document, schema, secrets)
    }

    /// Fields that only the owner sets and that `change`, a document or a merge patch of one, names.
    func readOnlyFaults(in change: JSONObject) -> [ResourceVerdict.Fault] {
        fields.filter { $0.isReadOnly && JSONValue.object(change).value(at: $0.pointer) != nil }
            .map { .init(pointer: $0.pointer, sentence: "is set by the gateway only; leave it out") }
    }

    // MARK: Secrets

    /// Every secret text of `document` replaced; nil leaves it out.
    /// - Parameter change: gets the place, `/tokens/0/secret`, and the text.
    func replacingSecrets<E: Error>(
        in document: JSONObject, _ change: (_ pointer: String, _ text: String) throws(E) -> String?
    ) throws(E) -> JSONObject {
        var value = JSONValue.object(document)
        for pattern in secrets {
            value = try ResourceDeclaration.replace(value, pattern[...], "", change) ?? value
        }
        return value.object ?? document
    }

    /// As people may see it.
    func withoutSecrets(_ document: JSONObject) -> JSONObject {
        replacingSecrets(in: document) { _, _ in nil }
    }

    private static func replace<E: Error>(
        _ value: JSONValue, _ pattern: ArraySlice<String?>, _ pointer: String,
        _ change: (String, String) throws(E) -> String?
    ) throws(E) -> JSONValue? {
        guard let step = pattern.first else {
            guard let text = value.string else { return value }
            return try change(pointer, text).map { .string($0) }
        }
        if let name = step {
            guard var object = value.object, let member = object[name] else { return value }
            object[name] = try replace(member, pattern.dropFirst(), JSONPointer.appending(name, to: pointer), change)
            return .object(object)
        }
        guard let elements = value.array else { return value }
        var replaced: [JSONValue] = []
        for (index, element) in elements.enumerated() {
            let place = JSONPointer.appending(index, to: pointer)
            if let element = try replace(element, pattern.dropFirst(), place, change) { replaced.append(element) }
        }
        return .array(replaced)
    }

    // MARK: What the store is told beside the document

    func label(of document: JSONObject) -> String {
        JSONValue.object(document).value(at: label)?.string ?? ""
    }

    func uniqueValues(of document: JSONObject) -> [UniqueValue] {
        unique.compactMap { pointer in
            JSONValue.object(document).value(at: pointer)?.string.map { UniqueValue(field: pointer, value: $0) }
        }
    }

    /// Ids that the document names, also `config:` ones, which the store must not be asked for.
    func references(of document: JSONObject) -> [RecordReference] {
        references.flatMap { pattern, collection in
            ResourceDeclaration.texts(.object(document), pattern[...], "").map {
                RecordReference(field: $0.pointer, collection: collection, id: $0.text)
            }
        }
    }

    private static func texts(
        _ value: JSONValue, _ pattern: ArraySlice<String?>, _ pointer: String
    ) -> [(pointer: String, text: String)] {
        guard let step = pattern.first else { return value.string.map { [(pointer, $0)] } ?? [] }
        if let name = step {
            guard let member = value[name] else { return [] }
            return texts(member, pattern.dropFirst(), JSONPointer.appending(name, to: pointer))
        }
        return (value.array ?? []).enumerated().flatMap { index, element in
            texts(element, pattern.dropFirst(), JSONPointer.appending(index, to: pointer))
        }
    }

    /// Everything that the store needs for a record of this resource.
    /// - Parameter sealed: the document with its secrets sealed; nil deletes.
    func change(
        id: String, sealed: JSONObject?, expected: RecordChange.Expectation, audit: AuditEntry? = nil
    ) -> RecordChange {
        var change = RecordChange(collection: name, id: id, document: sealed.map { JSONValue.object($0).compact })
        change.expected = expected
        change.audit = audit
        guard let sealed else { return change }
        change.label = label(of: sealed)
        change.unique = uniqueValues(of: sealed)
        change.references = references(of: sealed).filter { !$0.id.hasPrefix(ResourceDeclaration.fixedPrefix) }
        return change
    }

    /// Pointers of the fields that differ, in the order of the schema; for the audit trail.
    func changedFields(_ before: JSONObject?, _ after: JSONObject?) -> [String] {
        let before = JSONValue.object(before ?? JSONObject())
        let after = JSONValue.object(after ?? JSONObject())
        return fields.map(\.pointer).filter { before.value(at: $0) != after.value(at: $0) }
    }
}

extension ResourceActionDeclaration {
    /// The input with defaults filled in, and what is wrong with it.
    func check(_ input: JSONObject) -> (JSONObject, [ResourceVerdict.Fault]) {
        DocumentCheck.check(input, self.input, secrets)
    }
}
