// Who asks, once the gate has found out.
//
// Kind: value.

struct AdminIdentity: Sendable, Equatable {
    enum Proof: Sendable, Equatable {
        /// The number of its record.
        case session(id: String, csrfToken: String, expires: Int64)
        case token
        /// The socket that this process made for itself.
        case local
    }

    /// As the audit trail names it: `user:admin`, `token:ci`, `cli:root`.
    var actor: String
    var role: AdminRole
    /// The client's address; `local` for the own process.
    var source: String
    var proof: Proof
}
