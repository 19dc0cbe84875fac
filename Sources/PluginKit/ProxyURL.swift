// The URL of a proxy: read from the configuration's members, or checked and made safe.
//
// `socks5` becomes `socks5h`: the proxy resolves names, always. With plain socks5 the gateway's own
// resolver would learn which hosts an account talks to, outside of the proxy that was asked for, and
// would answer with addresses as seen from here. Everything that is not exactly a proxy is refused,
// because the alternative to a proxy is never a direct connection.
//
// Kind: pure. Source: RFC 3986 sections 2.1 and 3.2, RFC 1928, curl(1) --proxy.

public struct ProxyURL: Sendable {
    /// scheme://[user[:password]@]host:port, percent-encoded; holds a secret.
    public let text: String
    /// Without user and password, for logs.
    public let redacted: String

    private static let schemes: [(given: StaticString, used: StaticString)] = [
        ("socks5h", "socks5h"), ("socks5", "socks5h"), ("http", "http"), ("https", "https"),
    ]

    /// From `{type, host, port, username, password}`.
    public init(_ settings: Settings) throws(PluginError) {
        let type = try settings["type"].text()
        guard let scheme = type.withBytes({ Self.scheme($0) }) else {
            throw settings["type"].invalid("one of socks5, socks5h, http and https is needed here")
        }
        let host = try settings["host"].text()
        let port = try settings["port"].integer(in: 1...65535)
        var userinfo = ""
        if let user = settings["username"].ifPresent {
            userinfo = Self.encoded(try user.text())
            if let password = settings["password"].ifPresent {
                userinfo += ":" + Self.encoded(try password.text())
            }
            userinfo += "@"
        }
        let isIPv6 = host.contains(":") && !host.hasPrefix("[")
        let url = "\(scheme)://\(userinfo)\(isIPv6 ? "[\(host)]" : host):\(port)"
        guard let checked = url.withBytes({ ProxyURL($0) }) else {
            throw settings["host"].invalid("a host name or an address is needed here")
        }
        self = checked
    }

    /// Nil unless `url` is a complete proxy URL of a scheme we speak.
    public init?(_ url: Bytes) {
        // One piece after the other: scheme "://" [userinfo "@"] host ":" port.
        let bytes = url.buffer
        guard bytes.count <= 2048, let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            url.slice(colon, url.count).hasPrefix("://"),
            let scheme = Self.scheme(url.slice(0, colon))
        else { return nil }
        var rest = url.slice(colon + 3, url.count)
        var userinfo = Bytes(base: nil, count: 0)
        if let at = rest.buffer.lastIndex(of: UInt8(ascii: "@")) {
            userinfo = rest.slice(0, at + 1)
            rest = rest.slice(at + 1, rest.count)
        }
        guard let portColon = rest.buffer.lastIndex(of: UInt8(ascii: ":")),
            let port = rest.slice(portColon + 1, rest.count).decimal, (1...65535).contains(port)
        else { return nil }
        let host = rest.slice(0, portColon)
        guard Self.isHost(host), Self.isUserinfo(userinfo) else { return nil }
        text = "\(scheme)://\(userinfo.string)\(host.string):\(port)"
        redacted = "\(scheme)://\(host.string):\(port)"
    }

    /// Several, with a blank between, as gw.egress has them. Nil if one of them is not a proxy, or there is none.
    public static func list(_ text: Bytes) -> [ProxyURL]? {
        var proxies: [ProxyURL] = []
        var start = 0
        for end in 0...text.count where end == text.count || text[end] == 0x20 {
            guard let proxy = ProxyURL(text.slice(start, end)) else { return nil }
            proxies.append(proxy)
            start = end + 1
        }
        return proxies
    }

    /// The same in its parts; an IPv6 address has its brackets.
    public var parts: (type: String, host: String, port: Int) {
        let address = redacted[redacted.index(redacted.firstIndex(of: ":") ?? redacted.endIndex, offsetBy: 3)...]
        let colon = address.lastIndex(of: ":") ?? address.endIndex
        return (
            String(redacted.prefix { $0 != ":" }), String(address[..<colon]),
            Int(address[address.index(after: colon)...]) ?? 0
        )
    }

    private static func scheme(_ bytes: Bytes) -> StaticString? {
        schemes.first { bytes.equalsIgnoringCase(Bytes(stringLiteral: $0.given)) }?.used
    }

    /// A registered name, an IPv4 address, or an IPv6 address in brackets; no more is looked at.
    private static func isHost(_ host: Bytes) -> Bool {
        guard host.count > 0, host.count <= 255 else { return false }
        if host[0] == UInt8(ascii: "[") {
            guard host.count > 4, host[host.count - 1] == UInt8(ascii: "]") else { return false }
            return host.slice(1, host.count - 1).buffer.allSatisfy {
                isHexadecimal($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
            }
        }
        return host.buffer.allSatisfy {
            isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
                || $0 == UInt8(ascii: "_")
        }
    }

    /// Empty, or text that ends in its "@" with everything outside of RFC 3986's set encoded.
    private static func isUserinfo(_ userinfo: Bytes) -> Bool {
        guard userinfo.count > 0 else { return true }
        let content = userinfo.slice(0, userinfo.count - 1)
        guard content.count > 0 else { return false }
        var index = 0
        while index < content.count {
            if content[index] == UInt8(ascii: "%") {
                guard index + 2 < content.count, isHexadecimal(content[index + 1]),
                    isHexadecimal(content[index + 2])
                else { return false }
                index += 3
            } else {
                guard isUnreserved(content[index]) || isSubDelimiterOrColon(content[index]) else {
                    return false
                }
                index += 1
            }
        }
        return true
    }

    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            if isUnreserved(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += byte < 16 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || Array("-._~".utf8).contains(byte)
    }

    private static func isSubDelimiterOrColon(_ byte: UInt8) -> Bool {
        Array("!$&'()*+,;=:".utf8).contains(byte)
    }

    /// What the configuration of a proxy looks like; for the schemas of plugins.
    public static let schema = schema(with: nil)

    /// The same with one more member, as a schema writes it: its name in quotes, a colon, its schema.
    public static func schema(with member: String?) -> String {
        """
        {
                  "type": "object",
                  "additionalProperties": false,
                  "required": ["type", "host", "port"],
                  "properties": {\(member.map { "\n                    \($0)," } ?? "")
                    "type": { "enum": ["socks5", "socks5h", "http", "https"] },
                    "host": { "type": "string", "minLength": 1, "maxLength": 255 },
                    "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
                    "username": { "type": "string", "minLength": 1 },
                    "password": { "type": "string" }
                  }
                }
        """
    }
}
