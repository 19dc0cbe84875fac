// A record as the store keeps it, and what may be asked for.
//
// The store knows nothing of schemas: a document is bytes of JSON whose secret fields are sealed already.
//
// Kind: values.

struct StoredRecord: Sendable, Equatable {
    var collection: String
    /// Sorts by time of creation within its collection.
    var id: String
    /// From one sequence for the whole store: larger is later, whatever was changed.
    var revision: Int64
    /// JSON, secrets sealed; empty when the record is gone.
    var document: [UInt8]
    /// Milliseconds since 1970.
    var created: Int64
    var updated: Int64
    var isGone = false
}

/// One page of a collection, in the order of ids.
struct RecordQuery: Sendable, Equatable {
    static let pageLimit = 1000

    var collection: String
    /// The page begins behind this id; nil: at the beginning.
    var after: String?
    /// 1...pageLimit; large records make a page end sooner, with `hasMore`.
    var limit = 100
    /// Newest first.
    var isDescending = false
    /// Only records whose label contains this, without regard to ASCII case; nil: all.
    var search: String?
}

struct RecordPage: Sendable, Equatable {
    var records: [StoredRecord]
    /// There are more behind the last one.
    var hasMore: Bool
}

/// Records for a watch: what there is, then what changes, in the order of revisions.
struct RecordBatch: Sendable, Equatable {
    var records: [StoredRecord]
    /// Everything that there was when the watch began has been told, this batch included.
    var isComplete: Bool
}
