// gw.limiter/1: the C functions over LimiterService.
//
// Kind: free C functions on the request's loop.

import PluginABI

func limiterTake(
    _ request: UnsafeMutablePointer<gw_request>, _ demands: UnsafePointer<gw_demand>, _ count: Int,
    _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    guard let call = HostCall(request), count > 0, count <= LimiterService.demandLimit else { return 0 }
    // An array's elements are as far apart as the caller's header says, which may be a later one.
    let stride = Int(demands.pointee.size)
    guard stride >= MemoryLayout<gw_demand>.size else { return 0 }
    let place = call.place
    return withUnsafeTemporaryAllocation(of: LimiterStore.Demand.self, capacity: count) { copies in
        for index in 0..<count {
            let demand = (UnsafeRawPointer(demands) + index * stride).assumingMemoryBound(to: gw_demand.self).pointee
            let key = Bytes(demand.key)
            guard key.count > 0, key.count <= LimiterService.keyLimit, demand.cost >= 0, demand.limit >= 0,
                demand.period_ms > 0 || demand.kind != GW_DEMAND_RATE, demand.period_ms < 1 << 56,
                (GW_DEMAND_RATE.rawValue...GW_DEMAND_BUDGET.rawValue).contains(demand.kind.rawValue)
            else { return 0 }
            (copies.baseAddress.unsafelyUnwrapped + index).initialize(
                to: LimiterStore.Demand(
                    kind: demand.kind, key: key, cost: demand.cost, limit: demand.limit,
                    periodMilliseconds: demand.period_ms))
        }
        guard let (number, slot) = place.operations.start(call.scope, done, user) else { return 0 }
        withUnsafeTemporaryAllocation(of: gw_grant.self, capacity: count) { grants in
            grants.initialize(repeating: gw_grant())
            let outcome = place.limiter.take(
                copies, scope: call.scope, namespace: call.instance.namespace,
                time: LimiterStore.Time(
                    monotonicNanoseconds: place.loop.now.nanoseconds,
                    wallMilliseconds: place.loop.wallNanoseconds / 1_000_000),
                grants: grants)
            let bytes = Bytes(UnsafeRawBufferPointer(grants))
            switch outcome {
            case .granted: place.operations.finish(slot, GW_OK, bytes: bytes)
            case .refused(let first): place.operations.finish(slot, GW_E_LIMIT, number: Int64(first), bytes: bytes)
            case .full: place.operations.finish(slot, GW_E_UNAVAILABLE)
            }
        }
        return number
    }
}

func limiterSettle(_ request: UnsafeMutablePointer<gw_request>, _ key: gw_str, _ amount: Int64) -> gw_error {
    guard let call = HostCall(request) else { return GW_E_STATE }
    guard amount >= 0, key.len > 0 else { return GW_E_ARGUMENT }
    let found = call.place.limiter.end(GW_DEMAND_BUDGET, Bytes(key), spent: amount, scope: call.scope)
    return found ? GW_OK : GW_E_ABSENT
}

func limiterRelease(_ request: UnsafeMutablePointer<gw_request>, _ key: gw_str) -> gw_error {
    guard let call = HostCall(request) else { return GW_E_STATE }
    guard key.len > 0 else { return GW_E_ARGUMENT }
    let found = call.place.limiter.end(GW_DEMAND_LEASE, Bytes(key), spent: 0, scope: call.scope)
    return found ? GW_OK : GW_E_ABSENT
}
