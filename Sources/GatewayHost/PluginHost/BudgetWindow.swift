// An amount that may be spent in a fixed period: reserved before, settled after.
//
// Periods are counted from 1970, so a period of a day is a day of UTC; period 0 never ends. What was
// reserved in a period that has ended no longer counts anywhere: it belonged there.
//
// Kind: value; knows no clock.

struct BudgetWindow {
    private(set) var window: UInt64 = 0
    private(set) var spent: Int64 = 0
    private(set) var reserved: Int64 = 0

    init() {}

    struct Decision: Equatable {
        var isGranted: Bool
        var remaining: Int64
        /// Until the period ends; 0 if it never does.
        var resetMilliseconds: UInt64
        var retryMilliseconds: UInt64
    }

    /// - Parameter now: milliseconds since 1970.
    mutating func reserve(cost: Int64, limit: Int64, periodMilliseconds: UInt64, now: UInt64, keeping: Bool = true) -> Decision {
        enter(periodMilliseconds == 0 ? 0 : now / periodMilliseconds)
        let inUse = BudgetWindow.sum(spent, reserved)
        let isGranted = BudgetWindow.sum(inUse, cost) <= limit && inUse <= limit - min(cost, limit) && cost <= limit
        if isGranted, keeping { reserved += cost }
        let left = limit - min(limit, BudgetWindow.sum(spent, reserved))
        let reset = periodMilliseconds == 0 ? 0 : periodMilliseconds - now % periodMilliseconds
        return Decision(
            isGranted: isGranted, remaining: left, resetMilliseconds: reset,
            retryMilliseconds: isGranted || cost > limit ? 0 : reset)
    }

    /// Replaces what was reserved in `window` by what it really came to.
    mutating func settle(reserved amount: Int64, in window: UInt64, spent real: Int64) {
        guard window == self.window else { return }
        reserved -= min(amount, reserved)
        spent = BudgetWindow.sum(spent, real)
    }

    private mutating func enter(_ window: UInt64) {
        if window == self.window { return }
        self.window = window
        spent = 0
        reserved = 0
    }

    private static func sum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}
