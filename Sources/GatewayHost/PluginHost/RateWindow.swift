// A smooth rate: at most `limit` units at once, refilled evenly at `limit` per `period`.
//
// The generic cell rate algorithm: one number, the theoretical arrival time, is all the state. It is
// kept in units of 1/limit ns, in which one unit of cost is exactly `period`, so nothing is ever
// rounded: after any number of grants the state is exact.
//
//   granted  ⇔  max(arrival, now) + cost · period  ≤  now + limit · period
//
// Kind: value; knows no clock.
// Source: ITU-T I.371 appendix; the scaling is ours.

struct RateWindow {
    /// Longer periods are clamped: 100 years, so that products of a period and a limit fit.
    static let periodLimit: UInt64 = 3_155_760_000_000_000_000

    /// In 1/limit ns.
    private var arrival: UInt128 = 0
    private var limit: UInt64 = 1
    private var period: UInt64 = 1

    init() {}

    struct Decision: Equatable {
        var isGranted: Bool
        /// Units that could be taken now, after this decision.
        var remaining: Int64
        /// Until all of the limit is there again.
        var resetNanoseconds: UInt64
        /// Until the same demand would pass; 0 if it was granted or never will.
        var retryNanoseconds: UInt64
    }

    /// - Parameter now: nanoseconds of a clock that does not go back much; below 2^63.
    /// - Parameter cost: units, not negative.
    /// - Parameter limit: units, not negative. A change keeps the units that are in use.
    mutating func take(cost: Int64, limit: Int64, periodNanoseconds: UInt64, now: UInt64, keeping: Bool = true) -> Decision {
        guard limit > 0 else {
            return Decision(isGranted: cost == 0, remaining: 0, resetNanoseconds: 0, retryNanoseconds: 0)
        }
        adopt(UInt64(limit), max(1, min(periodNanoseconds, RateWindow.periodLimit)), now)
        let scaledNow = UInt128(now) * UInt128(self.limit)
        let capacity = UInt128(self.limit) * UInt128(period)
        let used = arrival > scaledNow ? arrival - scaledNow : 0
        guard cost <= limit else { return decision(false, used, capacity, wait: 0) }
        let wanted = used + UInt128(UInt64(cost)) * UInt128(period)
        guard wanted <= capacity else { return decision(false, used, capacity, wait: wanted - capacity) }
        if keeping { arrival = scaledNow + wanted }
        return decision(true, keeping ? wanted : used, capacity, wait: 0)
    }

    private func decision(_ isGranted: Bool, _ used: UInt128, _ capacity: UInt128, wait: UInt128) -> Decision {
        Decision(
            isGranted: isGranted, remaining: used >= capacity ? 0 : Int64(truncatingIfNeeded: (capacity - used) / UInt128(period)),
            resetNanoseconds: nanoseconds(used), retryNanoseconds: wait == 0 ? 0 : nanoseconds(wait))
    }

    /// Rounded up, so that whoever waits that long is not early.
    private func nanoseconds(_ scaled: UInt128) -> UInt64 {
        UInt64(clamping: (scaled + UInt128(limit) - 1) / UInt128(limit))
    }

    private mutating func adopt(_ newLimit: UInt64, _ newPeriod: UInt64, _ now: UInt64) {
        if newLimit == limit, newPeriod == period { return }
        let scaledNow = UInt128(now) * UInt128(limit)
        let used = arrival > scaledNow ? arrival - scaledNow : 0
        // Whole units in use, rounded up: a change of the limit never gives anything away.
        let units = min((used + UInt128(period) - 1) / UInt128(period), UInt128(newLimit))
        limit = newLimit
        period = newPeriod
        arrival = UInt128(now) * UInt128(newLimit) + units * UInt128(newPeriod)
    }

    /// Nothing of the limit is in use, so the state says nothing.
    func isIdle(at now: UInt64) -> Bool { arrival <= UInt128(now) * UInt128(limit) }
}
