// gw.limiter/1 for tests: rates after the GCRA, leases that come back with the exchange.

import PluginKit

final class FakeLimiter {
    /// Keys of every `take`, in order, for tests that look at them.
    private(set) var taken: [[String]] = []
    /// If set, every `take` fails with it, as a store that cannot be reached would.
    var failure: gw_error?
    private var arrival: [String: Double] = [:]  // theoretical arrival time, ms
    private var held: [String: [ObjectIdentifier]] = [:]

    /// How many places are taken under `key`.
    func held(_ key: String) -> Int { held[key, default: []].count }

    func exchangeEnded(_ exchange: FakeExchange) {
        for key in held.keys { held[key]!.removeAll { $0 == ObjectIdentifier(exchange) } }
    }

    func take(
        _ exchange: FakeExchange, _ demands: [gw_demand]
    ) -> (error: gw_error, number: Int64, grants: [gw_grant]) {
        taken.append(demands.map { Bytes($0.key).string })
        if let failure { return (failure, 0, []) }
        let now = Double(exchange.host.clock.monotonic) / 1e6
        var grants: [gw_grant] = []
        var refused: Int64?
        for (index, demand) in demands.enumerated() {
            let key = Bytes(demand.key).string
            var grant = gw_grant()
            grant.size = UInt32(MemoryLayout<gw_grant>.size)
            if demand.kind == GW_DEMAND_LEASE {
                let free = demand.limit - Int64(held(key))
                grant.remaining = max(0, free - demand.cost)
                if free < demand.cost, refused == nil { refused = Int64(index) }
            } else {
                let interval = Double(demand.period_ms) / Double(demand.limit)
                let start = max(now, arrival[key] ?? 0)
                let next = start + interval * Double(demand.cost)
                let wait = next - Double(demand.period_ms) - now
                if wait > 1e-6 {
                    grant.retry_after_ms = UInt64(wait.rounded(.up))
                    grant.reset_ms = UInt64((start - now).rounded(.up))
                    if refused == nil { refused = Int64(index) }
                } else {
                    grant.remaining = Int64(-wait / interval + 1e-6)
                    grant.reset_ms = UInt64((next - now).rounded(.up))
                }
            }
            grants.append(grant)
        }
        if let refused { return (GW_E_LIMIT, refused, grants) }
        for demand in demands {
            let key = Bytes(demand.key).string
            if demand.kind == GW_DEMAND_LEASE {
                held[key, default: []].append(ObjectIdentifier(exchange))
            } else {
                let interval = Double(demand.period_ms) / Double(demand.limit)
                arrival[key] = max(now, arrival[key] ?? 0) + interval * Double(demand.cost)
            }
        }
        return (GW_OK, 0, grants)
    }
}

nonisolated(unsafe) let fakeLimiterTable: UnsafePointer<gw_limiter> = {
    let table = UnsafeMutablePointer<gw_limiter>.allocate(capacity: 1)
    table.initialize(
        to: gw_limiter(
            size: UInt32(MemoryLayout<gw_limiter>.size), flags: 0,
            take: { raw, demands, count, done, user in
                let exchange = exchange(raw)
                let outcome = exchange.host.limiter.take(
                    exchange, Array(UnsafeBufferPointer(start: demands, count: count)))
                return exchange.start(
                    done, user, error: outcome.error, number: outcome.number,
                    bytes: outcome.grants.withUnsafeBytes { Array($0) })
            },
            settle: { _, _, _ in GW_OK }, release: { _, _ in GW_OK }))
    return UnsafePointer(table)
}()
