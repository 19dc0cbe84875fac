// Who did what: a row of the audit trail. Never holds a value, only the names of fields.
//
// Kind: values.

struct AuditEntry: Sendable, Equatable {
    /// Given by the store; 0 before.
    var number: Int64 = 0
    /// Milliseconds since 1970.
    var time: Int64
    /// `user:admin`, `token:ci`, `cli:root`, `plugin:accounts`.
    var actor: String
    /// The client's address; `local` for the command line; empty for a plugin.
    var source: String
    /// `create`, `update`, `delete`, an action's name, `login`, `login-refused`, `logout`, …
    var action: String
    /// The resource, and the record's id; empty where there is none.
    var resource = ""
    var record = ""
    /// JSON pointers of the fields that changed.
    var fields: [String] = []
    /// `done`, or why not: `refused`, `conflict`, `failed`.
    var outcome = "done"
    var requestID = ""
}

/// A page of the trail, newest first.
struct AuditQuery: Sendable, Equatable {
    /// Entries with a smaller number; nil: from the newest.
    var before: Int64?
    var limit = 100
    var actor: String?
    var resource: String?
    var record: String?
    /// Milliseconds since 1970.
    var since: Int64?
}
