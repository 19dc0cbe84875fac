// gw.limiter/1: the C functions over LimiterService.
//
// Kind: free C functions on the request's loop.

import PluginABI

func limiterTake(
    _ request: UnsafeMutablePointer<gw_request>, _ demands: UnsafePointer<gw_demand>, _ count: Int,
    _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    guard count > 0, count <= LimiterService.demandLimit else { return 0 }
    return HostCall.with(request, elsewhere: 0) { scope, _ in
        WorkerScope.at(scope.pointee.abi.worker).pointee.chain._withUnsafeGuaranteedRef { chain in
            take(chain, scope, demands, count, done, user)
        }
    }
}

@inline(__always)
private func take(
    _ chain: ChainWorker, _ scope: UnsafeMutablePointer<RequestScope>, _ demands: UnsafePointer<gw_demand>, _ count: Int,
    _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    // An array's elements are as far apart as the caller's header says, which may be a later one.
    let stride = Int(demands.pointee.size)
    guard stride >= DemandLayout.first else { return 0 }
    let time = now(chain.place.loop)
    return withUnsafeTemporaryAllocation(of: LimiterStore.Demand.self, capacity: count) { copies in
        for index in 0..<count {
            let demand = (UnsafeRawPointer(demands) + index &* stride).assumingMemoryBound(to: gw_demand.self)
            guard isValid(demand) else { return 0 }
            let copy = copies.baseAddress.unsafelyUnwrapped + index
            copy.initialize(
                to: LimiterDemand(
                    kind: demand.pointee.kind, key: Bytes(demand.pointee.key), cost: demand.pointee.cost,
                    limit: demand.pointee.limit, periodMilliseconds: demand.pointee.period_ms))
            if demand.pointee.kind == GW_DEMAND_BUDGET, !readBudget(demand, stride, copy, chain.limiter, time) { return 0 }
        }
        if chain.limiter.shared == nil, chain.operations.mayKnow(scope) {
            let memory = scope.pointee.exchange._withUnsafeGuaranteedRef {
                $0.arena.allocate(count &* MemoryLayout<gw_grant>.stride)
            }
            let grants = UnsafeMutableBufferPointer(start: memory.bindMemory(to: gw_grant.self, capacity: count), count: count)
            let ended = End(
                chain.limiter.take(copies, scope: scope, namespace: HostCall.namespace(of: scope), time: time, grants: grants), grants)
            return chain.operations.know(scope, done, user, ended.error, number: ended.number, bytes: ended.bytes)
        }
        guard let (number, slot) = chain.operations.start(scope, done, user) else { return 0 }
        if let shared = chain.limiter.shared {
            if stride >= DemandLayout.third { readFallbacks(demands, stride, copies) }
            shared.take(
                number, copies, instance: HostCall.instance(of: scope).name, namespace: HostCall.namespace(of: scope), scope: scope)
            return number
        }
        withUnsafeTemporaryAllocation(of: gw_grant.self, capacity: count) { grants in
            let ended = End(
                chain.limiter.take(copies, scope: scope, namespace: HostCall.namespace(of: scope), time: time, grants: grants), grants)
            chain.operations.finish(slot, ended.error, number: ended.number, bytes: ended.bytes)
        }
        return number
    }
}

/// What the plugin is told of an outcome.
private struct End {
    var error = GW_OK
    var number: Int64 = 0
    var bytes = Bytes.absent

    @inline(__always)
    init(_ outcome: LimiterStore.Outcome, _ grants: UnsafeMutableBufferPointer<gw_grant>) {
        switch outcome {
        case .granted: bytes = Bytes(UnsafeRawBufferPointer(grants))
        case .refused(let first):
            error = GW_E_LIMIT
            number = Int64(first)
            bytes = Bytes(UnsafeRawBufferPointer(grants))
        case .unknown(let first):
            error = GW_E_ABSENT
            number = Int64(first)
        case .full: error = GW_E_UNAVAILABLE
        }
    }
}

/// Bytes of a demand up to what later revisions of the header added; plugins of before have no more.
private enum DemandLayout {
    static let first = 48
    static let second = 64
    static let third = 72
}

/// What only budgets have: the period that runs, and what was spent in it before. False if there is no such period.
private func readBudget(
    _ demand: UnsafePointer<gw_demand>, _ stride: Int, _ copy: UnsafeMutablePointer<LimiterDemand>, _ limiter: LimiterService,
    _ time: LimiterTime
) -> Bool {
    guard let period = limiter.calendar.period(demand.pointee.period_ms, at: time.wallMilliseconds) else { return false }
    copy.pointee.period = period
    if stride >= DemandLayout.second {
        let spent = demand.pointee.spent
        if spent == GW_SPENT_UNKNOWN {
            copy.pointee.before = .unknown
        } else if spent > 0 {
            copy.pointee.before = .spent(spent, at: demand.pointee.spent_at_ms)
        }
    }
    return true
}

private func readFallbacks(
    _ demands: UnsafePointer<gw_demand>, _ stride: Int, _ copies: UnsafeMutableBufferPointer<LimiterDemand>
) {
    for index in copies.indices {
        let demand = (UnsafeRawPointer(demands) + index &* stride).assumingMemoryBound(to: gw_demand.self)
        switch demand.pointee.without_store {
        case GW_WITHOUT_STORE_ALLOW: copies[index].fallback = .allow
        case GW_WITHOUT_STORE_SHARE: copies[index].fallback = .localShare
        default: break
        }
    }
}

@inline(__always)
private func isValid(_ demand: UnsafePointer<gw_demand>) -> Bool {
    let key = demand.pointee.key.len
    guard key > 0, key <= LimiterService.keyLimit, demand.pointee.cost >= 0, demand.pointee.limit >= 0
    else { return false }
    let period = demand.pointee.period_ms
    switch demand.pointee.kind {
    case GW_DEMAND_RATE, GW_DEMAND_WINDOW: return period > 0 && period < CalendarClock.calendarFlag
    case GW_DEMAND_LEASE: return period < CalendarClock.calendarFlag
    case GW_DEMAND_BUDGET: return period < 2 * CalendarClock.calendarFlag
    default: return false
    }
}

@inline(__always)
private func now(_ loop: EventLoop) -> LimiterStore.Time {
    LimiterStore.Time(
        monotonicNanoseconds: loop.now.nanoseconds, wallMilliseconds: loop.wallNanoseconds / 1_000_000)
}

func limiterSettle(_ request: UnsafeMutablePointer<gw_request>, _ key: gw_str, _ amount: Int64) -> gw_error {
    guard let call = HostCall(request) else { return GW_E_STATE }
    guard amount >= 0, key.len > 0 else { return GW_E_ARGUMENT }
    let found = call.place.limiter.settle(Bytes(key), spent: amount, scope: call.scope)
    return found ? GW_OK : GW_E_ABSENT
}

func limiterRelease(_ request: UnsafeMutablePointer<gw_request>, _ key: gw_str) -> gw_error {
    guard let call = HostCall(request) else { return GW_E_STATE }
    guard key.len > 0 else { return GW_E_ARGUMENT }
    let found = call.place.limiter.release(Bytes(key), scope: call.scope)
    return found ? GW_OK : GW_E_ABSENT
}
