// The options of RateLimit: their schema, and how they become an ordered list of limits.
//
// Kind: pure; runs on the control thread.

import PluginKit

/// One limit of the configuration.
struct Limit {
    enum Subject { case key, address }
    /// Tokens are a key's own for ever; the configuration has no limit of them.
    enum Measure { case requestsPerMinute, concurrency, tokens }

    let subject: Subject
    let measure: Measure
    let amount: Int

    /// Begins the name of its bucket; what follows is the key's name or the address.
    private let prefix: StaticString
    /// Bytes of the longest prefix.
    static var prefixLimit: Int { 15 }

    init(subject: Subject, measure: Measure, amount: Int) {
        self.subject = subject
        self.measure = measure
        self.amount = amount
        prefix =
            switch (subject, measure) {
            case (.key, .requestsPerMinute): "key:rate:"
            case (.key, .concurrency): "key:held:"
            case (.address, .requestsPerMinute): "address:rate:"
            case (.address, .concurrency): "address:held:"
            case (.key, .tokens): "key:tokens:"
            case (.address, .tokens): "address:tokens:"
            }
    }

    /// Writes the name of its bucket for that key or address; there must be room for `prefixLimit` bytes more.
    @inline(__always)
    func writeBucket(_ name: Bytes, to memory: UnsafeMutablePointer<UInt8>) -> Bytes {
        let start = prefix.utf8CodeUnitCount
        memory.update(from: prefix.utf8Start, count: start)
        if let base = name.base { (memory + start).update(from: base, count: name.count) }
        return Bytes(base: memory, count: start + name.count)
    }
}

struct RateLimitOptions {
    /// In the order in which they are asked: the first that refuses is the one that is told.
    let limits: [Limit]
    /// Values of gw.route that are limited; empty: all.
    let routes: [[UInt8]]
    /// Whether responses say what is left of the key's requests.
    let announces: Bool

    init(_ settings: Settings) throws(PluginError) {
        var limits: [Limit] = []
        for (name, subject) in [("per_key", Limit.Subject.key), ("per_address", .address)] {
            let place = settings[name]
            if let rate = place["requests_per_minute"].ifPresent {
                let amount = try rate.integer(in: 1...1_000_000_000)
                limits.append(Limit(subject: subject, measure: .requestsPerMinute, amount: amount))
            }
            if let concurrency = place["concurrency"].ifPresent {
                let amount = try concurrency.integer(in: 1...1_000_000)
                limits.append(Limit(subject: subject, measure: .concurrency, amount: amount))
            }
        }
        self.limits = limits
        routes = try settings["routes"].texts().map { Array($0.utf8) }
        announces = try settings["headers"].ifPresent?.bool() ?? true
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
            "per_address": \(limitSchema),
            "routes": {
              "description": "Routes that are limited: messages, count_tokens, models, ...; default: all.",
              "type": "array", "items": { "type": "string", "minLength": 1 }
            },
            "headers": {
              "description": "Say in anthropic-ratelimit-requests-* what is left to the key.",
              "type": "boolean", "default": true
            }
          }
        }
        """
}
