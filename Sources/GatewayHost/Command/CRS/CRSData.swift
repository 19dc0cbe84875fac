// What of a claude-relay-service's Redis is looked at, as it stands there.
//
// Kind: value; read by CRSSource.

struct CRSData: Sendable, Equatable {
    /// A hash of Redis, with the id that its name ends in.
    struct Entry: Sendable, Equatable {
        var id: String
        var fields: [String: String]

        subscript(name: String) -> String { fields[name] ?? "" }
    }

    var keys: [Entry] = []
    /// Accounts with an API key.
    var consoleAccounts: [Entry] = []
    /// `usage:<key id>`
    var usage: [String: Entry] = [:]
    /// `usage:cost:total:<key id>`, dollars as text.
    var costs: [String: String] = [:]
    /// Accounts of kinds that are not taken over, by kind: their names.
    var otherAccounts: [String: [String]] = [:]
}
