// One demand as it travels to Redis, and what its answer says.
//
// Redis computes with 53 bits. Amounts beyond are cut to the largest of them. Of a rate whose limit times period has more
// than 52 bits, limit and cost are divided by a power of two, the limit rounded down and the cost up: it grants a little
// less, never more.
//
// Kind: value. Pure.

import PluginABI

struct SharedDemand {
    /// Numbers for each demand in the answer.
    static let answerCount = 5

    let kind: gw_demand_kind
    /// As the plugin calls it.
    let name: [UInt8]
    /// Its keys in Redis.
    let state: [UInt8]
    let holdings: [UInt8]
    let cost: Int64
    let limit: Int64
    let periodMilliseconds: Int64
    let period: BudgetPeriod
    let before: BudgetWindow.Before
    let fallback: LimiterFallback
    /// As the plugin asked.
    let whole: (cost: Int64, limit: Int64)
    /// Of a rate: by which power of two cost and limit are divided.
    private let shift: Int64

    init(_ demand: LimiterDemand, _ settings: SharedStoreSettings, instance: String) {
        kind = demand.kind
        name = Array(demand.key.buffer)
        period = demand.period
        whole = (demand.cost, demand.limit)
        before = demand.before
        fallback = demand.fallback
        let milliseconds =
            kind == GW_DEMAND_RATE ? min(demand.periodMilliseconds, RateWindow.periodLimit / 1_000_000) : demand.periodMilliseconds
        periodMilliseconds = Int64(milliseconds)
        let cost = min(demand.cost, LimiterScript.largest)
        let limit = min(demand.limit, LimiterScript.largest)
        var shift: Int64 = 0
        if kind == GW_DEMAND_RATE {
            let most = (Int64(1) << 52) / max(1, Int64(milliseconds))
            while limit >> shift > most { shift += 1 }
        }
        self.shift = shift
        self.limit = limit >> shift
        let rest: Int64 = shift == 0 || cost & ((1 << shift) - 1) == 0 ? 0 : 1
        self.cost = (cost >> shift) + rest
        // One name counts apart for each kind and period, as in LimiterDemand.tag.
        let tagged = Array("\(demand.kind.rawValue).\(demand.periodMilliseconds):".utf8) + name
        (state, holdings) = tagged.withUnsafeBytes {
            (settings.key(instance, "l", Bytes($0)), settings.key(instance, "h", Bytes($0)))
        }
    }

    func write(to call: inout RedisScriptCall) {
        call.add(kind.rawValue)
        call.add(cost)
        call.add(limit)
        call.add(periodMilliseconds)
        call.add(period.start)
        if period.end == .max { call.add(-1) } else { call.add(period.end) }
        switch before {
        case .unknown:
            call.add(-1)
            call.add(-1)
        case .nothing:
            call.add(0)
            call.add(-1)
        case .spent(let amount, let time):
            call.add(min(amount, LimiterScript.largest))
            call.add(time)
        }
    }

    /// Words that `write` adds.
    static let wordCount = 8

    /// What the plugin is told, and where a reservation was made.
    /// - Parameters:
    ///   - all: everything was granted; else nothing was, and each answer is about its demand alone.
    ///   - now: of this process's clock, by which it chose the period of a budget.
    func read(_ answer: (Int) -> Int64, all: Bool, now: Int64) -> (grant: gw_grant, window: Int64) {
        var grant = gw_grant(
            size: UInt32(MemoryLayout<gw_grant>.size), reserved: 0, remaining: 0, reset_ms: 0, retry_after_ms: 0, spent: 0)
        switch kind {
        case GW_DEMAND_RATE:
            guard limit > 0 else { return (grant, 0) }
            let used = answer(0)
            let capacity = limit * periodMilliseconds
            grant.remaining = used >= capacity ? 0 : ((capacity - used) / periodMilliseconds) << shift
            grant.reset_ms = UInt64((used + limit - 1) / limit)
            let excess = cost > limit ? 0 : used + cost * periodMilliseconds - capacity
            if !all, excess > 0 { grant.retry_after_ms = UInt64((excess + limit - 1) / limit) }
            return (grant, 0)
        case GW_DEMAND_LEASE:
            grant.remaining = max(0, limit - answer(0))
            return (grant, 0)
        case GW_DEMAND_BUDGET:
            let inUse = BudgetWindow.sum(answer(0), answer(1))
            let end = answer(2)
            grant.spent = answer(0)
            grant.remaining = limit - min(limit, inUse)
            grant.reset_ms = end < 0 ? 0 : UInt64(max(0, end - now))
            if !all, cost <= limit, inUse > limit - cost { grant.retry_after_ms = grant.reset_ms }
            return (grant, answer(3))
        default:
            grant.spent = answer(0) - answer(1)
            grant.remaining = limit - min(limit, answer(0))
            grant.reset_ms = UInt64(max(0, answer(2)))
            grant.retry_after_ms = UInt64(max(0, answer(3)))
            return (grant, answer(4))
        }
    }
}
