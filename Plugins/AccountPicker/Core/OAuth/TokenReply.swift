// What the answer of a token endpoint means for the refresh token that was sent: used, refused, not used, or nobody
// knows.
//
//     200 with an access token            granted
//     400, 401 invalid_grant              refused
//     429, 500, 503, other 4xx, 3xx       not used: whoever answers so has not granted anything
//     502, 504                            unclear: somebody in between does not know what came of it
//     200 that cannot be read             unclear: it was granted, and what it was is lost
//     no answer, nothing left             not used
//     no answer, something left           unclear
//
// Texts for people hold nothing that was sent or received but an error's name and its sentence, and that only if no
// secret stands in it.
//
// Kind: pure value. Source: RFC 6749 sections 5.1, 5.2.

import PluginKit

enum TokenReply: Equatable {
    case granted(Tokens)
    case refused(String)
    /// - wait: seconds that it asks for.
    case notUsed(String, wait: Int?)
    case unclear(String)

    /// An answer.
    /// - Parameter secrets: what no text may repeat.
    init(status: Int, body: Bytes, retryAfter: Bytes, hiding secrets: [String]) {
        let document = (try? JSON(parsing: body)) ?? .null
        if (200..<300).contains(status) {
            guard let tokens = Self.tokens(document) else {
                self = .unclear("the token endpoint answered with status \(status) and no access token that can be read")
                return
            }
            self = .granted(tokens)
            return
        }
        let error = Self.error(document, hiding: secrets)
        let words = "the token endpoint answered with status \(status)\(error.map { " (\($0.sentence))" } ?? "")"
        switch status {
        case 502, 504: self = .unclear(words)
        case 400, 401, 403:
            self = error?.name == "invalid_grant" ? .refused(words) : .notUsed(words, wait: nil)
        default: self = .notUsed(words, wait: retryAfter.decimal)
        }
    }

    /// No answer.
    init(_ error: gw_error, mayHaveRun: Bool) {
        let words =
            switch error {
            case GW_E_TIMEOUT: "the token endpoint did not answer in time"
            case GW_E_LIMIT: "the answer of the token endpoint is too large"
            case GW_E_ARGUMENT: "the token endpoint's URL or the account's proxy is malformed"
            case GW_E_CANCELLED: "the gateway was stopped before the token endpoint had answered"
            default: mayHaveRun ? "the connection to the token endpoint broke" : "the token endpoint could not be reached"
            }
        self = mayHaveRun ? .unclear(words) : .notUsed(words, wait: nil)
    }

    // MARK: Private

    private static let tokenLimit = 16_384

    private static func tokens(_ document: JSON) -> Tokens? {
        guard case .text(let access) = document["access_token"], isToken(access) else { return nil }
        var tokens = Tokens(access: access)
        if case .text(let refresh) = document["refresh_token"], !refresh.isEmpty {
            guard isToken(refresh) else { return nil }
            tokens.refresh = refresh
        }
        switch document["expires_in"] {
        case .integer(let seconds): tokens.lifetime = Int(clamping: seconds)
        case .real(let seconds): tokens.lifetime = Int(exactly: seconds.rounded(.down))
        case .text(let digits): tokens.lifetime = Int(digits)
        default: break
        }
        return tokens
    }

    /// What can stand in a header: visible ASCII.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= tokenLimit && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
    }

    private static func error(_ document: JSON, hiding secrets: [String]) -> (name: String, sentence: String)? {
        // Some endpoints answer in the shape of their API: {"error": {"type": …, "message": …}}.
        var name = ""
        var description = ""
        switch document["error"] {
        case .text(let text):
            name = text
            if case .text(let text) = document["error_description"] { description = text }
        case .map:
            if case .text(let text) = document["error"]["type"] { name = text }
            if case .text(let text) = document["error"]["message"] { description = text }
        default: return nil
        }
        guard !name.isEmpty, name.utf8.count <= 64, isPlain(name), !isSecret(name, secrets) else { return nil }
        description = String(description.prefix(200))
        let isShown = !description.isEmpty && isPlain(description) && !isSecret(description, secrets)
        return (name, isShown ? "\(name): \(description)" : name)
    }

    private static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f } }

    /// A part of a secret is one, too.
    private static func isSecret(_ text: String, _ secrets: [String]) -> Bool {
        secrets.contains { secret in
            let part = Array(secret.utf8.prefix(12))
            guard part.count >= 4 else { return false }
            let bytes = Array(text.utf8)
            guard bytes.count >= part.count else { return false }
            return (0...(bytes.count - part.count)).contains { bytes[$0..<$0 + part.count].elementsEqual(part) }
        }
    }
}
