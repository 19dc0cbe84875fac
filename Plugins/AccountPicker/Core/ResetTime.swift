// How long an upstream asks to be left alone, and which of its headers said so.
//
// In this order: `retry-after`; `anthropic-ratelimit-unified-reset`, which is Unix seconds; the
// latest `reset` of the windows of which nothing remains, which is RFC 3339. A time that has passed
// is no answer. The cap is Cooling's business.
//
// Kind: pure but for reading the headers of the attempt. Source: WIRE.md section 5.

import PluginKit

struct ResetTime {
    let milliseconds: UInt64
    /// The header, for the log.
    let source: StaticString

    /// - Parameter wall: seconds since 1970.
    init?(_ request: Request, retryAfterMilliseconds: Int, reason: CoolingReason, wall: Int) {
        if retryAfterMilliseconds > 0 {
            self.init(milliseconds: UInt64(retryAfterMilliseconds), source: "retry-after")
            return
        }
        guard reason == .rateLimited else { return nil }
        let unified: StaticString = "anthropic-ratelimit-unified-reset"
        if let wait = Self.wait(Self.header(request, unified), wall) {
            self.init(milliseconds: wait, source: unified)
            return
        }
        var latest: ResetTime?
        for window in Self.windows {
            guard Self.header(request, window.remaining).trimmed.decimal == 0,
                let wait = Self.wait(Self.header(request, window.reset), wall),
                wait > latest?.milliseconds ?? 0
            else { continue }
            latest = ResetTime(milliseconds: wait, source: window.reset)
        }
        guard let latest else { return nil }
        self = latest
    }

    private init(milliseconds: UInt64, source: StaticString) {
        self.milliseconds = milliseconds
        self.source = source
    }

    private static let windows: [(remaining: StaticString, reset: StaticString)] = [
        ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
        ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
        ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
        ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ]

    private static func header(_ request: Request, _ name: StaticString) -> Bytes {
        request.header(Bytes(stringLiteral: name), of: GW_RESPONSE)
    }

    /// Milliseconds from `wall` to a point in time in either spelling; nil if it is none or over.
    static func wait(_ value: Bytes, _ wall: Int) -> UInt64? {
        let value = value.trimmed
        guard let end = value.decimal ?? Timestamp(rfc3339: value)?.seconds, end > wall else { return nil }
        // Years are capped like days; this only keeps a nonsense number from overflowing.
        return UInt64(min(end - wall, 1_000_000_000)) * 1000
    }
}
