// A login, as the store keeps it: whose, since when, until when, and the keyed hash of the cookie's secret.
//
// Kind: value.

struct AdminSession: Sendable, Equatable {
    static let collection = "sessions"

    /// Id of the user's record.
    var user: String
    var hash: String
    /// Milliseconds since 1970, both.
    var began: Int64
    var expires: Int64

    init(user: String, hash: String, began: Int64, expires: Int64) {
        self.user = user
        self.hash = hash
        self.began = began
        self.expires = expires
    }

    init?(_ document: JSONObject) {
        guard let user = document["user"]?.string, let hash = document["hash"]?.string, let began = document["began"]?.int,
            let expires = document["expires"]?.int
        else { return nil }
        self.init(user: user, hash: hash, began: began, expires: expires)
    }

    var document: [UInt8] {
        JSONValue.object(["user": .string(user), "hash": .string(hash), "began": .int(began), "expires": .int(expires)]).compact
    }
}
