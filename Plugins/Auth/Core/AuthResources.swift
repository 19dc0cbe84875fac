// What people manage of Auth: keys, and groups of accounts that keys are bound to.
//
// Kind: constant.

import PluginKit

enum AuthResources {
    /// Of keys and of tenants.
    private static func limits(tokens: String) -> String {
        """
        {
                  "type": "object", "additionalProperties": false,
                  "properties": {
                    "requests_per_minute": { "title": "Requests", "x-unit": "a minute",
                      "description": "In any minute, smoothly. RateLimit must be in the chain, for this and what follows.",
                      "type": "integer", "minimum": 1, "maximum": 1000000000 },
                    "concurrency": { "title": "At once", "x-unit": "requests",
                      "description": "Requests that run at the same time.",
                      "type": "integer", "minimum": 1, "maximum": 1000000 },
                    "budgets": { "title": "Budgets", "x-flag": "budget",
                      "description": "Amounts of requests, input_tokens, output_tokens, tokens or usd, per minute, hour, day, week, month or in all: 5.00 usd per day. Behind it, if so: stop_streams, and without_redis allow. Days are those of ledger.zone.",
                      "type": "array", "maxItems": 24, "items": { "type": "string", "maxLength": \(BudgetText.lengthLimit), "pattern": "\(BudgetText.pattern)" } },
                    "unpriced": { "title": "Models without a price", "description": "Whether they may be used; they count nothing against usd.",
                      "enum": ["allow", "refuse"], "type": "string" },
                    "token_limit": { "title": "Tokens", "x-unit": "tokens", "x-flag": "limit",
                      "description": "\(tokens)",
                      "type": "integer", "minimum": 1, "maximum": 1000000000000000 }
                  }
                }
        """
    }

    static let declaration = """
        {"resources":[
          {
            "name": "keys", "singular": "key", "title": "API keys", "id_prefix": "key", "label": "/name",
            "description": "Who may use this gateway. A key is shown once, when it is made; the gateway keeps a keyed hash of it.",
            "columns": ["/name", "/enabled", "/key_hint", "/expires", "/limits/token_limit", "/groups"],
            "unique": ["/name", "/key_hash"],
            "schema": {
              "type": "object", "additionalProperties": false, "required": ["name"],
              "properties": {
                "name": { "title": "Name", "description": "Whose it is: in logs, limits and metrics.",
                  "type": "string", "minLength": 1, "maxLength": 128 },
                "enabled": { "title": "Enabled", "description": "False refuses the key and says so.",
                  "type": "boolean", "default": true },
                "expires": { "title": "Expires", "description": "From this second on it is refused.",
                  "type": "string", "format": "date-time", "maxLength": 64 },
                "models": { "title": "Models", "description": "Ids it may use, or beginnings that end in *; none: all.",
                  "type": "array", "maxItems": 100, "items": { "type": "string", "minLength": 1, "maxLength": 200 } },
                "addresses": { "title": "Addresses", "description": "Where it may be used from: 10.0.0.0/8, 192.168.7.9; none: anywhere.",
                  "type": "array", "maxItems": 100, "items": { "type": "string", "minLength": 2, "maxLength": 64 } },
                "groups": { "title": "Groups", "description": "Only accounts of these groups serve it; none: every account.",
                  "type": "array", "maxItems": 32, "items": { "type": "string", "x-reference": "groups" } },
                "account": { "title": "Account", "description": "Only this account serves it, whatever its groups say.",
                  "type": "string", "x-reference": "accounts" },
                "tenant": { "title": "Tenant", "description": "Who pays, if that is somebody else than the name.",
                  "type": "string", "minLength": 1, "maxLength": 128 },
                "limits": \(limits(tokens: "Tokens of all kinds together that it may ever use; the request that crosses the limit still ends.")),
                "client_gone": { "title": "When the client leaves",
                  "description": "Read the answer to its end, so that its tokens are counted; or break off, always or only before its first byte. None: as the configuration says.",
                  "enum": ["drain", "abort", "abort_before_first_byte"], "type": "string" },
                "notes": { "title": "Notes", "type": "string", "maxLength": 2000 },
                "key": { "title": "Key", "description": "Takes over a key that exists already, instead of making one. Never shown.",
                  "type": "string", "minLength": 16, "maxLength": 512, "writeOnly": true },
                "key_hash": { "title": "Hash", "description": "By which the key is found.", "type": "string", "readOnly": true },
                "key_hint": { "title": "Key", "description": "Its beginning and its end.", "type": "string", "readOnly": true },
                "legacy_hash": { "title": "Hash from elsewhere", "description": "Of a key that was taken over without being known: SHA-256 of the key and the pepper.",
                  "type": "string", "readOnly": true, "pattern": "^[0-9a-f]{64}$" },
                "legacy_pepper": { "title": "Pepper from elsewhere", "description": "What stands behind the key in legacy_hash. Set by gateway import.",
                  "type": "string", "minLength": 1, "maxLength": 4096, "writeOnly": true },
                "previous_hash": { "title": "Replaced hash", "type": "string", "readOnly": true },
                "previous_until": { "title": "Replaced key is good until", "type": "string", "format": "date-time", "readOnly": true }
              }
            },
            "actions": [
              { "name": "rotate", "title": "Make a new key", "description": "The old one stays good for a while, if you say so.",
                "input": {
                  "type": "object", "additionalProperties": false,
                  "properties": {
                    "overlap": { "title": "Overlap", "x-unit": "seconds", "description": "How long the old key stays good.",
                      "type": "integer", "minimum": 0, "maximum": 31536000, "default": 0 }
                  }
                } }
            ]
          },
          {
            "name": "groups", "singular": "group", "title": "Groups of accounts", "id_prefix": "group", "label": "/name",
            "description": "Accounts say which groups they are in; a key that names groups is served by their accounts only.",
            "columns": ["/name", "/notes"], "unique": ["/name"],
            "schema": {
              "type": "object", "additionalProperties": false, "required": ["name"],
              "properties": {
                "name": { "title": "Name", "type": "string", "minLength": 1, "maxLength": 128 },
                "notes": { "title": "Notes", "type": "string", "maxLength": 2000 }
              }
            }
          },
          {
            "name": "tenants", "singular": "tenant", "title": "Tenants", "id_prefix": "tenant", "label": "/name",
            "description": "Keys that are paid for together: those whose tenant has this name. Limits of a tenant hold for all of its keys together, beside their own.",
            "columns": ["/name", "/limits/budgets", "/notes"], "unique": ["/name"],
            "schema": {
              "type": "object", "additionalProperties": false, "required": ["name"],
              "properties": {
                "name": { "title": "Name", "description": "As keys say it, and the ledger, where it is the group.",
                  "type": "string", "minLength": 1, "maxLength": 128 },
                "limits": \(limits(tokens: "Tokens of all kinds together that its keys may ever use.")),
                "notes": { "title": "Notes", "type": "string", "maxLength": 2000 }
              }
            }
          }
        ]}
        """
}
