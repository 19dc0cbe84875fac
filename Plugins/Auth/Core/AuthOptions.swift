// The options of Auth: their schema, and how they become keys.
//
// Kind: pure; runs on the control thread.

import PluginKit

struct AuthOptions {
    struct Key {
        let digest: Digest
        let record: KeyRecord
        /// Where it is configured, for messages.
        let settings: Settings
    }

    let keys: [Key]
    /// What new keys begin with.
    let keyPrefix: String

    init(_ settings: Settings) throws(PluginError) {
        keyPrefix = try settings["key_prefix"].ifPresent?.text() ?? "cr_"
        guard keyPrefix.utf8.count <= 16, keyPrefix.utf8.allSatisfy({ KeyMint.isPlain($0) }) else {
            throw settings["key_prefix"].invalid("at most 16 letters, digits, '_' and '-' are needed here")
        }
        var keys: [Key] = []
        for element in try settings["keys"].list() { keys.append(try Self.key(element)) }
        self.keys = keys
    }

    private static func key(_ settings: Settings) throws(PluginError) -> Key {
        let digest: Digest
        switch (settings["key"].ifPresent, settings["key_hash"].ifPresent) {
        case (let key?, nil):
            let text = try key.text()
            guard !text.isEmpty else {
                throw key.invalid("the key is empty; is the variable it comes from set?")
            }
            digest = text.withBytes { SHA256.digest(of: $0) }
        case (nil, let hash?):
            let text = try hash.text()
            let bare = text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
            guard let parsed = Digest(hexadecimal: bare) else {
                throw hash.invalid("64 hexadecimal digits of the key's SHA-256 are needed here")
            }
            digest = parsed
        default: throw settings.invalid("one of 'key' and 'key_hash' is needed, not both")
        }

        return Key(digest: digest, record: try KeyRecord(settings), settings: settings)
    }

    static let schema = """
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "key_prefix": {
              "description": "What new keys begin with.",
              "type": "string", "maxLength": 16, "pattern": "^[A-Za-z0-9_-]*$", "default": "cr_"
            },
            "keys": {
              "description": "API keys that are fixed here, beside those that are managed while it runs.",
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["name"],
                "properties": {
                  "name": {
                    "description": "Who the key belongs to; seen in logs and limits.",
                    "type": "string", "minLength": 1, "maxLength": 128
                  },
                  "key": {
                    "description": "The key itself, best as a reference: \\"${LAPTOP_KEY}\\".",
                    "type": "string", "minLength": 1, "maxLength": 512
                  },
                  "key_hash": {
                    "description": "Instead of the key: its SHA-256 in hexadecimal.",
                    "type": "string", "pattern": "^(sha256:)?[0-9A-Fa-f]{64}$"
                  },
                  "expires": {
                    "description": "The key is refused from this time on (RFC 3339).",
                    "type": "string", "format": "date-time"
                  },
                  "enabled": {
                    "description": "False refuses the key and says so.",
                    "type": "boolean", "default": true
                  },
                  "models": {
                    "description": "Models it may use: ids, or beginnings that end in *.",
                    "type": "array", "items": { "type": "string", "minLength": 1 }
                  },
                  "addresses": {
                    "description": "Addresses it may be used from: 10.0.0.0/8, 2001:db8::/32.",
                    "type": "array", "items": { "type": "string", "minLength": 2 }
                  },
                  "tenant": {
                    "description": "Who pays, if that is somebody else than the name.",
                    "type": "string", "minLength": 1, "maxLength": 128
                  }
                }
              }
            }
          }
        }
        """
}
