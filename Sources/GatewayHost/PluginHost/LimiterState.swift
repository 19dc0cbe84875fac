// What one key counts, and what becomes of one demand: the rules of gw.limiter/1, whatever keeps the counts.
//
//   RATE    RateWindow      generic cell rate algorithm; nothing to settle
//   LEASE   held            cost <= limit - held
//   BUDGET  BudgetWindow    spent + reserved in the period that runs; the host says which one that is
//   WINDOW  SlidingWindow   spent + reserved in the slots of the last period
//
// A key counts for one kind and one period only; another kind or period under the same name is another key. All
// demands of a take are decided in order, each on top of those before it; if one refuses, those before it are undone.
// Before anything is decided every budget must be known (`enter`).
//
// Kind: value; knows no clock. Protected by the shard's lock.

import PluginABI

/// The clocks a decision is made by.
struct LimiterTime {
    var monotonicNanoseconds: UInt64
    var wallMilliseconds: UInt64
}

/// What becomes of a demand while the store that limits are shared through does not answer.
enum LimiterFallback: Sendable {
    case refuse, allow
    /// This process counts by itself, with its part of the limit.
    case localShare
}

struct LimiterDemand {
    var kind: gw_demand_kind
    var key: Bytes
    var cost: Int64
    var limit: Int64
    /// As in gw_demand; 0 for leases.
    var periodMilliseconds: UInt64
    /// Of a budget.
    var period: BudgetPeriod
    var before: BudgetWindow.Before
    var fallback = LimiterFallback.refuse
    /// Of a budget that this process counts alone while Redis is away: how often it was away. What was counted then is looked up
    /// anew the next time, because more was spent in between.
    var absence: UInt64 = 0

    var hash: UInt64 = 0
    var node: LimiterNode?
    /// Of a reservation that was made: where it is settled. A budget's period by its start, a window's slot.
    fileprivate(set) var window: UInt64 = 0
    /// What a rate counted before, for when a later demand refuses.
    fileprivate var rateBefore = RateWindow()

    init(
        kind: gw_demand_kind, key: Bytes, cost: Int64, limit: Int64, periodMilliseconds: UInt64 = 0,
        period: BudgetPeriod = .forEver, before: BudgetWindow.Before = .nothing
    ) {
        self.kind = kind
        self.key = key
        self.cost = cost
        self.limit = limit
        self.periodMilliseconds = kind == GW_DEMAND_LEASE ? 0 : periodMilliseconds
        self.period = period
        self.before = before
    }

    /// One key counts separately for each kind and period.
    var tag: UInt64 { periodMilliseconds << 2 | UInt64(kind.rawValue) }
}

struct LimiterState {
    private var rate = RateWindow()
    private var budget = BudgetWindow()
    private var sliding: SlidingWindow?
    private var absence: UInt64 = 0
    /// Leases held.
    var held: Int64 = 0
    /// Holdings that point here; a pinned node is not removed.
    var pins = 0

    init(_ demand: LimiterDemand) {
        if demand.kind == GW_DEMAND_WINDOW { sliding = SlidingWindow(periodMilliseconds: demand.periodMilliseconds) }
    }

    /// Goes to the running period of a budget; false if nobody knows what was spent in it.
    mutating func enter(_ demand: UnsafePointer<LimiterDemand>, _ time: LimiterTime) -> Bool {
        if demand.pointee.absence != absence {
            absence = demand.pointee.absence
            budget.forget()
        }
        return budget.enter(demand.pointee.period, now: time.wallMilliseconds, demand.pointee.before)
    }

    /// Grants or refuses.
    /// - Parameter keeping: false only asks.
    @inline(__always)
    mutating func take(
        _ demand: UnsafeMutablePointer<LimiterDemand>, _ time: LimiterTime, keeping: Bool, _ grant: UnsafeMutablePointer<gw_grant>
    ) -> Bool {
        grant.initialize(
            to: gw_grant(
                size: UInt32(MemoryLayout<gw_grant>.size), reserved: 0, remaining: 0, reset_ms: 0, retry_after_ms: 0, spent: 0))
        let cost = demand.pointee.cost
        let limit = demand.pointee.limit
        switch demand.pointee.kind {
        case GW_DEMAND_RATE:
            if keeping { demand.pointee.rateBefore = rate }
            let period = demand.pointee.periodMilliseconds.multipliedReportingOverflow(by: 1_000_000)
            let decision = rate.take(
                cost: cost, limit: limit, periodNanoseconds: period.overflow ? .max : period.partialValue,
                now: time.monotonicNanoseconds, keeping: keeping)
            grant.pointee.remaining = decision.remaining
            grant.pointee.reset_ms = LimiterState.milliseconds(decision.resetNanoseconds)
            grant.pointee.retry_after_ms = LimiterState.milliseconds(decision.retryNanoseconds)
            return decision.isGranted
        case GW_DEMAND_LEASE:
            let isGranted = cost <= limit && held <= limit - cost
            if isGranted, keeping { held += cost }
            grant.pointee.remaining = max(0, limit - held)
            return isGranted
        default:
            return reserve(demand, time, keeping, grant)
        }
    }

    @inline(never)
    private mutating func reserve(
        _ demand: UnsafeMutablePointer<LimiterDemand>, _ time: LimiterTime, _ keeping: Bool, _ grant: UnsafeMutablePointer<gw_grant>
    ) -> Bool {
        let cost = demand.pointee.cost
        let limit = demand.pointee.limit
        let decision: BudgetWindow.Decision
        if let sliding {
            (decision, demand.pointee.window) = sliding.take(
                cost: cost, limit: limit, now: time.monotonicNanoseconds / 1_000_000, keeping: keeping)
            grant.pointee.spent = sliding.used - sliding.reserved
        } else {
            decision = budget.reserve(cost: cost, limit: limit, now: time.wallMilliseconds, keeping: keeping)
            demand.pointee.window = budget.period.start
            grant.pointee.spent = budget.spent
        }
        grant.pointee.remaining = decision.remaining
        grant.pointee.reset_ms = decision.resetMilliseconds
        grant.pointee.retry_after_ms = decision.retryMilliseconds
        return decision.isGranted
    }

    /// As before the demand was granted; those granted after it are undone already.
    mutating func undo(_ demand: UnsafePointer<LimiterDemand>) {
        switch demand.pointee.kind {
        case GW_DEMAND_RATE: rate = demand.pointee.rateBefore
        case GW_DEMAND_LEASE: held -= demand.pointee.cost
        case GW_DEMAND_BUDGET: budget.undo(demand.pointee.cost)
        default: sliding?.undo(demand.pointee.cost)
        }
    }

    /// - Parameter window: of the demand that made the reservation.
    mutating func settle(reserved amount: Int64, in window: UInt64, spent: Int64) {
        if let sliding {
            sliding.settle(reserved: amount, in: window, spent: spent)
        } else {
            budget.settle(reserved: amount, in: window, spent: spent)
        }
    }

    /// Forgetting it changes no decision: nothing counts, or its period is over.
    func isIdle(_ time: LimiterTime) -> Bool {
        guard pins == 0, held == 0, rate.isIdle(at: time.monotonicNanoseconds) else { return false }
        if let sliding { return sliding.isIdle(at: time.monotonicNanoseconds / 1_000_000) }
        if budget.spent == 0, budget.reserved == 0 { return true }
        return time.wallMilliseconds >= budget.period.end
    }

    /// Rounded up, so that whoever waits that long is not early.
    private static func milliseconds(_ nanoseconds: UInt64) -> UInt64 {
        nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1)
    }
}
