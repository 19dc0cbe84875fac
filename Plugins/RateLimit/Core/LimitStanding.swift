// How a key stands with its limits, and the words and headers that say so.
//
// Time is rounded so that a client that waits as long as it was told is let in: up to the next whole
// second. What is left is rounded down. Kind: pure values.

import PluginKit

/// What `anthropic-ratelimit-*` says of one measure.
struct LimitStanding: BitwiseCopyable {
    let limit: Int
    let remaining: Int
    /// Seconds since 1970 at which all of the limit is there again; 0: never.
    let reset: Int

    init(_ limit: Limit, grant: gw_grant, wallNanoseconds: UInt64) {
        self.limit = limit.amount
        remaining = min(limit.amount, max(0, Int(grant.remaining)))
        reset = limit.budget?.span == .forEver ? 0 : limit.end(milliseconds: grant.reset_ms, wallNanoseconds: wallNanoseconds)
    }

    /// The whole second, since 1970, in which `milliseconds` from now have passed.
    static func secondAfter(milliseconds: UInt64, wallNanoseconds: UInt64) -> Int {
        let end = wallNanoseconds / 1_000_000 + milliseconds
        return Int((end + 999) / 1000)
    }

    /// The other leaves less of itself.
    fileprivate func yields(to other: LimitStanding) -> Bool {
        Double(other.remaining) / Double(max(1, other.limit)) < Double(remaining) / Double(max(1, limit))
    }

    fileprivate func forEachHeader(_ names: (Bytes, Bytes, Bytes), _ body: (_ name: Bytes, _ value: Bytes) -> Void) {
        withByteWriter(capacity: 24) { writer in
            writer.append(decimal: limit)
            body(names.0, writer.bytes)
        }
        withByteWriter(capacity: 24) { writer in
            writer.append(decimal: remaining)
            body(names.1, writer.bytes)
        }
        if reset == 0 { return }
        withByteWriter(capacity: 24) { writer in
            Timestamp(seconds: reset).write(to: &writer)
            body(names.2, writer.bytes)
        }
    }
}

/// Of a key's limits: of each measure that the API has headers for, the one of which least is left.
struct LimitStandings: BitwiseCopyable {
    var requests: LimitStanding?
    var input: LimitStanding?
    var output: LimitStanding?
    var tokens: LimitStanding?

    init(requests: LimitStanding? = nil) { self.requests = requests }

    init(_ limits: [Limit], _ result: OperationResult, wallNanoseconds: UInt64) {
        for (index, limit) in limits.enumerated() where limit.subject == .key {
            guard let grant = result.grant(index) else { continue }
            let standing = LimitStanding(limit, grant: grant, wallNanoseconds: wallNanoseconds)
            switch limit.measure {
            case .requestsPerMinute, .budget(.requests, _): Self.keep(standing, in: &requests)
            case .budget(.inputTokens, _): Self.keep(standing, in: &input)
            case .budget(.outputTokens, _): Self.keep(standing, in: &output)
            case .budget(.tokens, _): Self.keep(standing, in: &tokens)
            case .budget(.usd, _), .concurrency: break
            }
        }
    }

    private static func keep(_ standing: LimitStanding, in place: inout LimitStanding?) {
        if place.map({ $0.yields(to: standing) }) ?? true { place = standing }
    }

    var isEmpty: Bool { requests == nil && input == nil && output == nil && tokens == nil }

    /// Runs `body` with each header and its value.
    func forEachHeader(_ body: (_ name: Bytes, _ value: Bytes) -> Void) {
        requests?.forEachHeader(
            ("anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"), body)
        input?.forEachHeader(
            (
                "anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining",
                "anthropic-ratelimit-input-tokens-reset"
            ), body)
        output?.forEachHeader(
            (
                "anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-remaining",
                "anthropic-ratelimit-output-tokens-reset"
            ), body)
        tokens?.forEachHeader(
            ("anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"), body)
    }
}

extension Limit {
    /// The second, since 1970, in which `milliseconds` from now have passed. Periods of the calendar end at a full one, which is
    /// a little less or more away when the clock is read once more.
    fileprivate func end(milliseconds: UInt64, wallNanoseconds: UInt64) -> Int {
        guard let span = budget?.span, span != .minute else {
            return LimitStanding.secondAfter(milliseconds: milliseconds, wallNanoseconds: wallNanoseconds)
        }
        return Int((wallNanoseconds / 1_000_000 + milliseconds + 500) / 1000)
    }

    /// "the budget of 5.00 USD per day".
    var spoken: String {
        switch measure {
        case .requestsPerMinute: "the limit of \(amount) requests per minute"
        case .concurrency: "the limit of \(amount) requests at the same time"
        case .budget(let measure, let span):
            "the \(measure == .usd ? "budget" : "limit") of \(BudgetText.spoken(amount, measure)) "
                + (span == .forEver ? "in all" : "per \(span.word)")
        }
    }

    private func who(_ name: String) -> String {
        switch subject {
        case .key: name.isEmpty ? "requests without a key" : "the API key '\(name)'"
        case .tenant: name.isEmpty ? "requests without a tenant" : "the tenant '\(name)'"
        case .address: name.isEmpty ? "clients without an address" : "the address \(name)"
        }
    }

    /// What the client is told that waited for a place in vain, or could not wait.
    func placesTaken(name: String, _ reason: String) -> Refusal {
        Refusal(
            .rateLimit, "\(who(name)) reached \(spoken), \(reason); try again when one of them has ended", retryAfter: 1)
    }

    /// What the client is told whose stream ends here.
    func streamStopped(name: String, grant: gw_grant, wallNanoseconds: UInt64) -> Refusal {
        var message = "\(who(name)) used up \(spoken) while this answer was written; it ends here and is not complete"
        guard let (measure, span) = budget, span != .forEver else { return Refusal(.billing, message) }
        let end = end(milliseconds: grant.reset_ms, wallNanoseconds: wallNanoseconds)
        message += ". It renews at \(Timestamp(seconds: end).text)"
        return Refusal(measure == .usd ? .billing : .rateLimit, message)
    }

    /// What the client is told when this limit refuses it.
    /// - Parameters:
    ///   - name: the key's name, the tenant's, or the address; empty if there is none.
    ///   - grant: how the limit stands.
    func refusal(name: String, grant: gw_grant, wallNanoseconds: UInt64) -> Refusal {
        let who = who(name)
        switch measure {
        case .requestsPerMinute:
            return wait(
                "\(who) reached the limit of \(amount) requests per minute", milliseconds: grant.retry_after_ms, wallNanoseconds)
        case .concurrency:
            return Refusal(
                .rateLimit,
                "\(who) reached the limit of \(amount) requests at the same time; try again when "
                    + "one of them has ended",
                retryAfter: 1)
        case .budget(let measure, let span): return refusal(who, measure, span, grant, wallNanoseconds)
        }
    }

    private func refusal(
        _ who: String, _ measure: BudgetText.Measure, _ span: BudgetText.Span, _ grant: gw_grant, _ wallNanoseconds: UInt64
    ) -> Refusal {
        let limit = BudgetText.spoken(amount, measure)
        let spent = min(Int(grant.spent), Int.max)
        if spent < amount, span != .minute {
            let left = BudgetText.spoken(amount - spent, measure)
            let period = span == .forEver ? "in all" : "per \(span.word)"
            return Refusal(
                .rateLimit,
                "\(who) has \(left) left of \(limit) \(period), and requests that are running have reserved so much of it that this one does "
                    + "not fit; try again when one of them has ended",
                retryAfter: 1)
        }
        if span == .forEver {
            let given = measure == .tokens ? "has used up the \(amount) tokens it was given" : "has used up the \(limit) it was given"
            return Refusal(.billing, "\(who) \(given); ask the operator for more", shouldRetry: false)
        }
        if measure == .usd {
            let end = end(milliseconds: grant.reset_ms, wallNanoseconds: wallNanoseconds)
            return Refusal(
                .billing,
                "\(who) has used up its budget of \(limit) per \(span.word) (\(BudgetText.spoken(spent, measure)) spent); it renews at "
                    + "\(Timestamp(seconds: end).text)",
                retryAfter: max(1, Int((grant.retry_after_ms + 999) / 1000)), shouldRetry: false)
        }
        return wait("\(who) reached the limit of \(limit) per \(span.word)", milliseconds: grant.retry_after_ms, wallNanoseconds)
    }

    private func wait(_ reason: String, milliseconds: UInt64, _ wallNanoseconds: UInt64) -> Refusal {
        let seconds = max(1, Int((milliseconds + 999) / 1000))
        let end = end(milliseconds: milliseconds, wallNanoseconds: wallNanoseconds)
        return Refusal(
            .rateLimit, "\(reason); try again in \(seconds) s, at \(Timestamp(seconds: end).text)", retryAfter: seconds,
            shouldRetry: seconds <= 60)
    }
}
