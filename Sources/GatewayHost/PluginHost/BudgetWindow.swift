// An amount that may be spent in a period: reserved before, settled after.
//
// What was spent before this window was made is told to it once (`know`): after a restart, from the ledger. A period
// that follows a known one begins with nothing. What was reserved in a period that has ended no longer counts
// anywhere: it belonged there.
//
// Kind: value; knows no clock and no calendar.

/// The period of a budget that runs, in milliseconds since 1970. One without end is 0..<max.
struct BudgetPeriod: Equatable, Sendable {
    var start: UInt64
    var end: UInt64

    static let forEver = BudgetPeriod(start: 0, end: .max)

    /// Periods of a fixed length follow each other from 1970 on.
    static func fixed(_ length: UInt64, now: UInt64) -> BudgetPeriod {
        if length == 0 { return forEver }
        let start = now - now % length
        return BudgetPeriod(start: start, end: start + length)
    }

    func contains(_ milliseconds: UInt64) -> Bool { start <= milliseconds && milliseconds < end }
}

struct BudgetWindow {
    /// Loops read their clocks once a turn, so one may be in the old period when another began the new one: what asks
    /// in a period that begins so little before the running one is counted in the running one. With more than that the
    /// clock was set back, and the window goes with it.
    static let clockSlackMilliseconds: UInt64 = 60_000

    private(set) var period = BudgetPeriod(start: 0, end: 0)
    private(set) var spent: Int64 = 0
    private(set) var reserved: Int64 = 0
    /// What was spent before is counted.
    private(set) var isKnown = false

    init() {}

    /// What is said to be spent already.
    enum Before: Equatable {
        /// Somebody has to find out; see `GW_SPENT_UNKNOWN`.
        case unknown
        case nothing
        /// As it was looked up at that time, in milliseconds since 1970; it says nothing about another period.
        case spent(Int64, at: UInt64)
    }

    struct Decision: Equatable {
        var isGranted: Bool
        var remaining: Int64
        /// Until the period ends; 0 if it never does.
        var resetMilliseconds: UInt64
        var retryMilliseconds: UInt64
    }

    /// Goes to the running period.
    /// - Parameter now: milliseconds since 1970.
    /// - Returns: false if nobody knows yet what was spent in it; then nothing can be reserved.
    mutating func enter(_ period: BudgetPeriod, now: UInt64, _ before: Before) -> Bool {
        if period != self.period { adopt(period, now) }
        if isKnown { return true }
        switch before {
        case .unknown: return false
        case .nothing: break
        case .spent(let amount, let time):
            guard self.period.contains(time) else { return false }
            spent = amount
        }
        isKnown = true
        return true
    }

    /// What was spent has to be told anew; what is reserved stays.
    mutating func forget() { isKnown = false }

    private mutating func adopt(_ new: BudgetPeriod, _ now: UInt64) {
        if new.start < period.start, period.end != 0 {
            if period.start <= now + Self.clockSlackMilliseconds { return }
            // What was spent in it is known to whoever knew it the first time.
            isKnown = false
        }
        period = new
        spent = 0
        reserved = 0
    }

    /// - Precondition: `enter` said that it is known.
    /// - Parameter now: milliseconds since 1970.
    mutating func reserve(cost: Int64, limit: Int64, now: UInt64, keeping: Bool = true) -> Decision {
        let inUse = BudgetWindow.sum(spent, reserved)
        let isGranted = cost <= limit && inUse <= limit - cost
        if isGranted, keeping { reserved += cost }
        let left = limit - min(limit, BudgetWindow.sum(spent, reserved))
        let reset = period.end == .max ? 0 : period.end - min(now, period.end)
        return Decision(
            isGranted: isGranted, remaining: left, resetMilliseconds: reset,
            retryMilliseconds: isGranted || cost > limit ? 0 : reset)
    }

    /// As before `reserve`, which nothing else has followed.
    mutating func undo(_ cost: Int64) { reserved -= cost }

    /// Replaces what was reserved in the period that began at `start` by what it really came to.
    mutating func settle(reserved amount: Int64, in start: UInt64, spent real: Int64) {
        guard start == period.start else { return }
        reserved -= min(amount, reserved)
        spent = BudgetWindow.sum(spent, real)
    }

    static func sum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}
