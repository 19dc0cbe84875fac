// The options of SOCKSProxy: proxies by name, and which account goes through which.
//
// Both are optional: AccountPicker's accounts bring their proxies along in gw.egress. Kind: pure;
// runs on the control thread.

import PluginKit

struct SOCKSProxyOptions {
    /// Account to its proxies, as gw.egress has them. Few: searched one by one.
    let accounts: [(name: [UInt8], egress: [UInt8])]
    /// By name.
    let proxies: [String: ProxyURL]
    /// What holds for every proxy that says nothing itself; nil: they are not checked on the clock.
    let check: CheckRule?
    /// Of configured proxies, by name.
    let checks: [String: CheckRule]
    /// The configured proxies as people may see them.
    let fixed: [JSON]

    init(_ settings: Settings) throws(PluginError) {
        let check = try CheckRule(settings["check"], general: nil)
        self.check = check
        var checks: [String: CheckRule] = [:]
        var proxies: [String: ProxyURL] = [:]
        for (name, place) in try settings["proxies"].map() {
            if case .text(let url) = place.value {
                proxies[name] = url.withBytes { ProxyURL($0) }
                guard proxies[name] != nil else {
                    throw place.invalid("a URL like socks5h://user:secret@host:1080 is needed here")
                }
                checks[name] = check
            } else {
                proxies[name] = try ProxyURL(place)
                checks[name] = try CheckRule(place["check"], general: check)
            }
        }
        var accounts: [(name: [UInt8], egress: [UInt8])] = []
        for (account, place) in try settings["accounts"].map() {
            let names: [Settings] = if case .list = place.value { try place.list() } else { [place] }
            let urls = try names.map { place throws(PluginError) in
                let name = try place.text()
                guard let proxy = proxies[name] else {
                    throw place.invalid("'\(name)' is not among the configured proxies")
                }
                return proxy.text
            }
            guard (1...SOCKSProxyWorker.exitLimit).contains(urls.count) else {
                throw place.invalid("one proxy, or a list of at most \(SOCKSProxyWorker.exitLimit), is needed here")
            }
            accounts.append((Array(account.utf8), Array(urls.joined(separator: " ").utf8)))
        }
        self.accounts = accounts
        self.proxies = proxies
        self.checks = checks
        fixed = try settings["proxies"].map().map { name, place in
            var shown = JSON.object([("id", .text(name)), ("name", .text(name))])
            if case .text = place.value, let proxy = proxies[name] {
                let (type, host, port) = proxy.parts
                shown = shown.setting("type", .text(type)).setting("host", .text(host)).setting("port", .integer(Int64(port)))
            }
            for field in ["type", "host", "port", "username", "check"] where !place[field].isAbsent {
                shown = shown.setting(field, place[field].value)
            }
            return shown
        }
    }

    static let schema = """
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "proxies": {
              "description": "Proxies by name: a URL, or its parts.",
              "type": "object",
              "additionalProperties": {
                "anyOf": [
                  { "type": "string", "minLength": 8 },
                  \(ProxyURL.schema(with: "\"check\": \(CheckRule.schema)"))
                ]
              }
            },
            "check": \(CheckRule.schema),
            "accounts": {
              "description": "Which proxy an account goes through, unless the account brings its own; or several, in order: the next is used when one fails.",
              "type": "object",
              "additionalProperties": {
                "anyOf": [
                  { "type": "string", "minLength": 1 },
                  { "type": "array", "minItems": 1, "maxItems": 64, "items": { "type": "string", "minLength": 1 } }
                ]
              }
            }
          }
        }
        """
}
