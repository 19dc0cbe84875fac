// A grant in the record of its account: the member `oauth`, and the schema of it.
//
// What a person may write: provider, tokens, when the access token expires. The rest is the plugin's: how it stands,
// who refreshes it, the authorization that is under way. Tokens and that one are sealed.
//
// Kind: pure.

import PluginKit

enum GrantDocument {
    /// - Throws: at a value that nobody of ours can have written.
    static func grant(_ account: Settings) throws(PluginError) -> Grant {
        let place = account["oauth"]
        var grant = Grant()
        if let word = place["state"].ifPresent {
            guard let state = Grant.State(rawValue: try word.text()) else { throw word.invalid("not a state of a credential") }
            grant.state = state
        }
        grant.accessToken = try place["access_token"].ifPresent?.text()
        grant.refreshToken = try place["refresh_token"].ifPresent?.text()
        grant.expires = try time(place["expires"])
        grant.lifetime = try place["lifetime"].ifPresent?.integer()
        grant.failures = try place["failures"].ifPresent?.integer(in: 0...1000) ?? 0
        grant.retryAt = try time(place["retry_at"])
        grant.detail = try place["detail"].ifPresent?.text()
        if let owner = try place["claim"]["owner"].ifPresent?.text(), let since = try time(place["claim"]["since"]),
            let until = try time(place["claim"]["until"])
        {
            grant.claim = Grant.Claim(owner: owner, since: since, until: until)
        }
        return grant
    }

    /// The account's document with this grant in it; the authorization under way stays.
    static func setting(_ grant: Grant, in account: JSON) -> JSON {
        let old = account["oauth"]
        var members: [(String, JSON?)] = [
            ("provider", old["provider"].isNull ? nil : old["provider"]), ("state", .text(grant.state.rawValue)),
            ("access_token", grant.accessToken.map { .text($0) }), ("refresh_token", grant.refreshToken.map { .text($0) }),
            ("expires", grant.expires.map(text)), ("lifetime", grant.lifetime.map { .integer(Int64($0)) }),
            ("detail", grant.detail.map { .text(String($0.prefix(1000))) }),
        ]
        if let claim = grant.claim {
            members.append(
                ("claim", .object([("owner", .text(claim.owner)), ("since", text(claim.since)), ("until", text(claim.until))])))
        }
        if grant.failures > 0 { members.append(("failures", .integer(Int64(grant.failures)))) }
        members.append(("retry_at", grant.retryAt.map(text)))
        members.append(("authorization", old["authorization"].isNull ? nil : old["authorization"]))
        return account.setting("oauth", .object(members))
    }

    /// The account's document with another authorization under way, or with none.
    static func setting(_ pending: PendingAuthorization?, in account: JSON) -> JSON {
        account.setting("oauth", account["oauth"].setting("authorization", pending.map { .text($0.text) }))
    }

    static func pending(_ account: JSON) -> PendingAuthorization? {
        guard case .text(let text) = account["oauth"]["authorization"] else { return nil }
        return PendingAuthorization(text)
    }

    private static func text(_ seconds: Int) -> JSON { .text(Timestamp(seconds: seconds).text) }

    static func time(_ place: Settings) throws(PluginError) -> Int? {
        guard let text = try place.ifPresent?.text() else { return nil }
        guard let time = text.withBytes({ Timestamp(rfc3339: $0) }) else {
            throw place.invalid("a time like 2026-03-01T12:00:00Z is needed here")
        }
        return time.seconds
    }

    static let schema = """
        {
          "type": "object", "additionalProperties": false,
          "properties": {
            "provider": { "title": "Provider", "description": "Of accounts of the type oauth: its name in the configuration; none: the only one.",
              "type": "string", "minLength": 1, "maxLength": 64, "x-flag": "provider" },
            "state": { "title": "Credential", "description": "How the credential stands.",
              "type": "string", "enum": ["unauthorized", "valid", "refreshing", "needs_operator"], "readOnly": true },
            "expires": { "title": "Valid until", "description": "When the access token expires; none: it is not known.",
              "type": "string", "format": "date-time", "maxLength": 64, "x-flag": "expires" },
            "detail": { "title": "Why", "description": "Why the credential stands so.", "type": "string", "maxLength": 1000, "readOnly": true },
            "access_token": { "title": "Access token", "description": "One that you have already; otherwise authorize the account.",
              "type": "string", "minLength": 1, "maxLength": 16384, "writeOnly": true, "x-flag": "access-token" },
            "refresh_token": { "title": "Refresh token", "description": "The same; from then on it is the gateway's alone to use.",
              "type": "string", "minLength": 1, "maxLength": 16384, "writeOnly": true, "x-flag": "refresh-token" },
            "lifetime": { "title": "Lifetime", "x-unit": "seconds", "description": "Of the access token, as the provider said.",
              "type": "integer", "minimum": 0, "readOnly": true },
            "claim": {
              "type": "object", "additionalProperties": false,
              "properties": {
                "owner": { "title": "Refreshed by", "description": "The process that refreshes it now.", "type": "string", "readOnly": true },
                "since": { "title": "Refreshed since", "type": "string", "format": "date-time", "readOnly": true },
                "until": { "title": "Refreshed until", "description": "If nothing is heard by then, the refresh is lost.",
                  "type": "string", "format": "date-time", "readOnly": true }
              }
            },
            "failures": { "title": "Failures", "description": "Refreshes in a row that came to nothing.",
              "type": "integer", "minimum": 0, "readOnly": true },
            "retry_at": { "title": "Next try", "type": "string", "format": "date-time", "readOnly": true },
            "authorization": { "title": "Authorization", "description": "The one that is under way; the gateway's own.",
              "type": "string", "maxLength": 1024, "writeOnly": true }
          }
        }
        """
}
