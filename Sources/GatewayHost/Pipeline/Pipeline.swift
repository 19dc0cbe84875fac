// What a verdict means, and when another attempt is allowed: the decisions of the road.
//
//   verdict          request body select   attempt     response    chunk        admin
//   CONTINUE         next                  next        next        next         next (404 at the end)
//   SUSPEND          wait, if something is pending; a failure if not             wait
//   RESPOND          respond, if staged    respond     respond     failure      respond
//   RETRY            failure               retry *     retry *     retry *      failure
//   FINISH           failure               failure     failure     finish       failure
//   FAIL             the operator's policy for this entry
//
//   * only before the commit and while attempts and time are left; refused otherwise, which means
//     CONTINUE: the client then gets the last real answer of an upstream.
//
// Kind: value; no clock, no descriptor, no C beyond the contract's constants. Tested by tables.

import PluginABI

struct Pipeline {
    /// What the runner does about a verdict.
    enum Ruling: Equatable {
        case next, wait, respond, retry, finish
        case fail(Failure)
    }

    /// Why a hook counts as failed.
    enum Failure: String {
        case failed = "returned GW_FAIL"
        case illegalVerdict = "returned a verdict that this hook may not return"
        case nothingPending = "suspended with no operation pending"
        case nothingStaged = "returned GW_RESPOND without a staged response"
        case alreadyCommitted = "returned GW_RESPOND after the first byte of the response had left"
        case suspendedTooLong = "stayed suspended longer than its suspension_limit"
    }

    /// What the ruling depends on besides the verdict.
    struct Facts {
        var isCommitted: Bool
        var mayRetry: Bool
        var hasStagedResponse: Bool
        /// Operations that could still end the suspension.
        var awaitedOperations: Int32
    }

    static func rule(on verdict: gw_verdict, in phase: Phase, _ facts: Facts) -> Ruling {
        switch verdict {
        case GW_CONTINUE:
            return .next
        case GW_SUSPEND:
            if phase == .complete { return .fail(.illegalVerdict) }
            return facts.awaitedOperations > 0 ? .wait : .fail(.nothingPending)
        case GW_RESPOND:
            switch phase {
            case .request, .body, .select, .attempt, .response, .admin:
                if facts.isCommitted { return .fail(.alreadyCommitted) }
                return facts.hasStagedResponse ? .respond : .fail(.nothingStaged)
            case .chunk, .complete:
                return .fail(.illegalVerdict)
            }
        case GW_RETRY:
            switch phase {
            case .attempt, .response, .chunk:
                return facts.mayRetry && !facts.isCommitted ? .retry : .next
            case .request, .body, .select, .complete, .admin:
                return .fail(.illegalVerdict)
            }
        case GW_FINISH:
            return phase == .chunk ? .finish : .fail(.illegalVerdict)
        case GW_FAIL:
            return .fail(.failed)
        default:
            return .fail(.illegalVerdict)
        }
    }
}

/// How many attempts an exchange may make, and until when.
///
/// An attempt that a proxy failed has not reached an upstream and does not count, so that accounts whose ways out are all
/// dead leave the attempts for those that are well. It cannot go on for ever: so many of them at most, in the same time.
struct AttemptBudget {
    /// Of attempts that a proxy failed. An account is asked for once a way, and rests afterwards.
    static let unreachedLimit = 32

    /// Attempts in all, at least 1.
    var attemptLimit: Int
    /// Time after the first attempt began in which another may begin.
    var retryMilliseconds: Int
    /// Attempts that have begun.
    private(set) var attempts = 0
    private var firstStarted = Instant.distantFuture
    private var unreached = 0

    init(attemptLimit: Int, retryMilliseconds: Int) {
        self.attemptLimit = attemptLimit
        self.retryMilliseconds = retryMilliseconds
    }

    mutating func attemptBegins(at now: Instant) {
        if attempts == 0 { firstStarted = now }
        attempts += 1
    }

    /// The attempt did not reach the upstream. One attempt stays one.
    mutating func proxyFailed() {
        guard attemptLimit > 1, unreached < Self.unreachedLimit else { return }
        unreached += 1
        attemptLimit += 1
    }

    /// Whether a failed attempt may be followed by another.
    func allowsAnother(at now: Instant) -> Bool {
        attempts < attemptLimit
            && (attempts == 0 || now.milliseconds(since: firstStarted) < retryMilliseconds)
    }
}
