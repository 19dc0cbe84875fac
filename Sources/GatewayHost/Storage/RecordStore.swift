// What keeps records: the narrow door behind which SQLite stands, and other stores can.
//
// Every function is called on the storage thread and may block. A store knows nothing of schemas,
// secrets or watchers; it keeps documents, their revisions, and what must hold between them.
//
// Invariants every store keeps: 1. revisions come from one sequence and never twice. 2. A change is whole
// or not there. 3. What `apply` returned as done survives a crash of the machine.
//
// Kind: confined to the storage thread.

protocol RecordStore: AnyObject {
    func get(_ collection: String, _ id: String) throws(StorageFault) -> StoredRecord?
    /// The record that has this unique value.
    func find(_ collection: String, _ value: UniqueValue) throws(StorageFault) -> StoredRecord?
    func list(_ query: RecordQuery) throws(StorageFault) -> RecordPage

    /// Makes each element's changes all or nothing, and all that succeed durable together. One result for
    /// each element, in order.
    func apply(_ tasks: [StorageTask]) -> [Result<[StoredRecord], StorageFault>]

    /// The largest revision given so far.
    func revision() throws(StorageFault) -> Int64
    /// Up to `limit` records of the collection with a revision above `revision`, in their order. Records that
    /// are gone only above `goneAfter`.
    func changes(_ collection: String, after revision: Int64, goneAfter: Int64, limit: Int) throws(StorageFault) -> RecordPage
    /// Whether somebody else has changed the store since the last call.
    func hasForeignChanges() throws(StorageFault) -> Bool

    func audit(_ query: AuditQuery) throws(StorageFault) -> [AuditEntry]
    /// Forgets records that are gone since before `time`, and the oldest audit entries beyond so many.
    func purge(goneBefore time: Int64, auditBeyond limit: Int) throws(StorageFault)

    /// Small named values beside the records: what the vault keeps.
    func meta(_ name: String) throws(StorageFault) -> [UInt8]?
    func metaNames(_ prefix: String) throws(StorageFault) -> [String]
    /// nil removes. All or nothing, durable.
    /// - Parameter expecting: nothing is done unless this name has this value (nil: is absent).
    /// - Returns: whether it was done.
    func setMeta(_ values: [(name: String, value: [UInt8]?)], expecting: (name: String, value: [UInt8]?)?) throws(StorageFault)
        -> Bool

    /// Shows up to `limit` records of any collection behind a place of an earlier call (0: the beginning), and stores
    /// the document that `body` makes of one, in one transaction. Such a change has a revision and no audit entry.
    func rewrite(after place: Int64, limit: Int, _ body: (StoredRecord) -> [UInt8]?) throws(StorageFault) -> RewriteStep

    /// Where it is, for people.
    var path: String { get }

    /// Becomes readable when somebody else has changed the store; nil: one must ask.
    var newsDescriptor: Int32? { get }
    /// Whether revisions that were seen do not exist any more, since the last call: a store that was put back to an
    /// earlier state. Watches must begin again then.
    func hasGoneBack() -> Bool
}

extension RecordStore {
    var newsDescriptor: Int32? { nil }
    func hasGoneBack() -> Bool { false }
}

/// What is asked of a store in one piece.
struct StorageTask: Sendable {
    var changes: [RecordChange] = []
    /// Entries of the audit trail beside those of the changes.
    var audit: [AuditEntry] = []
}

struct RewriteStep: Sendable, Equatable {
    /// The place of the last record that was shown; nil: there was none.
    var last: Int64?
    /// Records that were stored anew.
    var changed = 0
}
