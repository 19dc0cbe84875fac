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
