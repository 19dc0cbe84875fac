// What may be stored of an account's credential when a person creates or changes it.
//
// Kind: pure.

import PluginKit

enum GrantCheck {
    /// - Returns: the document to store.
    /// - Throws: what is wrong, with its place.
    static func document(_ change: ResourceChange, _ providers: [OAuthProvider]) throws(PluginError) -> JSON {
        let after = change.after
        let type = try after["type"].ifPresent?.text() ?? "api-key"
        if change.kind == .update, let before = try change.before["type"].ifPresent?.text(), before != type {
            throw after["type"].invalid("an account keeps its type; make another account")
        }
        guard type == "oauth" else {
            guard after["oauth"].isAbsent else { throw after["oauth"].invalid("this belongs to accounts of the type oauth") }
            guard !after["api_key"].isAbsent else { throw after["api_key"].invalid("an account of the type api-key needs its key") }
            return after.value
        }
        guard !providers.isEmpty else {
            throw after["type"].invalid(
                "OAuth accounts are switched off: the configuration of AccountPicker names no provider under `oauth`")
        }
        guard after["api_key"].isAbsent else { throw after["api_key"].invalid("this belongs to accounts of the type api-key") }
        return try oauth(change, providers)
    }

    private static func oauth(_ change: ResourceChange, _ providers: [OAuthProvider]) throws(PluginError) -> JSON {
        let (before, after) = (change.before["oauth"], change.after["oauth"])
        guard before["authorization"].value == after["authorization"].value else {
            throw after["authorization"].invalid("only the action authorize sets it")
        }
        var document = change.after.value
        let provider = try provider(after["provider"], providers)
        if change.kind == .update, let old = try before["provider"].ifPresent?.text(), old != provider.name {
            throw after["provider"].invalid("an account keeps its provider; make another account")
        }
        document = document.setting("oauth", (after.isAbsent ? .map([]) : after.value).setting("provider", .text(provider.name)))
        let isWritten = ["access_token", "refresh_token", "expires"].contains { before[$0].value != after[$0].value }
        guard isWritten || change.kind == .create else { return document }
        var grant = Grant()
        grant.accessToken = try token(after["access_token"])
        grant.refreshToken = try token(after["refresh_token"])
        grant.expires = grant.accessToken == nil ? nil : try GrantDocument.time(after["expires"])
        if grant.accessToken != nil || grant.refreshToken != nil { grant.state = .valid }
        return GrantDocument.setting(grant, in: document)
    }

    static func provider(_ place: Settings, _ providers: [OAuthProvider]) throws(PluginError) -> OAuthProvider {
        guard let name = try place.ifPresent?.text() else {
            guard let only = providers.first, providers.count == 1 else {
                throw place.invalid("the name of a provider is needed: \(providers.map(\.name).joined(separator: ", "))")
            }
            return only
        }
        guard let provider = providers.first(where: { $0.name == name }) else {
            throw place.invalid(
                "the configuration has no provider of this name; there is \(providers.isEmpty ? "none" : providers.map(\.name).joined(separator: ", "))"
            )
        }
        return provider
    }

    private static func token(_ place: Settings) throws(PluginError) -> String? {
        guard let text = try place.ifPresent?.text() else { return nil }
        guard TokenReply.isToken(text) else { throw place.invalid("a token has no blanks and no other than ASCII characters") }
        return text
    }
}
