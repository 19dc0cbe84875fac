// The options of AccountPicker: their schema, and how they become accounts.
//
// Kind: pure; runs on the control thread.

import PluginKit

struct AccountPickerOptions {
    let strategy: SelectionStrategy
    let accounts: [Account]
    /// The same as they were written.
    let fixed: [JSON]
    /// Conversations stay with their account.
    let isSticky: Bool
    /// How long a request waits for a place, in milliseconds; 0: not at all.
    let waitLimit: UInt64
    /// Of OAuth accounts; none: there are none.
    let providers: [OAuthProvider]

    init(_ settings: Settings) throws(PluginError) {
        let place = settings["strategy"]
        let name = try place.ifPresent?.text() ?? SelectionStrategy.leastLoaded.rawValue
        guard let strategy = SelectionStrategy(rawValue: name) else {
            throw place.invalid("one of \(SelectionStrategy.allCases.map(\.rawValue).joined(separator: ", ")) is needed here")
        }
        self.strategy = strategy
        isSticky = try settings["sticky"]["enabled"].ifPresent?.bool() ?? true
        waitLimit = UInt64(try settings["wait"]["seconds"].ifPresent?.integer(in: 0...600) ?? 20) * 1000

        var providers: [OAuthProvider] = []
        for element in try settings["oauth"].list() {
            let provider = try OAuthProvider(element)
            guard !providers.contains(where: { $0.name == provider.name }) else {
                throw element["name"].invalid("another provider is called '\(provider.name)' too")
            }
            providers.append(provider)
        }
        self.providers = providers

        var accounts: [Account] = []
        var names: Set<String> = []
        for element in try settings["accounts"].list() {
            let id = "config:" + (try element["name"].text())
            let places: [Settings] =
                if case .list = element["proxy"].value { try element["proxy"].list() } else {
                    element["proxy"].ifPresent.map { [$0] } ?? []
                }
            if let type = element["type"].ifPresent, try type.text() != "api-key" {
                throw type.invalid("'\(try type.text())' is not a type of account that can stand here; OAuth accounts are managed ones")
            }
            let egress = try places.map { place throws(PluginError) in try ProxyURL(place) }
            let account = try Account(element, id: id, egress: egress)
            guard names.insert(account.label).inserted else {
                throw element["name"].invalid("another account is called '\(account.label)' too")
            }
            accounts.append(account)
        }
        self.accounts = accounts
        fixed = try settings["accounts"].list().map(\.value)
    }

    /// What bounds the pool.
    static func limits(_ settings: Settings) throws(PluginError) -> AccountPool.Limits {
        var limits = AccountPool.Limits()
        if let cap = try settings["retry"]["max_cooldown_seconds"].ifPresent?.integer(in: 1...604_800) {
            limits.coolingCap = UInt64(cap) * 1000
        }
        limits.conversations =
            try settings["sticky"]["conversations"].ifPresent?.integer(in: 128...4_194_304) ?? limits.conversations
        limits.waiting = try settings["wait"]["requests"].ifPresent?.integer(in: 1...100_000) ?? limits.waiting
        return limits
    }
}

extension Account {
    /// From the configuration or a stored record; both are valid against their schemas.
    /// - Parameter grant: of an OAuth account, as it is held; nil where nothing is sent.
    convenience init(
        _ settings: Settings, id: String, egress: [ProxyURL], grant: HeldGrant? = nil, provider: OAuthProvider? = nil
    ) throws(PluginError) {
        let isEnabled = try settings["enabled"].ifPresent?.bool() ?? true
        let credential: String
        switch try settings["type"].ifPresent?.text() ?? "api-key" {
        case "api-key": credential = try Account.key(settings["api_key"], isEnabled: isEnabled)
        case "oauth": credential = ""
        case let type: throw settings["type"].invalid("'\(type)' is not a type of account; there are api-key and oauth")
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
            isEnabled: isEnabled, groups: try settings["groups"].texts(),
            isDedicated: try settings["dedicated"].ifPresent?.bool() ?? false, grant: grant, provider: provider)
    }

    private static func key(_ place: Settings, isEnabled: Bool) throws(PluginError) -> String {
        let key = try place.text()
        guard !isEnabled || !key.isEmpty else { throw place.invalid("the key is empty; is the variable it comes from set?") }
        guard key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw place.invalid("a key has no blanks and no other than ASCII characters")
        }
        return key
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
              "description": "Among the usable accounts of the first priority: the one with the least to do for its weight, equal turns, or turns by weight.",
              "enum": ["least-loaded", "round-robin", "weighted"], "default": "least-loaded"
            },
            "sticky": {
              "description": "Conversations stay with their account, whose prompt cache knows them.",
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "enabled": { "type": "boolean", "default": true },
                "conversations": {
                  "description": "How many are remembered; the least recently used go first.",
                  "type": "integer", "minimum": 128, "maximum": 4194304, "default": 65536
                }
              }
            },
            "wait": {
              "description": "For a place on an account, when no account can take a request at once.",
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "seconds": {
                  "description": "How long; 0: it is refused at once. The entry's suspension_limit must be longer.",
                  "type": "integer", "minimum": 0, "maximum": 600, "default": 20
                },
                "requests": {
                  "description": "How many may wait at a time; one tenant at most half of them.",
                  "type": "integer", "minimum": 1, "maximum": 100000, "default": 1024
                }
              }
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
                  "groups": {
                    "description": "Ids of groups; keys that name one of them may use it.",
                    "type": "array", "maxItems": 32, "items": { "type": "string", "minLength": 1, "maxLength": 64 }
                  },
                  "dedicated": {
                    "description": "Only keys that name this very account may use it.", "type": "boolean", "default": false
                  },
                  "enabled": { "type": "boolean", "default": true },
                  "proxy": {
                    "description": "It goes out through this proxy and never without it; or through several, in order: the next is used when one fails.",
                    "anyOf": [
                      \(ProxyURL.schema),
                      { "type": "array", "minItems": 1, "maxItems": 64, "items": \(ProxyURL.schema) }
                    ]
                  }
                }
              }
            },
            "oauth": \(OAuthProvider.schema),
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
