// gw.limiter/1 for tests: rates after the GCRA, leases that come back with the exchange.

import PluginKit

final class FakeLimiter {
    /// Keys of every `take`, in order, for tests that look at them.
    private(set) var taken: [[String]] = []
    /// If set, every `take` fails with it, as a store that cannot be reached would.
    var failure: gw_error?
    /// When every period ends that ends at all.
    var resetMilliseconds: UInt64 = 3_600_000
    private var arrival: [String: Double] = [:]  // theoretical arrival time, ms
    private var held: [String: [ObjectIdentifier]] = [:]
    /// Of budgets: what is spent, and what exchanges have reserved.
    private(set) var spent: [String: Int64] = [:]
    private var reserved: [String: [(exchange: ObjectIdentifier, amount: Int64)]] = [:]
    /// The keys of budgets that have been told what was spent before, or needed not be.
    private(set) var known: Set<String> = []

    /// How many places are taken under `key`.
    func held(_ key: String) -> Int { held[key, default: []].count }

    func exchangeEnded(_ exchange: FakeExchange) {
        for key in held.keys { held[key]!.removeAll { $0 == ObjectIdentifier(exchange) } }
        for key in reserved.keys { reserved[key]!.removeAll { $0.exchange == ObjectIdentifier(exchange) } }
    }

    /// What is reserved under `key` and not settled.
    func reserved(_ key: String) -> Int64 { reserved[key, default: []].reduce(0) { $0 + $1.amount } }

    func settle(_ exchange: FakeExchange, _ key: String, _ amount: Int64) -> gw_error {
        guard reserved[key]?.contains(where: { $0.exchange == ObjectIdentifier(exchange) }) == true else { return GW_E_ABSENT }
        reserved[key]!.removeAll { $0.exchange == ObjectIdentifier(exchange) }
        spent[key, default: 0] += amount
        return GW_OK
    }

    func release(_ exchange: FakeExchange, _ key: String) -> gw_error {
        guard let place = held[key]?.firstIndex(of: ObjectIdentifier(exchange)) else { return GW_E_ABSENT }
        held[key]!.remove(at: place)
        return GW_OK
    }

    func take(
        _ exchange: FakeExchange, _ demands: [gw_demand]
    ) -> (error: gw_error, number: Int64, grants: [gw_grant]) {
        taken.append(demands.map { Bytes($0.key).string })
        if let failure { return (failure, 0, []) }
        let now = Double(exchange.host.clock.monotonic) / 1e6
        for (index, demand) in demands.enumerated() where demand.kind == GW_DEMAND_BUDGET {
            let key = Bytes(demand.key).string
            if known.contains(key) { continue }
            if demand.spent == GW_SPENT_UNKNOWN { return (GW_E_ABSENT, Int64(index), []) }
            known.insert(key)
            spent[key, default: 0] += demand.spent
        }
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
            } else if demand.kind == GW_DEMAND_BUDGET || demand.kind == GW_DEMAND_WINDOW {
                let free = demand.limit - spent[key, default: 0] - reserved(key)
                grant.spent = spent[key, default: 0]
                grant.reset_ms = demand.period_ms == 0 ? 0 : resetMilliseconds
                if free < demand.cost { grant.retry_after_ms = grant.reset_ms }
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
        if let refused {
            // Nothing was taken of any of them.
            for (index, demand) in demands.enumerated() where demand.kind == GW_DEMAND_BUDGET || demand.kind == GW_DEMAND_WINDOW {
                let key = Bytes(demand.key).string
                grants[index].remaining = max(0, demand.limit - spent[key, default: 0] - reserved(key))
            }
            return (GW_E_LIMIT, refused, grants)
        }
        for demand in demands {
            let key = Bytes(demand.key).string
            if demand.kind == GW_DEMAND_LEASE {
                held[key, default: []].append(ObjectIdentifier(exchange))
            } else if demand.kind == GW_DEMAND_BUDGET || demand.kind == GW_DEMAND_WINDOW {
                reserved[key, default: []].append((ObjectIdentifier(exchange), demand.cost))
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
            settle: { raw, key, amount in exchange(raw).host.limiter.settle(exchange(raw), Bytes(key).string, amount) },
            release: { raw, key in exchange(raw).host.limiter.release(exchange(raw), Bytes(key).string) }))
    return UnsafePointer(table)
}()
