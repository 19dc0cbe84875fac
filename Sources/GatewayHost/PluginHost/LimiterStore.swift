// The limits of the process in memory: rates, leases and budgets by key.
//
// All demands of a request are taken or none. The shards that the keys fall into are locked together,
// in ascending order, so no other request sees half of it and no two requests wait for each other.
//
// Kind: shared. Locks are held for the length of the arithmetic, never across a call.

import CLinux
import PluginABI

/// What one key counts.
struct LimiterState {
    var rate = RateWindow()
    var budget = BudgetWindow()
    /// Leases held.
    var held: Int64 = 0
    /// Holdings that point here; a pinned node is not removed.
    var pins = 0
}

typealias LimiterNode = UnsafeMutablePointer<KeyNode<LimiterState>>

final class LimiterStore: @unchecked Sendable {
    static let shardCount = 64
    /// Keys in a shard: 256 Ki in all, some 50 MB. Beyond, idle ones are dropped, and then refused.
    static let usualKeysPerShard = 4096
    private let keysPerShard: Int

    private struct Shard: ~Copyable {
        var lock = pthread_mutex_t()
        var table = KeyedTable<LimiterState>()
    }
    private let shards: UnsafeMutablePointer<Shard>

    init(keysPerShard: Int = usualKeysPerShard) {
        self.keysPerShard = keysPerShard
        shards = .allocate(capacity: LimiterStore.shardCount)
        for index in 0..<LimiterStore.shardCount {
            (shards + index).initialize(to: Shard())
            pthread_mutex_init(&shards[index].lock, nil)
        }
    }

    deinit {
        for index in 0..<LimiterStore.shardCount { pthread_mutex_destroy(&shards[index].lock) }
        shards.deinitialize(count: LimiterStore.shardCount)
        shards.deallocate()
    }

    /// The clocks a decision is made by.
    struct Time {
        var monotonicNanoseconds: UInt64
        var wallMilliseconds: UInt64
    }

    struct Demand {
        var kind: gw_demand_kind
        var key: Bytes
        var cost: Int64
        var limit: Int64
        var periodMilliseconds: UInt64
        fileprivate var hash: UInt64 = 0
        fileprivate var node: LimiterNode?
        fileprivate var before = LimiterState()

        init(kind: gw_demand_kind, key: Bytes, cost: Int64, limit: Int64, periodMilliseconds: UInt64) {
            self.kind = kind
            self.key = key
            self.cost = cost
            self.limit = limit
            self.periodMilliseconds = kind == GW_DEMAND_LEASE ? 0 : periodMilliseconds
        }

        /// One key counts separately for each kind and period.
        fileprivate var tag: UInt64 { periodMilliseconds << 2 | UInt64(kind.rawValue) }
    }

    enum Outcome: Equatable {
        case granted
        case refused(first: Int)
        /// There is no room for another key.
        case full
    }

    /// Takes all demands or none, and fills a grant for each.
    /// - Parameter held: called for each lease and reservation that was taken, with its node pinned.
    func take(
        _ demands: UnsafeMutableBufferPointer<Demand>, namespace: UInt32, time: Time,
        grants: UnsafeMutableBufferPointer<gw_grant>, held: (LimiterNode, _ index: Int) -> Void
    ) -> Outcome {
        var mask: UInt64 = 0
        for index in demands.indices {
            let hash = KeyedTable<LimiterState>.hash(namespace, demands[index].tag, demands[index].key)
            demands[index].hash = hash
            mask |= 1 << (hash >> 58)
        }
        lock(mask)
        defer {
            for demand in demands { demand.node?.pointee.value.pins -= 1 }
            unlock(mask)
        }
        for index in demands.indices {
            guard let node = node(for: demands[index], namespace, time) else {
                return .full
            }
            demands[index].node = node
            // Pinned while the locks are held: adding the next key must not sweep this one away.
            node.pointee.value.pins += 1
        }
        for index in demands.indices {
            demands[index].before = demands[index].node.unsafelyUnwrapped.pointee.value
            if !apply(demands[index], time, keeping: true, &grants[index]) {
                restore(demands, before: index)
                for each in demands.indices { _ = apply(demands[each], time, keeping: false, &grants[each]) }
                return .refused(first: index)
            }
        }
        for index in demands.indices where demands[index].kind != GW_DEMAND_RATE {
            demands[index].node.unsafelyUnwrapped.pointee.value.pins += 1
            held(demands[index].node.unsafelyUnwrapped, index)
        }
        return .granted
    }

    /// Undoes what the demands before `end` took, in reverse, because two may share a key.
    private func restore(_ demands: UnsafeMutableBufferPointer<Demand>, before end: Int) {
        for index in (0..<end).reversed() {
            let node = demands[index].node.unsafelyUnwrapped
            let pins = node.pointee.value.pins
            node.pointee.value = demands[index].before
            node.pointee.value.pins = pins
        }
    }

    private func apply(_ demand: Demand, _ time: Time, keeping: Bool, _ grant: inout gw_grant) -> Bool {
        let node = demand.node.unsafelyUnwrapped
        grant = gw_grant(size: UInt32(MemoryLayout<gw_grant>.size), reserved: 0, remaining: 0, reset_ms: 0, retry_after_ms: 0)
        switch demand.kind {
        case GW_DEMAND_RATE:
            let period = demand.periodMilliseconds.multipliedReportingOverflow(by: 1_000_000)
            let decision = node.pointee.value.rate.take(
                cost: demand.cost, limit: demand.limit, periodNanoseconds: period.overflow ? .max : period.partialValue,
                now: time.monotonicNanoseconds, keeping: keeping)
            grant.remaining = decision.remaining
            grant.reset_ms = LimiterStore.milliseconds(decision.resetNanoseconds)
            grant.retry_after_ms = LimiterStore.milliseconds(decision.retryNanoseconds)
            return decision.isGranted
        case GW_DEMAND_LEASE:
            let held = node.pointee.value.held
            let isGranted = demand.cost <= demand.limit && held <= demand.limit - demand.cost
            if isGranted, keeping { node.pointee.value.held += demand.cost }
            grant.remaining = max(0, demand.limit - node.pointee.value.held)
            return isGranted
        default:
            let decision = node.pointee.value.budget.reserve(
                cost: demand.cost, limit: demand.limit, periodMilliseconds: demand.periodMilliseconds,
                now: time.wallMilliseconds, keeping: keeping)
            grant.remaining = decision.remaining
            grant.reset_ms = decision.resetMilliseconds
            grant.retry_after_ms = decision.retryMilliseconds
            return decision.isGranted
        }
    }

    /// Rounded up, so that whoever waits that long is not early.
    private static func milliseconds(_ nanoseconds: UInt64) -> UInt64 {
        nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1)
    }

    // MARK: Giving back

    /// Gives a lease back and unpins its key.
    func release(lease amount: Int64, of node: LimiterNode) {
        let mask: UInt64 = 1 << (node.pointee.hash >> 58)
        lock(mask)
        node.pointee.value.held -= amount
        node.pointee.value.pins -= 1
        unlock(mask)
    }

    /// Replaces a reservation by what was really spent and unpins its key.
    func settle(reserved amount: Int64, in window: UInt64, spent: Int64, of node: LimiterNode) {
        let mask: UInt64 = 1 << (node.pointee.hash >> 58)
        lock(mask)
        node.pointee.value.budget.settle(reserved: amount, in: window, spent: spent)
        node.pointee.value.pins -= 1
        unlock(mask)
    }

    /// Keys that are counted now.
    var keyCount: Int {
        var count = 0
        for index in 0..<LimiterStore.shardCount {
            lock(1 << UInt64(index))
            count += shards[index].table.count
            unlock(1 << UInt64(index))
        }
        return count
    }

    // MARK: Shards

    private func node(for demand: Demand, _ namespace: UInt32, _ time: Time) -> LimiterNode? {
        let shard = shards + Int(demand.hash >> 58)
        if let known = shard.pointee.table.find(demand.hash, namespace, demand.tag, demand.key) { return known }
        if shard.pointee.table.count >= keysPerShard {
            shard.pointee.table.sweep { LimiterStore.isSpent($0, time) }
            if shard.pointee.table.count >= keysPerShard { return nil }
        }
        return shard.pointee.table.insert(demand.hash, namespace, demand.tag, demand.key, LimiterState())
    }

    /// Dropping the node would change no decision.
    private static func isSpent(_ node: LimiterNode, _ time: Time) -> Bool {
        let state = node.pointee.value
        guard state.pins == 0, state.held == 0, state.rate.isIdle(at: time.monotonicNanoseconds) else { return false }
        if state.budget.spent == 0, state.budget.reserved == 0 { return true }
        let period = node.pointee.tag >> 2
        return period != 0 && time.wallMilliseconds / period != state.budget.window
    }

    private func lock(_ mask: UInt64) {
        var rest = mask
        while rest != 0 {
            pthread_mutex_lock(&shards[rest.trailingZeroBitCount].lock)
            rest &= rest - 1
        }
    }

    private func unlock(_ mask: UInt64) {
        var rest = mask
        while rest != 0 {
            pthread_mutex_unlock(&shards[rest.trailingZeroBitCount].lock)
            rest &= rest - 1
        }
    }
}
