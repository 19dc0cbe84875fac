// The proxies of one account, in the operator's order, and the one that is used.
//
// It stays with the one it uses for as long as that works, so that the upstream sees one address; then it takes the first in order
// that works. One whose rest is over gets a request as a probe only when none is open: nobody's request is risked while there is a
// good way out. When all rest, the one whose rest ends first is used: the dial may fail, and then the account is left alone; nothing goes
// out directly.
//
// Kind: confined to its worker. Invariant: there is at least one exit.

final class ExitRoute {
    let exits: [Exit]
    /// Place of the one that is used.
    private(set) var used = 0

    init(_ exits: [Exit]) {
        precondition(!exits.isEmpty)
        self.exits = exits
    }

    struct Pick: Equatable {
        var place: Int
        /// The attempt is this probe of the exit; 0: it is none.
        var probe: UInt64 = 0
    }

    /// The exit for the next attempt.
    /// - Parameter failed: a bit for each place that has failed in this exchange.
    func pick(at now: UInt64, without failed: UInt64 = 0) -> Pick {
        if failed >> UInt64(used) & 1 == 0, exits[used].admission(at: now) == .yes { return Pick(place: used) }
        for place in exits.indices where failed >> UInt64(place) & 1 == 0 && exits[place].admission(at: now) == .yes {
            used = place
            return Pick(place: place)
        }
        for place in exits.indices where failed >> UInt64(place) & 1 == 0 && exits[place].admission(at: now) == .asProbe {
            if let probe = exits[place].take(at: now) { return Pick(place: place, probe: probe) }
        }
        return Pick(place: soonest(at: now))
    }

    private func soonest(at now: UInt64) -> Int {
        var best = (place: 0, until: UInt64.max)
        for place in exits.indices {
            let until = if case .no(let until) = exits[place].admission(at: now) { until } else { now }
            if until < best.until { best = (place, until) }
        }
        return best.place
    }

    /// Whether an attempt on another one is worth its while.
    func hasAnother(at now: UInt64, without failed: UInt64) -> Bool {
        exits.indices.contains { place in
            guard failed >> UInt64(place) & 1 == 0 else { return false }
            if case .no = exits[place].admission(at: now) { return false }
            return true
        }
    }

    /// An attempt through it came through.
    func worked(_ place: Int) { used = place }
}
