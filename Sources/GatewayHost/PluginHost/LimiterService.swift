// gw.limiter/1 on one loop: takes demands for exchanges and gives back what they held when they end.
//
// What a plugin took for an exchange hangs on its scope there, so a lease can not leak: whatever ends
// the exchange, `releaseAll` runs.
//
// Kind: loop-confined, over the process's LimiterStore.

import PluginABI

/// A lease or a reservation of one exchange.
struct LimiterHolding {
    var next: UnsafeMutablePointer<LimiterHolding>?
    var node: LimiterNode
    var kind: gw_demand_kind
    var amount: Int64
    /// Of a reservation: the period or slot it was made in.
    var window: UInt64
}

final class LimiterService {
    /// Demands of one take().
    static let demandLimit = 32
    static let keyLimit = 256

    private let store: LimiterStore
    private var free: UnsafeMutablePointer<LimiterHolding>?
    /// Which periods run, by the operator's calendar.
    var calendar: CalendarClock

    init(store: LimiterStore, zone: CalendarZone) {
        self.store = store
        calendar = CalendarClock(zone)
    }

    deinit {
        while let holding = free {
            free = holding.pointee.next
            holding.deallocate()
        }
    }

    @inline(__always)
    func take(
        _ demands: UnsafeMutableBufferPointer<LimiterStore.Demand>, scope: UnsafeMutablePointer<RequestScope>,
        namespace: UInt32, time: LimiterStore.Time, grants: UnsafeMutableBufferPointer<gw_grant>
    ) -> LimiterStore.Outcome {
        store.take(demands, namespace: namespace, time: time, grants: grants) { node, index in
            let holding = takeHolding()
            let head = scope.pointee.holdings?.assumingMemoryBound(to: LimiterHolding.self)
            holding.initialize(
                to: LimiterHolding(
                    next: head, node: node, kind: demands[index].kind, amount: demands[index].cost,
                    window: demands[index].window))
            scope.pointee.holdings = UnsafeMutableRawPointer(holding)
        }
    }

    /// What the exchange leased under `key` is given back. False if it holds nothing there.
    func release(_ key: Bytes, scope: UnsafeMutablePointer<RequestScope>) -> Bool {
        end(key, spent: 0, scope: scope) { $0 == GW_DEMAND_LEASE }
    }

    /// What the exchange reserved under `key` becomes `spent`, in every period it was reserved in. False if it has
    /// nothing reserved there.
    func settle(_ key: Bytes, spent: Int64, scope: UnsafeMutablePointer<RequestScope>) -> Bool {
        end(key, spent: spent, scope: scope) { $0 != GW_DEMAND_LEASE }
    }

    private func end(
        _ key: Bytes, spent: Int64, scope: UnsafeMutablePointer<RequestScope>, _ isMeant: (gw_demand_kind) -> Bool
    ) -> Bool {
        var found = false
        var rest: UnsafeMutablePointer<LimiterHolding>?
        var holding = scope.pointee.holdings?.assumingMemoryBound(to: LimiterHolding.self)
        while let this = holding {
            holding = this.pointee.next
            if isMeant(this.pointee.kind), KeyNode.key(this.pointee.node).equals(key) {
                give(this, spent: spent)
                found = true
            } else {
                this.pointee.next = rest
                rest = this
            }
        }
        scope.pointee.holdings = rest.map { UnsafeMutableRawPointer($0) }
        return found
    }

    /// The exchange ends: leases and unsettled reservations are given back.
    @inline(__always)
    func releaseAll(of exchange: Exchange) {
        for entry in 0..<exchange.scopeCount where exchange.scopes[entry].holdings != nil {
            releaseAll(of: exchange.scopes + entry)
        }
    }

    private func releaseAll(of scope: UnsafeMutablePointer<RequestScope>) {
        var holding = scope.pointee.holdings?.assumingMemoryBound(to: LimiterHolding.self)
        scope.pointee.holdings = nil
        while let this = holding {
            holding = this.pointee.next
            give(this, spent: 0)
        }
    }

    private func give(_ holding: UnsafeMutablePointer<LimiterHolding>, spent: Int64) {
        if holding.pointee.kind == GW_DEMAND_LEASE {
            store.release(lease: holding.pointee.amount, of: holding.pointee.node)
        } else {
            store.settle(
                reserved: holding.pointee.amount, in: holding.pointee.window, spent: spent, of: holding.pointee.node)
        }
        holding.pointee.next = free
        free = holding
    }

    private func takeHolding() -> UnsafeMutablePointer<LimiterHolding> {
        guard let holding = free else { return .allocate(capacity: 1) }
        free = holding.pointee.next
        return holding
    }
}
