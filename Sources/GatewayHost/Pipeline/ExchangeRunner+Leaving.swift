// The client's going: how it is noticed, and what becomes of an exchange that nobody waits for any more.
//
//   FIN  ─► may be gone ─ policy gives it up now ─► gone
//                       └ served on, for the time of a drain at most ─► gone
//   gone ─► the upstream is being read ─ no, or the answer is our own ─► over
//                                      ├ policy gives it up ──────────► over (aborted)
//                                      ├ as many are read as may be ──► over (crowded)
//                                      └ read on ─ its end ───────────► over (drained)
//                                                └ the time for it ───► over (expired)
//
// `Departure` and the policy decide; places for drains are counted over all loops.

import PluginABI

extension ExchangeRunner {
    /// A half-closed client is served, and one that left looks the same until something is written:
    /// the time for draining bounds both.
    func clientEndedInput() {
        if givesUpForLeaving { return client.cut() }
        clientMayBeGone = true
        boundDrain()
    }

    /// The client's sending side was closed before its key was known: what the key says counts from here on.
    /// - Returns: true if the exchange is over with it.
    func endedInputGivesUp() -> Bool {
        guard clientMayBeGone, givesUpForLeaving else { return false }
        client.cut()
        return true
    }

    /// By default the upstream is read to its end, so that usage is what the provider reported.
    func clientLeft() {
        clientIsGone = true
        if error == GW_OK { error = GW_E_CANCELLED }
        switch stage {
        case .awaitingHead, .collectingError, .attempt, .response, .relaying:
            // Of an answer of our own, or one that has come whole, there is nothing to be read.
            if exchange.isLocal || departure == .expired { return abandon() }
            if givesUpForLeaving {
                departure = .aborted
            } else if !worker.takeDrain(settings.drainLimit) {
                departure = .crowded
            } else {
                departure = .drained
                boundDrain()
                return resumeUpstream()
            }
            abandon()
        case .idle, .completing:
            break
        default:
            abandon()
        }
    }

    /// The time for draining after the client left, or for the whole exchange, is over.
    func boundReached() {
        if clientIsGone {
            departureEnds(.expired)
            return abandon()
        }
        if clientMayBeGone {
            departure = .expired
            return client.cut()
        }
        let error = GatewayError.gateway(504, "the exchange took longer than timeouts.total allows")
        if exchange.isCommitted { breakOff(error) } else { respondLocally(error) }
    }

    /// The exchange is over, and the place for its drain is free.
    func countDeparture() {
        if departure == .drained { worker.giveBackDrain() }
        worker.metrics.clientGone(departure)
    }

    private func departureEnds(_ end: Departure) {
        if departure == .drained { worker.giveBackDrain() }
        departure = end
    }

    /// `timeouts.total` may end it sooner.
    private func boundDrain() {
        let end = loop.now.adding(milliseconds: settings.drainMilliseconds)
        if end < boundTimer.deadline { loop.arm(boundTimer, at: end) }
    }

    /// The key's word about clients that leave, or else the configuration's.
    private var givesUpForLeaving: Bool {
        let said = exchange.attributes.text(.clientGone)
        let policy = said.isAbsent ? settings.clientGone : ClientGoneConfig.Policy(said) ?? settings.clientGone
        return policy.abandons(hasBegun: exchange.isCommitted)
    }
}
