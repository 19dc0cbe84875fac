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
    /// nil: it is held in Redis.
    var node: LimiterNode?
    /// Balanced when it is given back. Beside a node: taken alone, and Redis hears of it when it is back.
    var shared: Unmanaged<SharedHolding>?
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
    /// Where limits are that other gateways share; nil: here.
    var shared: SharedLimiter?
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
                    next: head, node: node, shared: nil, kind: demands[index].kind, amount: demands[index].cost,
                    window: demands[index].window))
            scope.pointee.holdings = UnsafeMutableRawPointer(holding)
        }
    }

    /// The same while Redis is away.
    /// - Parameter told: what Redis hears of a demand that was granted.
    func takeAlone(
        _ demands: UnsafeMutableBufferPointer<LimiterStore.Demand>, scope: UnsafeMutablePointer<RequestScope>,
        namespace: UInt32, time: LimiterStore.Time, grants: UnsafeMutableBufferPointer<gw_grant>,
        told: (_ index: Int, _ window: UInt64) -> SharedHolding?
    ) -> LimiterStore.Outcome {
        store.take(demands, namespace: namespace, time: time, grants: grants) { node, index in
            let holding = takeHolding()
            let head = scope.pointee.holdings?.assumingMemoryBound(to: LimiterHolding.self)
            let shared = told(index, demands[index].window).map { Unmanaged.passRetained($0) }
            holding.initialize(
                to: LimiterHolding(
                    next: head, node: node, shared: shared, kind: demands[index].kind, amount: demands[index].cost,
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
            if isMeant(this.pointee.kind), isNamed(this, key) {
                // Whoever reserved again under the same key spent it once.
                give(this, spent: isReservedBefore(this, rest: holding) ? 0 : spent)
                found = true
            } else {
                this.pointee.next = rest
                rest = this
            }
        }
        scope.pointee.holdings = rest.map { UnsafeMutableRawPointer($0) }
        return found
    }

    /// Whether an older reservation of the exchange, which is further on in its list, is in the same place.
    private func isReservedBefore(
        _ holding: UnsafeMutablePointer<LimiterHolding>, rest: UnsafeMutablePointer<LimiterHolding>?
    ) -> Bool {
        var other = rest
        while let this = other {
            if let node = holding.pointee.node {
                if this.pointee.node == node, this.pointee.kind == holding.pointee.kind { return true }
            } else if let mine = holding.pointee.shared, let theirs = this.pointee.shared {
                let isSame = mine._withUnsafeGuaranteedRef { mine in
                    theirs._withUnsafeGuaranteedRef { mine.kind == $0.kind && mine.state == $0.state }
                }
                if isSame { return true }
            }
            other = this.pointee.next
        }
        return false
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

    private func isNamed(_ holding: UnsafeMutablePointer<LimiterHolding>, _ key: Bytes) -> Bool {
        if let node = holding.pointee.node { return KeyNode.key(node).equals(key) }
        return holding.pointee.shared?._withUnsafeGuaranteedRef { held in
            held.name.withUnsafeBytes { Bytes($0).equals(key) }
        } ?? false
    }

    /// What Redis granted to an exchange hangs on its scope like everything else.
    func hold(_ held: SharedHolding, scope: UnsafeMutablePointer<RequestScope>) {
        let holding = takeHolding()
        holding.initialize(
            to: LimiterHolding(
                next: scope.pointee.holdings?.assumingMemoryBound(to: LimiterHolding.self), node: nil,
                shared: Unmanaged.passRetained(held), kind: held.kind, amount: held.amount, window: 0))
        scope.pointee.holdings = UnsafeMutableRawPointer(holding)
    }

    private func give(_ holding: UnsafeMutablePointer<LimiterHolding>, spent: Int64) {
        if let node = holding.pointee.node {
            if holding.pointee.kind == GW_DEMAND_LEASE {
                store.release(lease: holding.pointee.amount, of: node)
            } else {
                store.settle(reserved: holding.pointee.amount, in: holding.pointee.window, spent: spent, of: node)
            }
            if let alone = holding.pointee.shared { shared?.give(alone.takeRetainedValue(), spent: spent) }
        } else if let held = holding.pointee.shared?.takeRetainedValue() {
            shared?.give(held, spent: spent)
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
