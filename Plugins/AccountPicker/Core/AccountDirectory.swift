// The stored accounts of one worker, and the proxies that they name.
//
// An account that names a proxy is usable only while that proxy is there and enabled: it never goes out directly
// instead. Records of both kinds come in any order, so the accounts that name a proxy are made again when it changes.
//
// Kind: confined to its worker.

import PluginKit

final class AccountDirectory {
    /// An account with the proxy it names, if it does.
    private struct Entry {
        let settings: Settings
        let proxy: String?
    }

    private var entries: [String: Entry] = [:]
    private var proxies: [String: ProxyURL] = [:]

    /// A record of an account.
    /// - Returns: what has become of it; nil if it is gone.
    /// - Throws: what is wrong with it; then it is not used.
    func accountChanged(_ record: Record) throws -> Account? {
        let id = record.id.string
        entries[id] = nil
        if record.isGone { return nil }
        let settings = try record.settings()
        let entry = Entry(settings: settings, proxy: try settings["proxy"].ifPresent?.text())
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
        return try entries.filter { $0.value.proxy == id }.map { try account($0.key, $0.value) }
    }

    private func account(_ id: String, _ entry: Entry) throws(PluginError) -> Account {
        guard let proxy = entry.proxy else {
            return try Account(
                entry.settings, id: id, egress: try AccountDirectory.inlineProxy(entry.settings))
        }
        if let url = proxies[proxy] { return try Account(entry.settings, id: id, egress: url) }
        let disabled = Settings(entry.settings.value.setting("enabled", .bool(false)))
        return try Account(disabled, id: id, egress: nil)
    }

    /// The way out of an account, for a request of our own.
    /// - Throws: if it names a proxy that cannot be used.
    func egress(of settings: Settings) throws -> ProxyURL? {
        guard let proxy = try settings["proxy"].ifPresent?.text() else { return try AccountDirectory.inlineProxy(settings) }
        guard let url = proxies[proxy] else {
            throw settings["proxy"].invalid("this proxy does not exist, is disabled, or no SOCKSProxy is in the chain")
        }
        return url
    }

    static func inlineProxy(_ settings: Settings) throws(PluginError) -> ProxyURL? {
        guard let place = settings["proxy_url"].ifPresent else { return nil }
        guard let url = try place.text().withBytes({ ProxyURL($0) }) else {
            throw place.invalid("a URL like socks5h://user:secret@host:1080 is needed here")
        }
        return url
    }
}
