// The proxy through which a target is reached: scheme://[user[:password]@]host[:port].
//
// Names are always resolved by the proxy: socks5 means the same as socks5h here, so that what the
// proxy is to hide never shows in a local name query. User and password are percent-decoded. No
// sentence of this file holds any of them.
//
// Kind: value; pure.

struct ProxyAddress: Sendable, Equatable {
    enum Scheme: String, Sendable {
        case socks5h, http, https
    }

    var scheme: Scheme
    var authority: HostPort
    var user: String?
    var password: Secret?

    /// For people: without credentials.
    var description: String { "\(scheme.rawValue)://\(authority)" }

    init(_ url: Bytes) throws(UpstreamFault) {
        let rest: Bytes
        let defaultPort: UInt16
        if let after = url.afterScheme("socks5h") ?? url.afterScheme("socks5") {
            (scheme, rest, defaultPort) = (.socks5h, after, 1080)
        } else if let after = url.afterScheme("http") {
            (scheme, rest, defaultPort) = (.http, after, 8080)
        } else if let after = url.afterScheme("https") {
            (scheme, rest, defaultPort) = (.https, after, 443)
        } else {
            throw ProxyAddress.fault("it does not begin with socks5h://, socks5://, http:// or https://")
        }
        guard url.count <= 2048 else { throw ProxyAddress.fault("it is longer than 2048 bytes") }
        for byte in rest.buffer where byte <= 0x20 || byte >= 0x7f {
            throw ProxyAddress.fault("it has a blank, a control or a non-ASCII character")
        }
        var place = rest
        if let slash = rest.buffer.firstIndex(of: UInt8(ascii: "/")) {
            guard slash == rest.count - 1 else {
                throw ProxyAddress.fault("it has a path; a slash inside a password is written %2F")
            }
            place = rest.slice(0, slash)
        }
        // The last @: one inside a password may have been left as it is.
        if let at = place.buffer.lastIndex(of: UInt8(ascii: "@")) {
            let credentials = place.slice(0, at)
            place = place.slice(at + 1, place.count)
            let colon = credentials.buffer.firstIndex(of: UInt8(ascii: ":"))
            user = try ProxyAddress.decoded(credentials.slice(0, colon ?? credentials.count), "user name")
            if let colon {
                password = Secret(
                    try ProxyAddress.decoded(credentials.slice(colon + 1, credentials.count), "password"))
            }
        }
        switch HostPort.parse(place, defaultPort: defaultPort) {
        case .success(let authority): self.authority = authority
        case .failure(let reason): throw ProxyAddress.fault(reason.text)
        }
    }

    /// Percent-decoding. SOCKS5 carries at most 255 bytes of each (RFC 1929).
    private static func decoded(_ text: Bytes, _ part: String) throws(UpstreamFault) -> String {
        var bytes: [UInt8] = []
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "%") {
                guard index + 2 < text.count, let high = hexDigit(text[index + 1]),
                    let low = hexDigit(text[index + 2])
                else { throw fault("the \(part) has a % without two hexadecimal digits after it; write %25 for a %") }
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(text[index])
                index += 1
            }
        }
        guard bytes.count <= 255 else { throw fault("the \(part) is longer than 255 bytes") }
        guard !bytes.contains(0) else { throw fault("the \(part) contains a zero byte") }
        guard let string = String(validating: bytes, as: UTF8.self) else { throw fault("the \(part) is not UTF-8") }
        return string
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    private static func fault(_ reason: String) -> UpstreamFault {
        UpstreamFault(.badURL, "the proxy must be scheme://[user:password@]host[:port], but \(reason)")
    }
}
