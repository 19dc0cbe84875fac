// How a body is compressed, as far as we can read a copy of it.
//
// Kind: value.

enum ContentCoding: UInt8, Sendable, Equatable {
    case identity, gzip, deflate
    /// Something else, or several codings: passes through unread.
    case unreadable

    /// What a request may ask the upstream for, so that its answers can be read.
    static let acceptable: StaticString = "gzip, deflate"

    /// From the value of a Content-Encoding header; absent means identity.
    init(_ value: Bytes) {
        if value.isEmpty || value.equalsIgnoringCase(Bytes("identity")) {
            self = .identity
        } else if value.equalsIgnoringCase(Bytes("gzip")) || value.equalsIgnoringCase(Bytes("x-gzip")) {
            self = .gzip
        } else if value.equalsIgnoringCase(Bytes("deflate")) {
            self = .deflate
        } else {
            self = .unreadable
        }
    }
}
