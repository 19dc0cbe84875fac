// What can go wrong with an account, and what follows from it: the first wait, whether the last healthy
// account is spared, and what of the account is touched.
//
// Kind: pure value. The numbers are bits in Health's word and in snapshots: new ones go to the end.

enum Trouble: UInt8, CaseIterable {
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
    /// The gateway itself cannot use it as it is set up: no request leaves for it.
    case misconfigured
    /// The provider says that whoever owns the account is disabled.
    case closed

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
        case .rateLimited, .forbidden, .unauthorised: 30_000
        case .misconfigured: 60_000
        case .closed: 3_600_000
        }
    }

    /// May the last healthy account be taken away for it? Trouble at the other end is no reason, for
    /// an answer that says so is better than none; a wrong credential or a used-up limit is one.
    var sparesTheLast: Bool {
        switch self {
        case .unreachable, .serverError, .overloaded, .forbidden: true
        case .rateLimited, .unauthorised, .misconfigured, .closed: false
        }
    }

    /// What of the account it touches, if the upstream says nothing more exact. A server that fails
    /// for one model may serve another; a connection or a credential is there for all of them.
    func scope(of request: LimitScope) -> LimitScope {
        switch self {
        case .rateLimited, .serverError, .overloaded: request
        case .unreachable, .unauthorised, .forbidden, .misconfigured, .closed: .account
        }
    }

    /// The label of metrics and documents.
    var word: StaticString {
        switch self {
        case .unreachable: "unreachable"
        case .rateLimited: "rate_limited"
        case .unauthorised: "unauthorised"
        case .forbidden: "forbidden"
        case .serverError: "server_error"
        case .overloaded: "overloaded"
        case .misconfigured: "misconfigured"
        case .closed: "closed"
        }
    }

    var sentence: String {
        switch self {
        case .unreachable: "it could not be reached"
        case .rateLimited: "its limit is used up (429)"
        case .unauthorised: "its credential was refused (401)"
        case .forbidden: "it was forbidden (403)"
        case .serverError: "its server failed (5xx)"
        case .overloaded: "its server is overloaded (529)"
        case .misconfigured: "the gateway cannot use it as it is set up"
        case .closed: "the provider says that it is disabled"
        }
    }
}

/// Where the end of a wait comes from.
enum EndSource: UInt8, CaseIterable {
    /// Our own back-off.
    case backOff
    case retryAfter
    case unified
    case unifiedFiveHour
    case unifiedSevenDay
    /// A unified window of one family of models.
    case unifiedFamily
    case requests
    case tokens
    case inputTokens
    case outputTokens

    /// The header, or nil for our own back-off.
    var header: StaticString? {
        switch self {
        case .backOff: nil
        case .retryAfter: "retry-after"
        case .unified: "anthropic-ratelimit-unified-reset"
        case .unifiedFiveHour: "anthropic-ratelimit-unified-5h-reset"
        case .unifiedSevenDay: "anthropic-ratelimit-unified-7d-reset"
        case .unifiedFamily: "anthropic-ratelimit-unified-7d_*-reset"
        case .requests: "anthropic-ratelimit-requests-reset"
        case .tokens: "anthropic-ratelimit-tokens-reset"
        case .inputTokens: "anthropic-ratelimit-input-tokens-reset"
        case .outputTokens: "anthropic-ratelimit-output-tokens-reset"
        }
    }
}

/// A wait that the upstream asks for.
struct AskedWait: Equatable {
    var milliseconds: UInt64
    var source: EndSource
}
