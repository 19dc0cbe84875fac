// The limits of the process in memory: what LimiterState decides, by key.
//
// All demands of a request are taken or none. The shards that the keys fall into are locked together,
// in ascending order, so no other request sees half of it and no two requests wait for each other.
//
// Kind: shared. Locks are held for the length of the arithmetic, never across a call.

import CLinux
import PluginABI

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

    typealias Time = LimiterTime
    typealias Demand = LimiterDemand

    enum Outcome: Equatable {
        case granted
        case refused(first: Int)
        /// Nobody knows yet what was spent under the key of this demand.
        case unknown(first: Int)
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
            if demands[index].kind == GW_DEMAND_BUDGET, !node.pointee.value.enter(demands + index, time) {
                unpin(demands, index &+ 1)
                return .unknown(first: index)
            }
        }
        if let refusing = applyAll(demands, count, time, grants) {
            for index in 0..<count { _ = decide(demands + index, time, keeping: false, grants + index) }
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
        for index in 0..<count where !decide(demands + index, time, keeping: true, grants + index) {
            // In reverse, because two may share a key.
            for undone in (0..<index).reversed() {
                demands[undone].node.unsafelyUnwrapped.pointee.value.undo(demands + undone)
            }
            return index
        }
        return nil
    }

    @inline(__always)
    private func decide(
        _ demand: UnsafeMutablePointer<Demand>, _ time: Time, keeping: Bool, _ grant: UnsafeMutablePointer<gw_grant>
    ) -> Bool {
        demand.pointee.node.unsafelyUnwrapped.pointee.value.take(demand, time, keeping: keeping, grant)
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
    /// - Parameter window: of the demand that made it.
    func settle(reserved amount: Int64, in window: UInt64, spent: Int64, of node: LimiterNode) {
        let mask: UInt64 = 1 << (node.pointee.hash >> 58)
        lock(mask)
        node.pointee.value.settle(reserved: amount, in: window, spent: spent)
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
        return shard.pointee.table.insert(demand.hash, namespace, demand.tag, demand.key, LimiterState(demand))
    }

    /// Dropping the node would change no decision.
    private static func isSpent(_ node: LimiterNode, _ time: Time) -> Bool { node.pointee.value.isIdle(time) }

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
