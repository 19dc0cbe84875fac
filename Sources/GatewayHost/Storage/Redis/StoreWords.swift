// How tasks, records and refusals are written for the scripts of the store, and read from their answers.
//
// Kind: pure.

extension StorageTask {
    /// For `StoreScript.apply`.
    func arguments(now: Int64, revision: Int64) -> [StoreArgument] {
        var words: [StoreArgument] = [
            .text(RecordIdentifier.make(prefix: "task")), .int(now), .int(revision), .count(changes.count),
        ]
        for change in changes {
            let (kind, expected): (String, Int64) =
                switch change.expected {
                case .anything: ("anything", 0)
                case .absent: ("absent", 0)
                case .present: ("present", 0)
                case .revision(let revision): ("revision", revision)
                }
            words += [
                .text(change.collection), .text(change.id), .flag(change.document != nil), .blob(change.document ?? []),
                .text(kind), .int(expected), .text(change.label), .count(change.unique.count),
            ]
            for unique in change.unique { words += [.text(unique.field), .text(unique.value)] }
            words.append(.count(change.references.count))
            for reference in change.references { words += [.text(reference.field), .text(reference.collection), .text(reference.id)] }
            words.append(.flag(change.audit != nil))
            if let audit = change.audit { words += audit.arguments }
        }
        words.append(.count(audit.count))
        for entry in audit { words += entry.arguments }
        return words
    }
}

extension AuditEntry {
    /// All but its number.
    var arguments: [StoreArgument] {
        [.int(time)] + [actor, source, action, resource, record].map { .text(AuditFields.clipped($0)) }
            + [.text(AuditFields.text(fields))] + [outcome, requestID].map { .text(AuditFields.clipped($0)) }
    }

    /// From what `StoreScript.audit` answers.
    init?(_ value: RedisValue) {
        guard let words = value.array?.map({ $0.string ?? "" }), words.count == 10, let number = Int64(words[0]),
            let time = Int64(words[1])
        else { return nil }
        self.init(
            number: number, time: time, actor: words[2], source: words[3], action: words[4], resource: words[5], record: words[6],
            fields: AuditFields.list(words[7]), outcome: words[8], requestID: words[9])
    }
}

extension StoredRecord {
    /// From what scripts tell of one; nil for none.
    init?(_ collection: String, _ value: RedisValue) {
        guard let words = value.array, words.count == 6, let id = words[0].string, let revision = words[1].number,
            let document = words[2].bytes, let created = words[3].number, let updated = words[4].number
        else { return nil }
        self.init(
            collection: collection, id: id, revision: revision, document: document, created: created, updated: updated,
            isGone: words[5].string == "1")
    }
}

/// All that a store knows of a record.
struct StoreRow: Sendable, Equatable {
    /// Where it is met by a pass over the whole store.
    var place: Int64
    var record: StoredRecord
    var label: String
    var unique: [UniqueValue]
    var references: [RecordReference]
}

extension StoreRow {
    /// From what `StoreScript.rows` answers.
    init?(_ value: RedisValue) {
        guard let words = value.array, words.count == 11, let collection = words[0].string, let place = words[7].number,
            let record = StoredRecord(collection, .array([words[1]] + words[2...6])),
            let label = words[8].string, let unique = words[9].array?.map({ $0.string ?? "" }),
            let named = words[10].array?.map({ $0.string ?? "" })
        else { return nil }
        self.init(
            place: place, record: record, label: label,
            unique: stride(from: 0, to: unique.count - 1, by: 2).map { UniqueValue(field: unique[$0], value: unique[$0 + 1]) },
            references: stride(from: 0, to: named.count - 2, by: 3).map {
                RecordReference(field: named[$0], collection: named[$0 + 1], id: named[$0 + 2])
            })
    }
}

extension StorageFault {
    /// From `{1, kind, …}` of `StoreScript.apply`.
    init?(_ words: [RedisValue]) {
        let texts = words.map { $0.string ?? "" }
        switch (texts.dropFirst().first ?? "", texts.count) {
        case ("absent", 2): self = .absent
        case ("conflict", 3): self = .conflict(current: Int64(texts[2]))
        case ("duplicate", 5): self = .duplicate(UniqueValue(field: texts[2], value: texts[3]), id: texts[4])
        case ("unknown", 5):
            self = .unknownReference(RecordReference(field: texts[2], collection: texts[3], id: texts[4]))
        case ("referenced", 5): self = .referenced(byCollection: texts[2], id: texts[3], count: Int(texts[4]) ?? 1)
        default: return nil
        }
    }
}
