// An authorization that a person was sent to, and what they bring back: PKCE, `state`, the link, and the code or the
// whole address that the browser ended at.
//
//     made ── stored in the account's record, sealed ── taken once, within `lifetime` ── gone
//
// The link may be made by one process and the code exchanged by another. A new link makes the old one void. What is
// brought back with a `state` must have ours; a code alone has none, and is worth nothing without the verifier, which
// never leaves the record.
//
// Kind: pure value; randomness comes from the caller. Source: RFC 6749 section 4.1, RFC 7636 section 4 (S256), RFC 9700.

import PluginKit

struct PendingAuthorization: Equatable {
    static let lifetime = 600

    let state: String
    let verifier: String
    /// Seconds since 1970.
    let until: Int

    /// - Parameter random: 64 bytes.
    init(random: [UInt8], at now: Int) {
        precondition(random.count == 64, "two secrets of 32 bytes")
        state = Base64URL.text(random[..<32])
        verifier = Base64URL.text(random[32...])
        until = now + Self.lifetime
    }

    /// From its record.
    init?(_ text: String) {
        guard let document = text.withBytes({ try? JSON(parsing: $0) }), case .text(let state) = document["state"],
            case .text(let verifier) = document["verifier"], case .integer(let until) = document["until"]
        else { return nil }
        self.state = state
        self.verifier = verifier
        self.until = Int(until)
    }

    var text: String {
        JSON.object([("state", .text(state)), ("verifier", .text(verifier)), ("until", .integer(Int64(until)))]).serialized
    }

    /// Where the person goes.
    func link(_ provider: OAuthProvider) -> String {
        var fields = [
            ("response_type", "code"), ("client_id", provider.clientID), ("redirect_uri", provider.redirectURI),
            ("code_challenge", challenge), ("code_challenge_method", "S256"), ("state", state),
        ]
        if !provider.scopes.isEmpty { fields.append(("scope", provider.scopes.joined(separator: " "))) }
        let url = provider.authorizeURL
        return url + (url.contains("?") ? "&" : "?") + FormText.encode(fields)
    }

    var challenge: String {
        let digest = verifier.withBytes { SHA256.digest(of: $0) }
        var bytes: [UInt8] = []
        for index in 0..<8 {
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: digest.words[index] >> UInt32(shift))) }
        }
        return Base64URL.text(bytes[...])
    }

    enum Brought: Equatable {
        case code(String)
        /// In words, without what was brought.
        case nothing(String)
    }

    /// What a person brings back: a code, `code#state`, or the address with both in its query.
    func code(in text: String) -> Brought {
        let text = String(text.drop { $0 == " " || $0 == "\n" }.reversed().drop { $0 == " " || $0 == "\n" || $0 == "\r" }.reversed())
        var code = text
        var state: String?
        if text.contains("://") {
            let query = text.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
            var fields = FormText.decode(String(query.split(separator: "#", maxSplits: 1).first ?? ""))
            if fields["code"] == nil, fields["error"] == nil, let fragment = text.split(separator: "#", maxSplits: 1).dropFirst().first {
                fields = FormText.decode(String(fragment))
            }
            if let error = fields["error"] {
                let isPlain = error.utf8.count <= 64 && error.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }
                return .nothing("the provider did not grant it\(isPlain ? " (\(error))" : "")")
            }
            guard let found = fields["code"] else { return .nothing("the address has no code in it; copy all of it") }
            guard let given = fields["state"] else { return .nothing("the address has a code and no state; it is not the one of our link") }
            (code, state) = (found, given)
        } else if let mark = text.firstIndex(of: "#") {
            code = String(text[..<mark])
            state = String(text[text.index(after: mark)...])
        }
        guard TokenReply.isToken(code) else { return .nothing("this is no code: one has visible ASCII characters only, and no blanks") }
        if let state, !Self.equal(state, self.state) {
            return .nothing("the state is not the one of the last link for this account; open that link, or make a new one")
        }
        return .code(code)
    }

    /// Takes a time that says nothing about where they differ.
    private static func equal(_ a: String, _ b: String) -> Bool {
        let (a, b) = (a.withBytes { SHA256.digest(of: $0) }, b.withBytes { SHA256.digest(of: $0) })
        return a.equals(b)
    }
}

/// RFC 4648 section 5, without padding.
enum Base64URL {
    static func text(_ bytes: ArraySlice<UInt8>) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var text: [UInt8] = []
        var value: UInt32 = 0
        var bits: UInt32 = 0
        for byte in bytes {
            value = value << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(digits[Int(value >> bits & 63)])
            }
        }
        if bits > 0 { text.append(digits[Int(value << (6 - bits) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Names and values as forms and queries write them (WHATWG URL, application/x-www-form-urlencoded).
enum FormText {
    static func encode(_ fields: [(String, String)]) -> String {
        fields.map { escape($0.0) + "=" + escape($0.1) }.joined(separator: "&")
    }

    private static func escape(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: escaped.append(byte)
            default: escaped += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    /// Of names that come twice the first counts.
    static func decode(_ query: String) -> [String: String] {
        var fields: [String: String] = [:]
        for field in query.split(separator: "&").prefix(64) {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = unescape(parts[0])
            if fields[name] == nil { fields[name] = parts.count > 1 ? unescape(parts[1]) : "" }
        }
        return fields
    }

    private static func unescape(_ text: Substring) -> String {
        var plain: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0x25, index + 2 < bytes.count, let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2]) {
                plain.append(high << 4 | low)
                index += 3
                continue
            }
            plain.append(bytes[index] == 0x2b ? 0x20 : bytes[index])
            index += 1
        }
        return String(decoding: plain, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
