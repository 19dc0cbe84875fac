// How a key stands with its limit of requests, and the words and headers that say so.
//
// Time is rounded so that a client that waits as long as it was told is let in: up to the next whole
// second. What is left is rounded down. Kind: pure values.

import PluginKit

/// What `anthropic-ratelimit-requests-*` says.
struct LimitStanding: BitwiseCopyable {
    let limit: Int
    let remaining: Int
    /// Seconds since 1970 at which all of the limit is there again.
    let reset: Int

    init(limit: Int, grant: gw_grant, wallNanoseconds: UInt64) {
        self.limit = limit
        remaining = min(limit, max(0, Int(grant.remaining)))
        reset = Self.secondAfter(milliseconds: grant.reset_ms, wallNanoseconds: wallNanoseconds)
    }

    /// Runs `body` with each header and its value.
    func forEachHeader(_ body: (_ name: Bytes, _ value: Bytes) -> Void) {
        withByteWriter(capacity: 24) { writer in
            writer.append(decimal: limit)
            body("anthropic-ratelimit-requests-limit", writer.bytes)
        }
        withByteWriter(capacity: 24) { writer in
            writer.append(decimal: remaining)
            body("anthropic-ratelimit-requests-remaining", writer.bytes)
        }
        withByteWriter(capacity: 24) { writer in
            Timestamp(seconds: reset).write(to: &writer)
            body("anthropic-ratelimit-requests-reset", writer.bytes)
        }
    }

    /// The whole second, since 1970, in which `milliseconds` from now have passed.
    static func secondAfter(milliseconds: UInt64, wallNanoseconds: UInt64) -> Int {
        let end = wallNanoseconds / 1_000_000 + milliseconds
        return Int((end + 999) / 1000)
    }
}

extension Limit {
    /// What the client is told when this limit refuses it.
    /// - Parameters:
    ///   - name: the key's name, or the address; empty if there is none.
    ///   - retryMilliseconds: when it would pass; 0 if that is unknown.
    func refusal(name: String, retryMilliseconds: UInt64, wallNanoseconds: UInt64) -> Refusal {
        let who =
            switch subject {
            case .key: name.isEmpty ? "requests without a key" : "the API key '\(name)'"
            case .address: name.isEmpty ? "clients without an address" : "the address \(name)"
            }
        switch measure {
        case .requestsPerMinute:
            let seconds = max(1, Int((retryMilliseconds + 999) / 1000))
            let end = LimitStanding.secondAfter(
                milliseconds: retryMilliseconds, wallNanoseconds: wallNanoseconds)
            return Refusal(
                .rateLimit,
                "\(who) reached the limit of \(amount) requests per minute; try again in "
                    + "\(seconds) s, at \(Timestamp(seconds: end).text)",
                retryAfter: seconds, shouldRetry: seconds <= 60)
        case .concurrency:
            return Refusal(
                .rateLimit,
                "\(who) reached the limit of \(amount) requests at the same time; try again when "
                    + "one of them has ended",
                retryAfter: 1)
        case .tokens:
            return Refusal(
                .billing, "\(who) has used up the \(amount) tokens it was given; ask the operator for more",
                shouldRetry: false)
        }
    }
}
