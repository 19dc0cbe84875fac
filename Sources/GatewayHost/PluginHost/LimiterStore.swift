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
        /// Of a reservation that was made: its period.
        fileprivate(set) var window: UInt64 = 0
        /// What the key counted before, for when a later demand refuses.
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
    @inline(__always)
    func take(
        _ demands: UnsafeMutableBufferPointer<Demand>, namespace: UInt32, time: Time,
        grants: UnsafeMutableBufferPointer<gw_grant>, held: (LimiterNode, _ index: Int) -> Void
    ) -> Outcome {
        guard let first = demands.baseAddress, let grants = grants.baseAddress else { return .granted }
        let count = demands.count
        let outcome = takeAll(first, count, namespace, time, grants)
        if case .granted = outcome {
            for index in 0..<count where first[index].kind != GW_DEMAND_RATE {
                held(first[index].node.unsafelyUnwrapped, index)
            }
        }
        return outcome
    }

    /// The same. What has to be given back is left pinned.
    private func takeAll(
        _ demands: UnsafeMutablePointer<Demand>, _ count: Int, _ namespace: UInt32, _ time: Time,
        _ grants: UnsafeMutablePointer<gw_grant>
    ) -> Outcome {
        var mask: UInt64 = 0
        for index in 0..<count {
            let demand = demands + index
            demand.pointee.hash = KeyedTable<LimiterState>.hash(namespace, demand.pointee.tag, demand.pointee.key)
            mask |= 1 << (demand.pointee.hash >> 58)
        }
        lock(mask)
        defer { unlock(mask) }
        for index in 0..<count {
            guard let node = node(for: demands + index, namespace, time) else {
                unpin(demands, index)
                return .full
            }
            demands[index].node = node
            // Pinned while the locks are held: adding the next key must not sweep this one away.
            node.pointee.value.pins &+= 1
        }
        if let refusing = applyAll(demands, count, time, grants) {
            for index in 0..<count { _ = apply(demands + index, time, keeping: false, grants + index) }
            unpin(demands, count)
            return .refused(first: refusing)
        }
        for index in 0..<count where demands[index].kind == GW_DEMAND_RATE {
            demands[index].node.unsafelyUnwrapped.pointee.value.pins &-= 1
        }
        return .granted
    }

    private func unpin(_ demands: UnsafeMutablePointer<Demand>, _ count: Int) {
        for index in 0..<count { demands[index].node.unsafelyUnwrapped.pointee.value.pins &-= 1 }
    }

    /// Takes each; if one refuses, all are as before and its index is returned.
    @inline(__always)
    private func applyAll(
        _ demands: UnsafeMutablePointer<Demand>, _ count: Int, _ time: Time, _ grants: UnsafeMutablePointer<gw_grant>
    ) -> Int? {
        for index in 0..<count {
            // The last one has nothing behind it that could refuse.
            if index &+ 1 < count { demands[index].before = demands[index].node.unsafelyUnwrapped.pointee.value }
            if !apply(demands + index, time, keeping: true, grants + index) {
                // In reverse, because two may share a key.
                for undone in (0..<index).reversed() {
                    demands[undone].node.unsafelyUnwrapped.pointee.value = demands[undone].before
                }
                return index
            }
        }
        return nil
    }

    @inline(__always)
    private func apply(
        _ demand: UnsafeMutablePointer<Demand>, _ time: Time, keeping: Bool, _ grant: UnsafeMutablePointer<gw_grant>
    ) -> Bool {
        let node = demand.pointee.node.unsafelyUnwrapped
        let cost = demand.pointee.cost
        let limit = demand.pointee.limit
        grant.initialize(
            to: gw_grant(size: UInt32(MemoryLayout<gw_grant>.size), reserved: 0, remaining: 0, reset_ms: 0, retry_after_ms: 0))
        switch demand.pointee.kind {
        case GW_DEMAND_RATE:
            let period = demand.pointee.periodMilliseconds.multipliedReportingOverflow(by: 1_000_000)
            let decision = node.pointee.value.rate.take(
                cost: cost, limit: limit, periodNanoseconds: period.overflow ? .max : period.partialValue,
                now: time.monotonicNanoseconds, keeping: keeping)
            grant.pointee.remaining = decision.remaining
            grant.pointee.reset_ms = LimiterStore.milliseconds(decision.resetNanoseconds)
            grant.pointee.retry_after_ms = LimiterStore.milliseconds(decision.retryNanoseconds)
            return decision.isGranted
        case GW_DEMAND_LEASE:
            let held = node.pointee.value.held
            let isGranted = cost <= limit && held <= limit - cost
            if isGranted, keeping { node.pointee.value.held = held + cost }
            grant.pointee.remaining = max(0, limit - node.pointee.value.held)
            return isGranted
        default:
            let decision = node.pointee.value.budget.reserve(
                cost: cost, limit: limit, periodMilliseconds: demand.pointee.periodMilliseconds,
                now: time.wallMilliseconds, keeping: keeping)
            demand.pointee.window = node.pointee.value.budget.window
            grant.pointee.remaining = decision.remaining
            grant.pointee.reset_ms = decision.resetMilliseconds
            grant.pointee.retry_after_ms = decision.retryMilliseconds
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

    @inline(__always)
    private func node(for demand: UnsafeMutablePointer<Demand>, _ namespace: UInt32, _ time: Time) -> LimiterNode? {
        let shard = shards + Int(demand.pointee.hash >> 58)
        return shard.pointee.table.find(demand.pointee.hash, namespace, demand.pointee.tag, demand.pointee.key)
            ?? newNode(for: demand.pointee, shard, namespace, time)
    }

    @inline(never)
    private func newNode(
        for demand: Demand, _ shard: UnsafeMutablePointer<Shard>, _ namespace: UInt32, _ time: Time
    ) -> LimiterNode? {
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
