// What a request brings to prove who sends it, read from its headers and not yet believed.
//
// Kind: value. Pure.

enum AdminCredential: Equatable {
    case none
    /// There is something, and it has not the form of anything that we hand out.
    case malformed
    case token(String)
    case session(SessionCookie)

    /// An Authorization header counts alone: who sends a bad token is not let in by a cookie.
    /// - Parameters:
    ///   - authorization: every value of that header.
    ///   - cookies: every value of the Cookie header.
    static func read(authorization: [String], cookies: [String]) -> AdminCredential {
        if let first = authorization.first {
            guard authorization.count == 1 else { return .malformed }
            let scheme = "bearer "
            guard first.utf8.count == scheme.utf8.count + AdminToken.textBytes,
                first.prefix(scheme.count).lowercased() == scheme
            else { return .malformed }
            let text = String(first.dropFirst(scheme.count))
            return AdminToken.isOne(text) ? .token(text) : .malformed
        }
        var found: SessionCookie?
        for header in cookies {
            for pair in header.split(separator: ";") {
                let pair = pair.drop { $0 == " " || $0 == "\t" }
                guard pair.hasPrefix("\(SessionCookie.name)=") else { continue }
                // Two cookies of this name mean that somebody planted one of them.
                guard found == nil, let cookie = SessionCookie(pair.dropFirst(SessionCookie.name.count + 1)) else {
                    return .malformed
                }
                found = cookie
            }
        }
        return found.map { .session($0) } ?? .none
    }
}

/// The value of the session's cookie: which record it is, and the secret that proves it.
struct SessionCookie: Equatable {
    static let name = "gw_session"
    static let idPrefix = "ses"
    static let secretBytes = 32

    var id: String
    /// 64 hexadecimal digits.
    var secret: String

    init(id: String, secret: String) {
        self.id = id
        self.secret = secret
    }

    init?(_ text: Substring) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == SessionCookie.idPrefix.utf8.count + 1 + 26,
            parts[0].hasPrefix("\(SessionCookie.idPrefix)_"),
            parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x5f }),
            parts[1].utf8.count == SessionCookie.secretBytes * 2, parts[1].utf8.allSatisfy(Hexadecimal.isLowerDigit)
        else { return nil }
        id = String(parts[0])
        secret = String(parts[1])
    }

    /// - Parameter maximumAge: seconds; 0 makes the browser forget it.
    func header(maximumAge: Int, isSecure: Bool) -> String {
        "\(SessionCookie.name)=\(id).\(secret); Path=/admin; Max-Age=\(maximumAge); HttpOnly; SameSite=Strict"
            + (isSecure ? "; Secure" : "")
    }

    static func removal(isSecure: Bool) -> String {
        "\(SessionCookie.name)=; Path=/admin; Max-Age=0; HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
    }
}

/// An admin token as its holder knows it: `gwa_` and 64 hexadecimal digits.
enum AdminToken {
    static let prefix = "gwa_"
    static let textBytes = 68

    static func make() -> String { prefix + RandomBytes.hexadecimal(32) }

    static func isOne(_ text: String) -> Bool {
        text.utf8.count == textBytes && text.hasPrefix(prefix)
            && text.utf8.dropFirst(prefix.utf8.count).allSatisfy(Hexadecimal.isLowerDigit)
    }

    /// The first seven and the last four characters, by which people know it again.
    static func hint(_ text: String) -> String { "\(text.prefix(7))...\(text.suffix(4))" }
}

extension Hexadecimal {
    static func isLowerDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
}
