// The keyed hashes under which the store keeps what proves an identity, and the CSRF token of a session.
//
// The keys come from the vault (`derive`), so that the store alone does not let anybody try tokens, and a
// session is the same after a restart and in every process of the store.
//
// Kind: value.

struct AdminKeys: Sendable {
    private let tokens: [UInt8]
    private let sessions: [UInt8]
    private let csrf: [UInt8]

    init(derive: (String) -> [UInt8]) {
        tokens = derive("admin-tokens")
        sessions = derive("admin-sessions")
        csrf = derive("admin-csrf")
    }

    /// 64 hexadecimal digits, as the three of them.
    func hash(ofToken token: String) -> String { AdminKeys.hash(tokens, token) }
    func hash(of cookie: SessionCookie) -> String { AdminKeys.hash(sessions, "\(cookie.id).\(cookie.secret)") }

    /// What pages of the session send along with what they change. Nobody else's page can learn it.
    func csrfToken(of cookie: SessionCookie) -> String { AdminKeys.hash(csrf, "\(cookie.id).\(cookie.secret)") }

    private static func hash(_ key: [UInt8], _ text: String) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: HMAC.byteCount) { code in
            key.withUnsafeBytes { key in
                Array(text.utf8).withUnsafeBytes { HMAC.sha256(key: Bytes(key), Bytes($0), into: code.baseAddress.unsafelyUnwrapped) }
            }
            return Hexadecimal.text(Bytes(UnsafeRawBufferPointer(code)))
        }
    }

    /// In the same time wherever the first difference is.
    static func isEqual(_ a: String, _ b: String) -> Bool { Secret(a) == Secret(b) }
}
