// Whose a resource is: the part of the chain, or of the host, that decides about its records.
//
// Kind: loop-confined protocol; the values that cross it are plain.

/// A change that somebody wants, as its owner judges it. Documents have their secrets open.
struct ResourceChange {
    enum Kind: Sendable { case create, update, delete }

    var kind: Kind
    var resource: String
    var id: String
    /// nil when it is created.
    var before: JSONObject?
    /// Valid against the schema, defaults filled in; nil when it is deleted.
    var after: JSONObject?
    var actor: String
}

/// What the owner says to it.
struct ResourceVerdict: Equatable {
    struct Fault: Sendable, Equatable {
        /// "/expires"; empty: the document as a whole.
        var pointer: String
        var sentence: String
    }
    /// Not empty: nothing is stored.
    var faults: [Fault] = []
    /// The owner could not judge it: it failed, or is in quarantine. Nothing is stored; says why, for people.
    var failure: String?
    /// To be stored instead of `after`.
    var document: JSONObject?
    /// Shown once to whoever made the change.
    var reveal: JSONObject?
}

protocol ResourceOwner: AnyObject {
    /// What it declares; the same for the life of the object.
    var declarations: [ResourceDeclaration] { get }
    /// - Thread: the loop's. Does not block.
    func check(_ change: ResourceChange) -> ResourceVerdict
    /// Records that the configuration fixes, without secrets, each with its "id".
    func fixedRecords(of resource: String) -> [JSONObject]
}
