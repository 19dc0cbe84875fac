// When an account may be used again after a failure: the state machine, and nothing else.
//
//                      failed                     until passes
//        healthy ─────────────────► cooling ──────────────────────► trying
//           ▲                        ▲   │ failed: `until` moves      │  │
//           │                        │   │ out if the upstream says   │  │
//           │                        │   └─► so, and nothing counts   │  │
//           │                        └────────────────────────────────┘  │
//           └────────────────────────── succeeded ───────────────────────┘
//                                          failed: the next back-off, twice as long
//
// 1. While it cools nothing more is counted: what fails then was sent before, and ten requests that
//    fail together are one failure. For the same reason a success does not end the cooling early.
// 2. An end that the upstream gave is believed, between one second and the cap. Without one the wait
//    is the reason's own, doubled for every failure in a row.
// 3. It fits into one word, so that workers share it with one atomic and no lock.
//
// Kind: pure value. `now` and `until` are monotonic milliseconds.

/// Why an account is left alone.
enum CoolingReason: UInt8, CaseIterable {
    /// It could not be reached, or its answer broke off before the headers.
    case unreachable = 1
    /// 429.
    case rateLimited
    /// 401: the credential is not accepted.
    case unauthorised
    /// 403.
    case forbidden
    /// 5xx but 529.
    case serverError
    /// 529.
    case overloaded

    init?(status: Int) {
        switch status {
        case 401: self = .unauthorised
        case 403: self = .forbidden
        case 429: self = .rateLimited
        case 529: self = .overloaded
        case 500...599: self = .serverError
        default: return nil
        }
    }

    /// From the type of the API's error envelope; nil for errors of the request itself.
    init?(errorType: String) {
        switch errorType {
        case "authentication_error": self = .unauthorised
        case "permission_error": self = .forbidden
        case "rate_limit_error": self = .rateLimited
        case "overloaded_error": self = .overloaded
        case "api_error", "timeout_error": self = .serverError
        default: return nil
        }
    }

    /// The first wait if the upstream says nothing, in milliseconds.
    var firstWait: UInt64 {
        switch self {
        case .unreachable, .serverError, .overloaded: 5_000
        case .rateLimited, .forbidden: 30_000
        case .unauthorised: 300_000
        }
    }

    /// May the last healthy account be taken away for it? Trouble at the other end is no reason, for
    /// an answer that says so is better than none; a wrong credential or a used-up limit is one.
    var sparesTheLast: Bool {
        switch self {
        case .unreachable, .serverError, .overloaded, .forbidden: true
        case .rateLimited, .unauthorised: false
        }
    }

    var words: String {
        switch self {
        case .unreachable: "it could not be reached"
        case .rateLimited: "its limit is used up (429)"
        case .unauthorised: "its credential was refused (401)"
        case .forbidden: "it was forbidden (403)"
        case .serverError: "its server failed (5xx)"
        case .overloaded: "its server is overloaded (529)"
        }
    }
}

struct Cooling: Equatable {
    /// Back-off doubles up to here: 5 s become at most 640 s.
    private static let doublings: UInt64 = 7

    /// When it may be tried again; 0 if it is healthy.
    private(set) var until: UInt64 = 0
    /// Failures in a row.
    private(set) var failures: UInt8 = 0
    private(set) var reason: CoolingReason?

    static let healthy = Cooling()

    func isCooling(at now: UInt64) -> Bool { now < until }

    /// - Parameters:
    ///   - asked: the wait that the upstream asked for, in milliseconds; nil if it did not.
    ///   - cap: the longest wait, in milliseconds.
    mutating func failed(_ reason: CoolingReason, at now: UInt64, asked: UInt64?, cap: UInt64) {
        if isCooling(at: now) {
            if let asked { until = max(until, now + clamp(asked, cap)) }
            return
        }
        let doublings = min(UInt64(failures), Self.doublings)
        let wait = asked ?? reason.firstWait << doublings
        failures = failures == .max ? .max : failures + 1
        until = now + clamp(wait, cap)
        self.reason = reason
    }

    mutating func succeeded(at now: UInt64) {
        if !isCooling(at: now) { self = .healthy }
    }

    private func clamp(_ wait: UInt64, _ cap: UInt64) -> UInt64 { min(max(wait, 1_000), cap) }

    // MARK: One word

    // 48 bits of milliseconds are 8,900 years; 8 bits of failures, 8 of reason.
    var bits: UInt64 { until << 16 | UInt64(failures) << 8 | UInt64(reason?.rawValue ?? 0) }

    init() {}

    init(bits: UInt64) {
        until = bits >> 16
        failures = UInt8(truncatingIfNeeded: bits >> 8)
        reason = CoolingReason(rawValue: UInt8(truncatingIfNeeded: bits))
    }

    /// From a snapshot, where nothing can be trusted to make sense.
    init(until: UInt64, failures: UInt8, reason: CoolingReason) {
        self.until = min(until, UInt64.max >> 16)
        self.failures = failures
        self.reason = reason
    }
}
