// What the outcome of an attempt says about its account: nothing, trouble, or that this one request was
// refused and the account is as good as before.
//
//     429 "extra usage" in its text          of the request: another account may have that
//     429 and unified-status rejected        the account, or the family that the claim names
//     other 429                              the family that was asked for (or counting)
//     401, 403, no connection                the account
//     5xx, 529                               the family: another model's servers may be well
//
// The end of the wait, in this order: `retry-after`; the reset of the window that the claim names, or of
// the whole subscription; the latest reset of the buckets of which nothing remains. A time that has passed
// is no answer. Capping is Health's business.
//
// Texts of errors are believed only where a client cannot have put them there.
//
// Kind: pure value.

import PluginKit

struct Diagnosis {
    /// nil: the account is well.
    private(set) var trouble: Trouble?
    private(set) var scope = LimitScope.account
    private(set) var asked: AskedWait?
    /// This account refused this request, and nothing follows from it for others.
    private(set) var isOfRequest = false

    var isFine: Bool { trouble == nil && !isOfRequest }

    /// An attempt that got an answer.
    /// - Parameters:
    ///   - wall: seconds since 1970.
    ///   - retryAfterMilliseconds: 0 if the answer did not say.
    init(
        status: Int, request: LimitScope, report: LimitReport, retryAfterMilliseconds: Int, errorBody: Bytes,
        wall: @autoclosure () -> Int
    ) {
        guard let trouble = Trouble(status: status) else { return }
        if trouble == .rateLimited, Self.contains(errorBody, "extra usage") {
            isOfRequest = true
            return
        }
        if trouble == .forbidden, Self.contains(errorBody, "organization has been disabled") {
            self.trouble = .closed
            return
        }
        self.trouble = trouble
        scope = trouble.scope(of: request)
        if retryAfterMilliseconds > 0 {
            asked = AskedWait(milliseconds: UInt64(retryAfterMilliseconds), source: .retryAfter)
        }
        guard trouble == .rateLimited else { return }
        if report.isRejected {
            switch report.claim {
            case .family(let family): scope = family
            case .none, .fiveHour, .sevenDay: scope = .account
            }
        }
        if asked == nil { asked = Self.end(of: report, wall: wall()) }
    }

    /// An attempt that got none.
    init(error: gw_error) {
        trouble = error == GW_E_ARGUMENT ? .misconfigured : .unreachable
    }

    /// An error as the first event of a stream.
    init(errorType: String, request: LimitScope) {
        guard let trouble = Trouble(errorType: errorType) else { return }
        self.trouble = trouble
        scope = trouble.scope(of: request)
    }

    // MARK: Private

    private static func end(of report: LimitReport, wall: Int) -> AskedWait? {
        let claimed: (reset: Int, source: EndSource)? =
            switch report.claim {
            case .none: nil
            case .fiveHour: (report.fiveHour.reset, .unifiedFiveHour)
            case .sevenDay: (report.sevenDay.reset, .unifiedSevenDay)
            case .family(let family): (report.window(of: family).reset, .unifiedFamily)
            }
        if let claimed, let wait = wait(until: claimed.reset, wall) {
            return AskedWait(milliseconds: wait, source: claimed.source)
        }
        if let wait = wait(until: report.reset, wall) { return AskedWait(milliseconds: wait, source: .unified) }
        var latest: AskedWait?
        let buckets: [(LimitReport.Bucket, EndSource)] = [
            (report.requests, .requests), (report.tokens, .tokens), (report.inputTokens, .inputTokens),
            (report.outputTokens, .outputTokens),
        ]
        for (bucket, source) in buckets where bucket.remaining == 0 {
            guard let wait = wait(until: bucket.reset, wall), wait > latest?.milliseconds ?? 0 else { continue }
            latest = AskedWait(milliseconds: wait, source: source)
        }
        return latest
    }

    /// Milliseconds from `wall` to `end`; nil if that is over.
    private static func wait(until end: Int, _ wall: Int) -> UInt64? {
        guard end > wall else { return nil }
        // Years are capped like days; this only keeps a nonsense number from overflowing.
        return UInt64(min(end - wall, 1_000_000_000)) * 1000
    }

    /// `words` in lower case, somewhere in `text` in any case.
    private static func contains(_ text: Bytes, _ words: Bytes) -> Bool {
        guard text.count >= words.count else { return false }
        for start in 0...(text.count - words.count) where text[start] | 0x20 == words[0] {
            if text.slice(start, start + words.count).equalsIgnoringCase(words) { return true }
        }
        return false
    }
}
