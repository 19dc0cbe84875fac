// The options of RateLimit: their schema, and how they become an ordered list of limits.
//
// Kind: pure; runs on the control thread.

import PluginKit

struct RateLimitOptions {
    /// In the order in which they are asked: the first that refuses is the one that is told.
    let limits: [Limit]
    /// Values of gw.route that are limited; empty: all.
    let routes: [[UInt8]]
    /// Whether responses say what is left of the key's requests.
    let announces: Bool
    /// What becomes of a limit while the shared store does not answer.
    let withoutStore: gw_without_store

    init(_ settings: Settings) throws(PluginError) {
        var limits: [Limit] = []
        for (name, subject) in [("per_key", Limit.Subject.key), ("per_tenant", .tenant), ("per_address", .address)] {
            let place = settings[name]
            if let rate = place["requests_per_minute"].ifPresent {
                let amount = try rate.integer(in: 1...1_000_000_000)
                limits.append(Limit(subject: subject, measure: .requestsPerMinute, amount: amount))
            }
            if let concurrency = place["concurrency"].ifPresent {
                let amount = try concurrency.integer(in: 1...1_000_000)
                limits.append(Limit(subject: subject, measure: .concurrency, amount: amount))
            }
            for element in try place["budgets"].list() {
                guard let budget = BudgetText(try element.text()) else {
                    throw element.invalid(
                        "an amount like \"5.00 usd per day\" or \"20000 output_tokens per minute\" or \"1000000 tokens in all\" is needed here"
                    )
                }
                limits.append(Limit(subject, budget))
            }
        }
        self.limits = limits
        routes = try settings["routes"].texts().map { Array($0.utf8) }
        announces = try settings["headers"].ifPresent?.bool() ?? true
        withoutStore =
            switch try settings["without_redis"].ifPresent?.text() {
            case "allow": GW_WITHOUT_STORE_ALLOW
            case "local_share": GW_WITHOUT_STORE_SHARE
            default: GW_WITHOUT_STORE_REFUSE
            }
    }

    private static let limitSchema = """
        {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "requests_per_minute": {
                    "description": "Requests in any minute, smoothly: unused ones come back one by one.",
                    "type": "integer", "minimum": 1, "maximum": 1000000000
                  },
                  "concurrency": {
                    "description": "Requests that run at the same time.",
                    "type": "integer", "minimum": 1, "maximum": 1000000
                  },
                  "budgets": {
                    "description": "Amounts of requests, input_tokens, output_tokens, tokens or usd, per minute, hour, day, week, month or in all: 5.00 usd per day.",
                    "type": "array", "maxItems": 24, "items": { "type": "string", "pattern": "\(BudgetText.pattern)" }
                  }
                }
              }
        """

    static let schema = """
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "per_key": \(limitSchema),
            "per_tenant": \(limitSchema),
            "per_address": \(limitSchema),
            "routes": {
              "description": "Routes that are limited: messages, count_tokens, models, ...; default: all.",
              "type": "array", "items": { "type": "string", "minLength": 1 }
            },
            "headers": {
              "description": "Say in anthropic-ratelimit-requests-* what is left to the key.",
              "type": "boolean", "default": true
            },
            "without_redis": {
              "description": "While the Redis that limits are shared through does not answer: refuse (503), allow and count nowhere, or local_share, by this gateway alone with the limit divided by the gateways that lived lately.",
              "enum": ["refuse", "allow", "local_share"], "default": "refuse"
            }
          }
        }
        """
}
