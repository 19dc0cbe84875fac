// Where OAuth accounts come from, as the operator states it: endpoints, client id, scopes. There are no defaults for any
// of these, and without a provider in the configuration there are no OAuth accounts.
//
// Headers are for what an API wants of such requests, a beta by name. What tells one client from another is refused: the
// gateway does not pass itself off as somebody else's client.
//
// Kind: constant. Source: RFC 6749, RFC 7636; RFC 8252 section 7.3 for plain HTTP on loopback.

import PluginKit

final class OAuthProvider: Sendable {
    enum BodyKind: String, Sendable { case form, json }

    let name: String
    let authorizeURL: String
    let tokenURL: String
    let clientID: String
    let clientSecret: String?
    let scopes: [String]
    let redirectURI: String
    /// Sent upstream with requests of its accounts, beside what the client sent.
    let headers: [(name: [UInt8], value: [UInt8])]
    let bodyKind: BodyKind
    /// For one request to the token endpoint, everything together.
    let timeoutSeconds: Int

    static let headerLimit = 4
    /// How long a claim outlives the request that it was made for: to store what came of it.
    static let claimSlackSeconds = 10

    init(_ settings: Settings) throws(PluginError) {
        name = try settings["name"].text()
        authorizeURL = try Self.endpoint(settings["authorize_url"])
        tokenURL = try Self.endpoint(settings["token_url"])
        clientID = try Self.word(settings["client_id"])
        clientSecret = try settings["client_secret"].ifPresent.map { place throws(PluginError) in try Self.word(place) }
        scopes = try settings["scopes"].list().map { place throws(PluginError) in try Self.word(place) }
        redirectURI = try Self.word(settings["redirect_uri"])
        bodyKind = BodyKind(rawValue: try settings["token_body"].ifPresent?.text() ?? "form") ?? .form
        timeoutSeconds = try settings["timeout_seconds"].ifPresent?.integer(in: 1...120) ?? 20
        var headers: [(name: [UInt8], value: [UInt8])] = []
        for (name, value) in try settings["headers"].map() {
            guard Self.isAllowed(name) else {
                throw value.invalid("this header is the gateway's own or tells one client from another; it cannot be set here")
            }
            let text = try value.text()
            guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }), text.utf8.first != 0x20, text.utf8.last != 0x20 else {
                throw value.invalid("a header's value is of visible ASCII characters")
            }
            headers.append((Array(name.utf8), Array(text.utf8)))
        }
        guard headers.count <= Self.headerLimit else {
            throw settings["headers"].invalid("at most \(Self.headerLimit) headers can be stated")
        }
        self.headers = headers
    }

    /// https://, or http:// on loopback, where nobody listens in between.
    private static func endpoint(_ place: Settings) throws(PluginError) -> String {
        let url = try word(place)
        let isPlain = ["http://127.0.0.1", "http://[::1]", "http://localhost"].contains { host in
            url.hasPrefix(host) && [":", "/"].contains(url.dropFirst(host.count).first ?? "/")
        }
        guard url.hasPrefix("https://") && url.utf8.count > 8 || isPlain, !url.contains("#"), !url.contains("@") else {
            throw place.invalid("an https:// URL is needed here, without user and fragment (http:// on loopback only)")
        }
        return url
    }

    private static func word(_ place: Settings) throws(PluginError) -> String {
        let text = try place.text()
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw place.invalid("a text of visible ASCII characters is needed here; is the variable it comes from set?")
        }
        return text
    }

    private static func isAllowed(_ name: String) -> Bool {
        let name = name.lowercased()
        let isWord =
            !name.isEmpty && name.utf8.allSatisfy { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2d }
        let refused = [
            "authorization", "x-api-key", "cookie", "proxy-authorization", "host", "content-length", "content-type", "connection",
            "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "expect", "accept-encoding", "user-agent", "origin", "referer",
            "x-app", "forwarded", "via",
        ]
        return isWord && !refused.contains(name)
            && !["x-stainless-", "x-claude-code-", "x-forwarded-", "sec-"].contains { name.hasPrefix($0) }
    }

    static let schema = """
        {
          "description": "Providers of OAuth accounts; none: there are no such accounts. Whose terms allow it is the operator's to know.",
          "type": "array",
          "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["name", "authorize_url", "token_url", "client_id", "redirect_uri"],
            "properties": {
              "name": {
                "description": "What accounts name it by.", "type": "string", "minLength": 1, "maxLength": 64
              },
              "authorize_url": {
                "description": "Where a person gives consent; what it needs beyond the standard stands in its query.",
                "type": "string", "maxLength": 2048
              },
              "token_url": {
                "description": "Where a code and a refresh token become an access token.", "type": "string", "maxLength": 2048
              },
              "client_id": { "type": "string", "maxLength": 512 },
              "client_secret": {
                "description": "For clients that have one, best as a reference.", "type": "string", "maxLength": 4096
              },
              "scopes": { "type": "array", "maxItems": 32, "items": { "type": "string", "minLength": 1, "maxLength": 256 } },
              "redirect_uri": {
                "description": "As it is registered for the client id; the page there shows the code, or the browser's address line does.",
                "type": "string", "maxLength": 2048
              },
              "token_body": {
                "description": "How the token endpoint wants to be asked.", "enum": ["form", "json"], "default": "form"
              },
              "headers": {
                "description": "Sent upstream with requests of its accounts, such as the beta that the API wants; a list goes on with what the client sent.",
                "type": "object", "additionalProperties": { "type": "string", "maxLength": 1024 }
              },
              "timeout_seconds": {
                "description": "For one request to the token endpoint.", "type": "integer", "minimum": 1, "maximum": 120, "default": 20
              }
            }
          }
        }
        """
}
