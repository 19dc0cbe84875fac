// The options of RateLimit: their schema, and how they become an ordered list of limits.
//
// Kind: pure; runs on the control thread.

import PluginKit

struct RateLimitOptions {
    /// In the order in which they are asked: the first that refuses is the one that is told.
    let limits: [Limit]
    /// What else is said of limits, for those that keys bring along.
    let terms: LimitTerms
    /// Values of gw.route that are limited; empty: all.
    let routes: [[UInt8]]
    /// Whether responses say what is left of the key's requests.
    let announces: Bool

    init(_ settings: Settings) throws(PluginError) {
        var limits: [Limit] = []
        var terms = LimitTerms(withoutRedis: try Self.withoutRedis(settings) ?? .refuse)
        for (name, subject) in [("per_key", Limit.Subject.key), ("per_tenant", .tenant), ("per_address", .address)] {
            let place = settings[name]
            let rate = place["requests_per_minute"]
            terms.say(subject, .requestsPerMinute, withoutRedis: try Self.withoutRedis(rate))
            if let amount = try Self.amount(rate, in: 1...1_000_000_000) {
                limits.append(terms.limit(subject, .requestsPerMinute, amount: amount))
            }
            let concurrency = place["concurrency"]
            terms.say(
                subject, .concurrency, withoutRedis: try Self.withoutRedis(concurrency), waits: try Self.waits(concurrency["wait"]))
            if let amount = try Self.amount(concurrency, in: 1...1_000_000) {
                limits.append(terms.limit(subject, .concurrency, amount: amount))
            }
            for element in try place["budgets"].list() { limits.append(terms.limit(subject, try Self.budget(element))) }
        }
        self.limits = limits
        self.terms = terms
        routes = try settings["routes"].texts().map { Array($0.utf8) }
        announces = try settings["headers"].ifPresent?.bool() ?? true
    }

    /// A bare number, or an object that may say one.
    private static func amount(_ place: Settings, in range: ClosedRange<Int>) throws(PluginError) -> Int? {
        if case .map = place.value { return try place["limit"].ifPresent?.integer(in: range) }
        return try place.ifPresent?.integer(in: range)
    }

    private static func withoutRedis(_ place: Settings) throws(PluginError) -> BudgetText.WithoutRedis? {
        guard let word = try place["without_redis"].ifPresent?.text() else { return nil }
        return BudgetText.WithoutRedis(word: word)
    }

    private static func waits(_ place: Settings) throws(PluginError) -> WaitTerms? {
        guard !place.isAbsent else { return nil }
        let seconds = try place["seconds"].ifPresent?.integer(in: 1...600) ?? 20
        return WaitTerms(
            milliseconds: UInt64(seconds) * 1000, requests: try place["requests"].ifPresent?.integer(in: 1...10_000) ?? 64)
    }

    /// A text, or an object with that text and what else is said of it.
    private static func budget(_ place: Settings) throws(PluginError) -> BudgetText {
        let isObject = if case .map = place.value { true } else { false }
        let text = isObject ? place["limit"] : place
        guard var budget = BudgetText(try text.text()) else {
            throw text.invalid(
                "an amount like \"5.00 usd per day\", \"20000 output_tokens per minute\" or \"1000000 tokens in all\" is needed here; "
                    + "stop_streams is not for requests")
        }
        guard isObject else { return budget }
        if let withoutRedis = try withoutRedis(place) { budget.withoutRedis = withoutRedis }
        if try place["stop_streams"].ifPresent?.bool() ?? budget.stopsStreams {
            guard budget.measure != .requests else { throw place["stop_streams"].invalid("a stream uses no requests while it runs") }
            budget.stopsStreams = true
        }
        return budget
    }

    private static let withoutRedisSchema = """
        "enum": ["refuse", "allow", "local_share"]
        """

    private static let limitSchema = """
        {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "requests_per_minute": {
                    "description": "Requests in any minute, smoothly: unused ones come back one by one. A number, or an object.",
                    "anyOf": [
                      { "type": "integer", "minimum": 1, "maximum": 1000000000 },
                      {
                        "type": "object", "additionalProperties": false,
                        "properties": {
                          "limit": { "description": "How many; none: only for keys that bring a number of their own.",
                            "type": "integer", "minimum": 1, "maximum": 1000000000 },
                          "without_redis": { "description": "Of this limit; else the entry's.", \(withoutRedisSchema) }
                        }
                      }
                    ]
                  },
                  "concurrency": {
                    "description": "Requests that run at the same time. A number, or an object.",
                    "anyOf": [
                      { "type": "integer", "minimum": 1, "maximum": 1000000 },
                      {
                        "type": "object", "additionalProperties": false,
                        "properties": {
                          "limit": { "description": "How many; none: only for keys that bring a number of their own.",
                            "type": "integer", "minimum": 1, "maximum": 1000000 },
                          "without_redis": { "description": "Of this limit; else the entry's.", \(withoutRedisSchema) },
                          "wait": {
                            "description": "Whoever finds no place waits for one; without this it is refused at once.",
                            "type": "object", "additionalProperties": false,
                            "properties": {
                              "seconds": { "description": "How long. The entry's suspension_limit must be longer.",
                                "type": "integer", "minimum": 1, "maximum": 600, "default": 20 },
                              "requests": { "description": "How many of one key, tenant or address may wait at a time.",
                                "type": "integer", "minimum": 1, "maximum": 10000, "default": 64 }
                            }
                          }
                        }
                      }
                    ]
                  },
                  "budgets": {
                    "description": "Amounts of requests, input_tokens, output_tokens, tokens or usd, per minute, hour, day, week, month or in all: 5.00 usd per day. Behind it, if so: stop_streams, and without_redis allow.",
                    "type": "array", "maxItems": 24,
                    "items": {
                      "anyOf": [
                        { "type": "string", "maxLength": \(BudgetText.lengthLimit), "pattern": "\(BudgetText.pattern)" },
                        {
                          "type": "object", "additionalProperties": false, "required": ["limit"],
                          "properties": {
                            "limit": { "description": "The text.", "type": "string", "maxLength": \(BudgetText.lengthLimit), "pattern": "\(BudgetText.pattern)" },
                            "without_redis": { "description": "Of this limit; else the entry's.", \(withoutRedisSchema) },
                            "stop_streams": { "description": "A stream is ended, with an error, when this is used up while it runs.",
                              "type": "boolean", "default": false }
                          }
                        }
                      ]
                    }
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
              "description": "While the Redis that limits are shared through does not answer: refuse (503), allow and count nowhere, or local_share, by this gateway alone with the limit divided by the gateways that lived lately. A limit may say otherwise of itself.",
              \(withoutRedisSchema), "default": "refuse"
            }
          }
        }
        """
}
