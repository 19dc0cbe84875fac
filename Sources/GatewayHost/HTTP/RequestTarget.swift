// The target of a request line, taken apart.
//
// Origin form (`/path?query`) is what clients send, absolute form (`http://host/path`) what clients of
// a forward proxy send, and `*` belongs to OPTIONS alone (RFC 9112 section 3.2). Nothing is decoded or
// normalised: what goes upstream is what came.
//
// Kind: value. All ranges are offsets into the head.

struct RequestTarget: Equatable, Sendable {
    /// The whole target as it was sent.
    var whole = 0..<0
    /// Absolute form only: host and port, which then count instead of the Host header.
    var authority: Range<Int>?
    /// Without the query. Empty when an absolute target has none, which means `/`; `*` for OPTIONS.
    var path = 0..<0
    /// What follows the first question mark; nil when there is none.
    var query: Range<Int>?

    init() {}

    /// Reads `range` of `head`; nil when it is no target of a request that we serve.
    init?(_ head: Bytes, _ range: Range<Int>, method: HTTPMethod) {
        whole = range
        guard let first = range.first else { return nil }
        var at = first
        if head[at] == 0x2a {
            guard range.count == 1, method == .options else { return nil }
            path = range
            return
        }
        if head[at] != 0x2f {
            guard let afterScheme = Self.skipScheme(head.slice(first, range.upperBound)) else { return nil }
            at = first + afterScheme
            let start = at
            while at < range.upperBound, HTTPCharacters.isHost(head[at]) { at &+= 1 }
            guard at > start else { return nil }
            authority = start..<at
            guard at == range.upperBound || head[at] == 0x2f || head[at] == 0x3f else { return nil }
        }
        let pathStart = at
        at = ByteSearch.outsidePath(in: head.base.unsafelyUnwrapped, from: at, to: range.upperBound)
        while at < range.upperBound, HTTPCharacters.isPath(head[at]) { at &+= 1 }
        path = pathStart..<at
        guard at < range.upperBound else { return }
        guard head[at] == 0x3f else { return nil }
        at &+= 1
        query = at..<range.upperBound
        while at < range.upperBound {
            guard HTTPCharacters.isQuery(head[at]) else { return nil }
            at &+= 1
        }
    }

    private static func skipScheme(_ target: Bytes) -> Int? {
        for scheme: StaticString in ["http://", "https://"] {
            let count = scheme.utf8CodeUnitCount
            if target.count >= count, target.slice(0, count).equalsIgnoringCase(Bytes(scheme)) { return count }
        }
        return nil
    }
}
