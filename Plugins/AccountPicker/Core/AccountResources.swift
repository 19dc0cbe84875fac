// What people manage of AccountPicker: accounts.
//
// Kind: constant.

enum AccountResources {
    static let declaration = """
        {"resources":[
          {
            "name": "accounts", "singular": "account", "title": "Accounts", "id_prefix": "account", "label": "/name",
            "description": "Credentials at the upstream, and how they are used.",
            "columns": ["/name", "/type", "/oauth/state", "/oauth/expires", "/enabled", "/priority", "/weight", "/concurrency", "/groups", "/proxy"],
            "unique": ["/name"],
            "schema": {
              "type": "object", "additionalProperties": false, "required": ["name"],
              "properties": {
                "name": { "title": "Name", "description": "Its label in logs and metrics.",
                  "type": "string", "minLength": 1, "maxLength": 128 },
                "type": { "title": "Type", "type": "string", "enum": ["api-key", "oauth"], "default": "api-key" },
                "oauth": \(GrantDocument.schema),
                "api_key": { "title": "API key", "description": "The upstream's key, of accounts of the type api-key.",
                  "type": "string", "minLength": 1, "maxLength": 4096, "writeOnly": true },
                "base_url": { "title": "Base URL", "description": "Where it is served; none: the upstream of the gateway.",
                  "type": "string", "format": "uri", "maxLength": 2048, "pattern": "^https?://[^/?#@]+(/[^?#]*)?$" },
                "enabled": { "title": "Enabled", "type": "boolean", "default": true },
                "priority": { "title": "Priority", "description": "Smaller comes first; larger ones are used when no smaller one is usable.",
                  "type": "integer", "minimum": 0, "maximum": 1000, "default": 50 },
                "weight": { "title": "Weight", "description": "Its share among accounts of the same priority.",
                  "type": "integer", "minimum": 1, "maximum": 1000, "default": 1 },
                "concurrency": { "title": "At once", "x-unit": "requests", "description": "Requests that it carries at the same time; none: any number.",
                  "type": "integer", "minimum": 1, "maximum": 1000000 },
                "groups": { "title": "Groups", "description": "Keys that name one of them may use it.",
                  "type": "array", "maxItems": 32, "items": { "type": "string", "x-reference": "groups" } },
                "dedicated": { "title": "Dedicated", "description": "Only keys that name this very account may use it.",
                  "type": "boolean", "default": false },
                "models": { "title": "Models", "description": "Ids it serves, or beginnings that end in *; none: all.",
                  "type": "array", "maxItems": 100, "items": { "type": "string", "minLength": 1, "maxLength": 200 } },
                "proxy": { "title": "Proxy", "description": "It goes out through this proxy, and never without it.",
                  "type": "string", "x-reference": "proxies" },
                "proxies": { "title": "Proxies", "description": "Several, in order, in the place of one: the next is used when one fails, and none of them is ever left out.",
                  "type": "array", "minItems": 1, "maxItems": 64, "items": { "type": "string", "x-reference": "proxies" } },
                "proxy_url": { "title": "Proxy URL", "description": "The same, written here: socks5h://user:secret@host:1080.",
                  "type": "string", "minLength": 8, "maxLength": 2048, "writeOnly": true },
                "notes": { "title": "Notes", "type": "string", "maxLength": 2000 }
              }
            },
            "actions": [
              { "name": "test", "title": "Try the account",
                "description": "Asks the upstream for its models with the account's credential and through its proxy: status, time, and what it says of its limits. Costs no tokens." },
              { "name": "reset", "live": true, "title": "Use it again at once",
                "description": "Forgets what the account cools for, and what the provider said of its limits." },
              \(OAuthActions.declaration),
              { "name": "status", "on": "resource", "live": true, "list_columns": ["state", "reason", "until", "in_flight"], "role": "viewer", "title": "How accounts stand",
                "description": "State, reason, source and end of each account and of its families of models, requests in flight, and who waits." },
              { "name": "why", "on": "resource", "live": true, "role": "viewer", "title": "Why a request got its account",
                "description": "The decisions for one request: the accounts that were passed over with their reasons, the one that was chosen, and what came of it. The last thousand of each loop are remembered.",
                "input": {
                  "type": "object", "additionalProperties": false, "required": ["request"],
                  "properties": {
                    "request": { "title": "Request", "description": "Its id, as the header x-gateway-request-id says it.",
                      "type": "string", "minLength": 12, "maxLength": 64 }
                  }
                } }
            ]
          }
        ]}
        """
}
