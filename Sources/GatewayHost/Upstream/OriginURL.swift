// Where an upstream is: scheme://host[:port][/prefix].
//
// The prefix goes before the target of every request; a query, a fragment or credentials in the URL
// are refused, because they would silently not be what their writer meant.
//
// Kind: value; pure. Parsed once per target, never per request.

struct OriginURL: Equatable, Sendable {
    var isTLS: Bool
    var authority: HostPort
    /// "" or "/prefix" without a slash at the end.
    var prefix: String

    init(_ url: Bytes) throws(UpstreamFault) {
        let rest: Bytes
        if let after = url.afterScheme("https") {
            isTLS = true
            rest = after
        } else if let after = url.afterScheme("http") {
            isTLS = false
            rest = after
        } else {
            throw OriginURL.fault("it does not begin with http:// or https://")
        }
        guard url.count <= 2048 else { throw OriginURL.fault("it is longer than 2048 bytes") }
        let slash = rest.buffer.firstIndex(of: UInt8(ascii: "/")) ?? rest.count
        for byte in rest.buffer {
            switch byte {
            case 0...0x20, 0x7f...: throw OriginURL.fault("it has a blank, a control or a non-ASCII character")
            case UInt8(ascii: "?"): throw OriginURL.fault("a query (?) has no place in it")
            case UInt8(ascii: "#"): throw OriginURL.fault("a fragment (#) has no place in it")
            default: break
            }
        }
        let place = rest.slice(0, slash)
        guard !place.buffer.contains(UInt8(ascii: "@")) else {
            throw OriginURL.fault("credentials (user@) have no place in it")
        }
        switch HostPort.parse(place, defaultPort: isTLS ? 443 : 80) {
        case .success(let authority): self.authority = authority
        case .failure(let reason): throw OriginURL.fault(reason.text)
        }
        var end = rest.count
        while end > slash, rest[end - 1] == UInt8(ascii: "/") { end -= 1 }
        prefix = rest.slice(slash, end).string
    }

    /// The value of the Host field: the port only when it is not the scheme's own (RFC 9110 section 7.2).
    var hostField: String {
        authority.port == (isTLS ? 443 : 80) ? authority.bracketedHost : authority.description
    }

    private static func fault(_ reason: String) -> UpstreamFault {
        // The URL itself is left out: it came from a plugin and may hold what must not be logged.
        UpstreamFault(.badURL, "the upstream's URL must be http(s)://host[:port][/prefix], but \(reason)")
    }
}

extension Bytes {
    /// What follows "scheme://", if the bytes begin with it in any case.
    func afterScheme(_ scheme: StaticString) -> Bytes? {
        let length = scheme.utf8CodeUnitCount
        guard count >= length + 3, slice(0, length).equalsIgnoringCase(Bytes(scheme)),
            slice(length, length + 3).equals(Bytes("://"))
        else { return nil }
        return slice(length + 3, count)
    }
}
