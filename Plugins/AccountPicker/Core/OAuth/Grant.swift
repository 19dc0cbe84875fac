// What an OAuth account was given and how it stands: the state machine of its credential, nothing else.
//
//                        authorized (a code was exchanged, or the operator wrote tokens)
//     unauthorized ────────────────────────────────────────────────► valid ◄──────────────────────────┐
//                                                                     │  ▲                            │
//                      claimed: compare-and-set on the record, before │  │ not used: the endpoint said │
//                      anything is sent; one claim sends once         ▼  │ so, or nothing left;        │
//                                                                 refreshing   again after a back-off   │
//                                                                   │ │ └──── refreshed ──────────────┤
//                 refused: invalid_grant, both tokens are gone      │ │                               │
//     needs_operator ◄──────────────────────────────────────────────┘ │                               │
//        ▲  │ ▲                                                       │                               │
//        │  │ └──── lost: sent, and nobody knows what came of it; or the claim's time is over ────────┘
//        │  │                                                                                         │
//        │  └──── authorized; the late answer of whoever had the claim; refreshed by order ───────────┘
//        └─────── valid, and expired without a refresh token
//
// 1. A refresh token is sent once for each claim, and after a claim that ended without a word it is not sent again
//    by the gateway itself: a provider that punishes reuse would revoke the account for it.
// 2. What is lost leaves the access token: it serves until it expires or is rejected. What is refused leaves nothing.
// 3. Who holds a claim stores what it got whatever others have made of it meanwhile, if the refresh token is still
//    the one that it sent.
//
// Kind: pure value, as it stands in the account's record. Times are seconds since 1970.

/// What a token endpoint gave.
struct Tokens: Equatable, Sendable {
    var access: String
    /// nil: the one before stays good (RFC 6749 section 6).
    var refresh: String?
    /// Seconds, as `expires_in` says; nil: it does not.
    var lifetime: Int?
}

struct Grant: Equatable, Sendable {
    enum State: String, CaseIterable, Sendable {
        case unauthorized, valid, refreshing
        case needsOperator = "needs_operator"
    }

    struct Claim: Equatable, Sendable {
        /// The process, for people: "host/1234/9f3c…".
        var owner: String
        var since: Int
        var until: Int
    }

    var state = State.unauthorized
    var accessToken: String?
    var refreshToken: String?
    /// nil: it is not known; then it is good until it is rejected.
    var expires: Int?
    /// What `expires` was made of; nil for tokens that the operator wrote.
    var lifetime: Int?
    var claim: Claim?
    /// Refreshes in a row that came to nothing, and when the next may be tried.
    var failures = 0
    var retryAt: Int?
    /// For people: why it is as it is.
    var detail: String?

    // MARK: What is to be done

    enum Step: Equatable {
        case rest
        /// Nothing before then.
        case look(at: Int)
        case refresh
        /// It becomes `needs_operator` for this reason.
        case giveUp(String)
    }

    /// A tenth of its life ahead of the end, at most this.
    private static let leadLimit = 600
    /// So often at most, whatever the provider calls a lifetime.
    private static let floor = 10
    private static let backOffLimit = 300

    /// - Parameters:
    ///   - chance: any number, the same for the account as long as the process lives: processes begin at different times.
    ///   - isRejected: the upstream answered 401 to the access token.
    func step(at now: Int, chance: UInt64, isRejected: Bool = false) -> Step {
        switch state {
        case .unauthorized, .needsOperator: return .rest
        case .refreshing:
            guard let claim else { return .giveUp("its record says that it is being refreshed, and not by whom") }
            return now < claim.until ? .look(at: claim.until) : .giveUp(Self.words(of: claim))
        case .valid:
            guard refreshToken != nil else {
                guard let expires else { return .rest }
                return now < expires ? .look(at: expires) : .giveUp("its access token has expired and there is no refresh token")
            }
            var due = now
            if !isRejected, accessToken != nil {
                guard let expires else { return .rest }
                due = expires - lead(chance)
                if let lifetime { due = max(due, expires - lifetime + Self.floor) }
            }
            due = max(due, retryAt ?? due)
            return now < due ? .look(at: due) : .refresh
        }
    }

    private func lead(_ chance: UInt64) -> Int {
        let lead = min(Self.leadLimit, (lifetime ?? 10 * Self.leadLimit) / 10)
        return lead + Int(chance % UInt64(lead / 2 + 1))
    }

    enum Readiness: Equatable {
        /// The access token may be sent, before `until` if that is known; afterwards one comes, or not.
        case yes(until: Int?, comes: Bool)
        /// There is none now, but one comes; `at`: not before then, nil: any moment.
        case comes(at: Int?)
        case no
    }

    func readiness(at now: Int, isRejected: Bool = false) -> Readiness {
        let comes = state == .refreshing || state == .valid && refreshToken != nil
        if accessToken != nil, !isRejected, expires.map({ now < $0 }) ?? true { return .yes(until: expires, comes: comes) }
        guard comes else { return .no }
        return .comes(at: state == .valid ? retryAt.flatMap { $0 > now ? $0 : nil } : nil)
    }

    // MARK: Events

    /// Somebody takes it upon itself to refresh.
    mutating func claimed(by owner: String, at now: Int, until: Int) {
        state = .refreshing
        claim = Claim(owner: owner, since: now, until: until)
    }

    /// A code was exchanged: nothing of what was before counts.
    mutating func authorized(_ tokens: Tokens, at now: Int) {
        self = Grant()
        refreshed(tokens, at: now)
    }

    mutating func refreshed(_ tokens: Tokens, at now: Int) {
        accessToken = tokens.access
        refreshToken = tokens.refresh ?? refreshToken
        // A year is long enough for any clock.
        lifetime = tokens.lifetime.map { min(max($0, 0), 31_622_400) }
        expires = lifetime.map { now + $0 }
        settled(.valid, nil)
        failures = 0
        retryAt = nil
    }

    /// The refresh token was not used: the endpoint said so, or it was never reached.
    /// - Parameter wait: seconds that the endpoint asked for.
    mutating func notUsed(_ words: String, at now: Int, wait: Int?, chance: UInt64) {
        failures = min(failures + 1, 30)
        let backOff = min(Self.backOffLimit, 2 << min(failures, 8))
        retryAt = now + max(min(wait ?? 0, 3_600), backOff + Int(chance % UInt64(backOff / 4 + 1)))
        settled(.valid, "the last refresh came to nothing: \(words)")
    }

    /// The provider does not accept the refresh token any more.
    mutating func refused(_ words: String) {
        accessToken = nil
        refreshToken = nil
        expires = nil
        lifetime = nil
        settled(.needsOperator, "\(words); authorize it again")
    }

    /// Nobody knows whether the refresh token was used.
    mutating func lost(_ words: String) {
        settled(.needsOperator, words)
    }

    private mutating func settled(_ state: State, _ detail: String?) {
        self.state = state
        self.detail = detail
        claim = nil
    }

    private static func words(of claim: Claim) -> String {
        "a refresh was under way when the gateway (\(claim.owner)) died or lost its store; its access token is used "
            + "until it expires, the refresh token may be used up: authorize it again"
    }
}
