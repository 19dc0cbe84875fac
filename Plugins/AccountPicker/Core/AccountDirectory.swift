// The stored accounts of one worker, and the proxies that they name.
//
// An account that names a proxy is usable only while that proxy is there and enabled: it never goes out directly
// instead. Records of both kinds come in any order, so the accounts that name a proxy are made again when it changes.
//
// Kind: confined to its worker.

import PluginKit

final class AccountDirectory {
    /// An account with the proxies it names, in order.
    private struct Entry {
        let settings: Settings
        let proxies: [String]
        /// Of an OAuth account.
        let grant: HeldGrant?
    }

    /// Of the OAuth accounts; nil: there can be none.
    var keeper: GrantKeeper?

    private var entries: [String: Entry] = [:]
    private var proxies: [String: ProxyURL] = [:]

    /// A record of an account.
    /// - Returns: what has become of it; nil if it is gone.
    /// - Throws: what is wrong with it; then it is not used.
    func accountChanged(_ record: Record) throws -> Account? {
        let id = record.id.string
        entries[id] = nil
        if record.isGone {
            keeper?.forget(id)
            return nil
        }
        let settings = try record.settings()
        var grant: HeldGrant?
        if settings["type"].value == .text("oauth") {
            guard let keeper else { throw settings["type"].invalid("this gateway keeps no records, or fetches nothing") }
            grant = try keeper.told(id, settings, revision: record.revision)
        }
        let entry = Entry(settings: settings, proxies: try AccountDirectory.named(settings).map(\.name), grant: grant)
        entries[id] = entry
        return try account(id, entry)
    }

    /// A record of a proxy.
    /// - Returns: the accounts that name it, as they are now.
    func proxyChanged(_ record: Record) throws -> [Account] {
        let id = record.id.string
        proxies[id] = nil
        if !record.isGone {
            let settings = try record.settings()
            if try settings["enabled"].ifPresent?.bool() ?? true { proxies[id] = try ProxyURL(settings) }
        }
        return try entries.filter { $0.value.proxies.contains(id) }.map { try account($0.key, $0.value) }
    }

    /// One that is disabled or gone is passed over while another of the list is there.
    private func account(_ id: String, _ entry: Entry) throws(PluginError) -> Account {
        if entry.proxies.isEmpty {
            return try account(id, entry, entry.settings, egress: try AccountDirectory.inlineProxy(entry.settings).map { [$0] } ?? [])
        }
        let usable = entry.proxies.compactMap { proxies[$0] }
        if !usable.isEmpty { return try account(id, entry, entry.settings, egress: usable) }
        let disabled = Settings(entry.settings.value.setting("enabled", .bool(false)))
        return try account(id, entry, disabled, egress: [])
    }

    private func account(_ id: String, _ entry: Entry, _ settings: Settings, egress: [ProxyURL]) throws(PluginError) -> Account {
        try Account(settings, id: id, egress: egress, grant: entry.grant, provider: entry.grant == nil ? nil : keeper?.provider(of: id))
    }

    /// The ways out of an account, for a request of our own.
    /// - Throws: if it names proxies of which none can be used.
    func egress(of settings: Settings) throws -> [ProxyURL] {
        let named = try AccountDirectory.named(settings)
        guard let first = named.first else { return try AccountDirectory.inlineProxy(settings).map { [$0] } ?? [] }
        let usable = named.compactMap { proxies[$0.name] }
        guard !usable.isEmpty else {
            throw first.place.invalid("this proxy does not exist, is disabled, or no SOCKSProxy is in the chain")
        }
        return usable
    }

    /// Ids of the proxies that it names, in order, and where each stands.
    static func named(_ settings: Settings) throws(PluginError) -> [(name: String, place: Settings)] {
        if let one = settings["proxy"].ifPresent { return [(try one.text(), one)] }
        return try settings["proxies"].list().map { place throws(PluginError) in (try place.text(), place) }
    }

    static func inlineProxy(_ settings: Settings) throws(PluginError) -> ProxyURL? {
        guard let place = settings["proxy_url"].ifPresent else { return nil }
        guard let url = try place.text().withBytes({ ProxyURL($0) }) else {
            throw place.invalid("a URL like socks5h://user:secret@host:1080 is needed here")
        }
        return url
    }
}
