// One change of a record as the store is asked to make it, with everything that must happen together.
//
// Kind: values.

struct RecordChange: Sendable {
    /// What must be there for the change to be made.
    enum Expectation: Sendable, Equatable {
        case anything
        /// There must be none.
        case absent
        /// There must be one, whichever.
        case present
        case revision(Int64)
    }

    var collection: String
    var id: String
    /// JSON, secrets sealed; nil deletes the record.
    var document: [UInt8]?
    var expected = Expectation.anything
    /// What people know it by; searched by `RecordQuery.search`.
    var label = ""
    /// Values that no other record of the collection may have.
    var unique: [UniqueValue] = []
    /// Records it names: each must exist, and cannot be deleted while it is named.
    var references: [RecordReference] = []
    /// Written in the same transaction.
    var audit: AuditEntry?
}

struct UniqueValue: Sendable, Hashable {
    /// A JSON pointer: "/name".
    var field: String
    var value: String
}

struct RecordReference: Sendable, Hashable {
    /// Where in the document it stands, as a JSON pointer.
    var field: String
    var collection: String
    var id: String
}

extension RecordChange {
    /// A record is a thing that a person manages; an account with all its headers has some kilobytes.
    static let documentLimit = 1 << 20
    /// Of ids, collections, labels, pointers and unique values, in bytes.
    static let textLimit = 1024
    /// Unique values and references of one record.
    static let listLimit = 1024
    /// All documents of one task: a fraction of what may wait (`StorageQueue.byteLimit`).
    static let taskBytesLimit = 16 << 20
    /// Changes of one task.
    static let countLimit = 1000

    /// Which limit of the store the change is beyond.
    var limitFault: StorageFault? {
        if let document, document.count > Self.documentLimit {
            return .limit("the document has \(document.count) bytes; a record may have \(Self.documentLimit)")
        }
        if unique.count + references.count > Self.listLimit {
            return .limit("the record names more than \(Self.listLimit) others")
        }
        var texts = [collection, id, label]
        for value in unique { texts += [value.field, value.value] }
        for reference in references { texts += [reference.field, reference.collection, reference.id] }
        if texts.contains(where: { $0.utf8.count > Self.textLimit }) {
            return .limit("an id, label, unique value or reference is longer than \(Self.textLimit) bytes")
        }
        return nil
    }
}
