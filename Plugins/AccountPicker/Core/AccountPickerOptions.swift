// The options of AccountPicker: their schema, and how they become accounts.
//
// Kind: pure; runs on the control thread.

import PluginKit

enum Strategy: String {
    case roundRobin = "round-robin"
    case leastLoaded = "least-loaded"
}

struct AccountPickerOptions {
    let strategy: Strategy
    let accounts: [Account]
    /// The same as they were written.
    let fixed: [JSON]
    /// The longest time that an account is left alone, in milliseconds.
    let coolingCap: UInt64

    init(_ settings: Settings, _ registry: AccountRegistry) throws(PluginError) {
        let place = settings["strategy"]
        let name = try place.ifPresent?.text() ?? Strategy.leastLoaded.rawValue
        guard let strategy = Strategy(rawValue: name) else {
            throw place.invalid("one of round-robin and least-loaded is needed here")
        }
        self.strategy = strategy
        let cap = try settings["retry"]["max_cooldown_seconds"].ifPresent?.integer(in: 1...604_800)
        coolingCap = UInt64(cap ?? 3600) * 1000

        var accounts: [Account] = []
        var names: Set<String> = []
        for element in try settings["accounts"].list() {
            let id = "config:" + (try element["name"].text())
            let egress = try element["proxy"].ifPresent.map { place throws(PluginError) in try ProxyURL(place) }
            let account = try Account(element, id: id, egress: egress, registry.state(of: id))
            guard names.insert(account.label).inserted else {
                throw element["name"].invalid("another account is called '\(account.label)' too")
            }
            accounts.append(account)
        }
        self.accounts = accounts
        fixed = try settings["accounts"].list().map(\.value)
    }
}

extension Account {
    /// From the configuration or a stored record; both are valid against their schemas.
    convenience init(_ settings: Settings, id: String, egress: ProxyURL?, _ state: AccountState) throws(PluginError) {
        let isEnabled = try settings["enabled"].ifPresent?.bool() ?? true
        let type = try settings["type"].ifPresent?.text() ?? "api-key"
        guard type == "api-key" else {
            throw settings["type"].invalid("'\(type)' is not a type of account; there is api-key")
        }
        let credential = try settings["api_key"].text()
        guard !isEnabled || !credential.isEmpty else {
            throw settings["api_key"].invalid("the key is empty; is the variable it comes from set?")
        }
        guard credential.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw settings["api_key"].invalid("a key has no blanks and no other than ASCII characters")
        }
        self.init(
            id: id,
            name: try settings["name"].text(),
            credential: credential,
            baseURL: try Account.baseURL(settings["base_url"]),
            egress: egress,
            priority: try settings["priority"].ifPresent?.integer(in: 0...1000) ?? 50,
            weight: try settings["weight"].ifPresent?.integer(in: 1...1000) ?? 1,
            concurrency: try settings["concurrency"].ifPresent?.integer(in: 1...1_000_000),
            models: try ModelPatterns(settings["models"]),
            isEnabled: isEnabled, groups: try settings["groups"].texts(), state: state)
    }

    /// A URL of scheme and host with an optional path before ours; without its last slash.
    private static func baseURL(_ settings: Settings) throws(PluginError) -> String? {
        guard var url = try settings.ifPresent?.text() else { return nil }
        while url.hasSuffix("/") { url.removeLast() }
        let rest: Substring? =
            ["https://", "http://"].first { url.hasPrefix($0) }.map { url.dropFirst($0.count) }
        guard let rest, let first = rest.utf8.first, first != UInt8(ascii: ":"),
            rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !Array("?#@\\".utf8).contains($0) })
        else { throw settings.invalid("a URL like https://api.anthropic.com is needed here") }
        return url
    }
}

extension AccountPickerOptions {
    static let schema = """
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "strategy": {
              "description": "Among the usable accounts of the first priority: by turns, or the one with the least to do.",
              "enum": ["round-robin", "least-loaded"], "default": "least-loaded"
            },
            "accounts": {
              "description": "Accounts that are fixed here, beside those that are managed while it runs.",
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["name", "api_key"],
                "properties": {
                  "name": {
                    "description": "Its label in logs and metrics.",
                    "type": "string", "minLength": 1, "maxLength": 128
                  },
                  "type": { "enum": ["api-key"], "default": "api-key" },
                  "api_key": {
                    "description": "The upstream's key, best as a reference: \\"${ANTHROPIC_API_KEY}\\".",
                    "type": "string", "maxLength": 4096
                  },
                  "base_url": {
                    "description": "Where it is served; default: the upstream of the gateway.",
                    "type": "string", "pattern": "^https?://[^/?#@]+(/[^?#]*)?$"
                  },
                  "priority": {
                    "description": "Smaller comes first; larger ones are used when no smaller one is usable.",
                    "type": "integer", "minimum": 0, "maximum": 1000, "default": 50
                  },
                  "weight": {
                    "description": "Its share among accounts of the same priority.",
                    "type": "integer", "minimum": 1, "maximum": 1000, "default": 1
                  },
                  "concurrency": {
                    "description": "Requests that it carries at the same time; default: any number.",
                    "type": "integer", "minimum": 1, "maximum": 1000000
                  },
                  "models": {
                    "description": "Models it serves: ids, or beginnings that end in *; default: all.",
                    "type": "array", "items": { "type": "string", "minLength": 1 }
                  },
                  "enabled": { "type": "boolean", "default": true },
                  "proxy": \(ProxyURL.schema)
                }
              }
            },
            "retry": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "max_cooldown_seconds": {
                  "description": "The longest time that a failing account is left alone, whatever the upstream says.",
                  "type": "integer", "minimum": 1, "maximum": 604800, "default": 3600
                }
              }
            }
          }
        }
        """
}
