// The authority part of a URL: host and port, strictly read.
//
// Kind: value; pure.

struct HostPort: Equatable, Sendable {
    /// Lower case for names; an IPv6 address without its brackets.
    var host: String
    var port: UInt16
    var isIPv6Literal = false

    /// host[:port] or [address][:port]; the reason it is not one otherwise.
    static func parse(_ text: Bytes, defaultPort: UInt16) -> Result<HostPort, Reason> {
        var name = text
        var port = defaultPort
        var isIPv6Literal = false
        if text.count > 0, text[0] == UInt8(ascii: "[") {
            guard let close = text.buffer.firstIndex(of: UInt8(ascii: "]")) else {
                return .failure("the address in brackets has no end")
            }
            name = text.slice(1, close)
            isIPv6Literal = true
            guard name.count >= 2, name.count <= 45, name.buffer.allSatisfy(isIPv6Byte) else {
                return .failure("the text in brackets is not an IPv6 address")
            }
            let rest = text.slice(close + 1, text.count)
            if rest.count > 0 {
                guard rest[0] == UInt8(ascii: ":") else {
                    return .failure("after the address in brackets only a port may follow")
                }
                guard let number = portNumber(rest.slice(1, rest.count)) else { return .failure(badPort) }
                port = number
            }
        } else if let colon = text.buffer.firstIndex(of: UInt8(ascii: ":")) {
            name = text.slice(0, colon)
            guard let number = portNumber(text.slice(colon + 1, text.count)) else { return .failure(badPort) }
            port = number
        }
        guard name.count > 0 else { return .failure("the host is missing") }
        guard name.count <= 253 else { return .failure("the host name is longer than 253 bytes") }
        guard isIPv6Literal || name.buffer.allSatisfy(isNameByte) else {
            return .failure("the host has a character that no host name has")
        }
        return .success(
            HostPort(host: name.string.lowercased(), port: port, isIPv6Literal: isIPv6Literal))
    }

    /// A sentence part; an error only so that Result can carry it.
    struct Reason: Error, ExpressibleByStringLiteral, Equatable {
        let text: String
        init(stringLiteral text: String) { self.text = text }
    }

    /// As in a URL: brackets around an IPv6 address.
    var bracketedHost: String { isIPv6Literal ? "[\(host)]" : host }
    var description: String { "\(bracketedHost):\(port)" }

    private static let badPort: Reason = "the port is not a number from 1 to 65535"

    private static func portNumber(_ text: Bytes) -> UInt16? {
        guard text.count <= 5, let number = text.decimal, number > 0 else { return nil }
        return UInt16(exactly: number)
    }

    // RFC 1123 names, and the underscore that container networks use. Punycode is ASCII already.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isIPv6Byte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66, UInt8(ascii: ":"), UInt8(ascii: "."): true
        default: false
        }
    }
}

extension HostPort: CustomStringConvertible {}
