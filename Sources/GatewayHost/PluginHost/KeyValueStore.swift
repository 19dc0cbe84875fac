// gw.kv/1 in memory: small values with a lifetime, shared by all loops and generations.
//
// A value is bytes; a counter is the decimal digits of its sum, so `get` and `add` see one thing.
//
// Kind: shared. One lock per shard, held for a look-up and a copy.

import CLinux
import Synchronization

final class KeyValueStore: Sendable {
    static let keyLimit = 1024
    static let valueLimit = 1 << 20
    /// Keys and values of all shards together.
    static let byteLimit = 64 << 20
    /// What a key costs beside its bytes.
    static let keyOverhead = 96

    enum Fault: Error { case absent, conflict, full, notANumber }

    private struct Value {
        var bytes: [UInt8]
        /// Monotonic nanoseconds; `.max`: never.
        var expires: UInt64
    }
    private struct Shard: ~Copyable {
        var table = KeyedTable<Value>()
        /// Inserts until the next sweep of what has expired.
        var untilSweep = 1024
    }

    private final class LockedShard: @unchecked Sendable {
        private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private var shard = Shard()

        init() { pthread_mutex_init(lock, nil) }
        deinit {
            pthread_mutex_destroy(lock)
            lock.deallocate()
        }

        /// A `Mutex` would not let `body` use views that belong to the caller's loop.
        func locked<Result>(_ body: (inout Shard) -> Result) -> Result {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            return body(&shard)
        }
    }

    private let shards: [LockedShard] = (0..<64).map { _ in LockedShard() }
    private let heldBytes = Atomic<Int>(0)

    init() {}

    /// Bytes that keys and values take up.
    var byteCount: Int { heldBytes.load(ordering: .relaxed) }

    /// Hands the value to `body`, which copies what it needs; false if there is none.
    func get(_ namespace: UInt32, _ key: Bytes, now: UInt64, _ body: (Bytes) -> Void) -> Bool {
        let hash = KeyedTable<Value>.hash(namespace, 0, key)
        return locked(hash) { shard in
            guard let node = live(&shard, hash, namespace, key, now) else { return false }
            node.pointee.value.bytes.withUnsafeBytes { body($0.baseAddress == nil ? Bytes("") : Bytes($0)) }
            return true
        }
    }

    /// Sets or, with an absent value, removes.
    func set(_ namespace: UInt32, _ key: Bytes, _ value: Bytes, milliseconds: UInt32, now: UInt64) -> Fault? {
        let hash = KeyedTable<Value>.hash(namespace, 0, key)
        return locked(hash) { shard in
            write(&shard, live(&shard, hash, namespace, key, now), hash, namespace, key, value, milliseconds, now)
        }
    }

    /// Adds to a counter, which begins at 0; its lifetime counts from its beginning.
    func add(
        _ namespace: UInt32, _ key: Bytes, _ delta: Int64, milliseconds: UInt32, now: UInt64
    ) -> Result<Int64, Fault> {
        let hash = KeyedTable<Value>.hash(namespace, 0, key)
        return locked(hash) { shard in
            let node = live(&shard, hash, namespace, key, now)
            var before: Int64 = 0
            if let node {
                // As Redis reads numbers: "007" and "+7" are none.
                let text = String(decoding: node.pointee.value.bytes, as: UTF8.self)
                guard let number = Int64(text), number.description == text else { return .failure(.notANumber) }
                before = number
            }
            let (sum, overflow) = before.addingReportingOverflow(delta)
            if overflow { return .failure(.notANumber) }
            let digits = Array(sum.description.utf8)
            if let node {
                charge(digits.count - node.pointee.value.bytes.count)
                node.pointee.value.bytes = digits
                return .success(sum)
            }
            let fault = digits.withUnsafeBytes {
                write(&shard, nil, hash, namespace, key, Bytes($0), milliseconds, now)
            }
            return fault.map { .failure($0) } ?? .success(sum)
        }
    }

    /// Sets if the value is what was expected, absent included; else hands what is there to `actual`.
    func swap(
        _ namespace: UInt32, _ key: Bytes, expected: Bytes, _ value: Bytes, milliseconds: UInt32, now: UInt64,
        actual: (Bytes) -> Void
    ) -> Fault? {
        let hash = KeyedTable<Value>.hash(namespace, 0, key)
        return locked(hash) { shard in
            let node = live(&shard, hash, namespace, key, now)
            if let node {
                let matches = node.pointee.value.bytes.withUnsafeBytes { bytes in
                    let present = bytes.baseAddress == nil ? Bytes("") : Bytes(bytes)
                    if present.equals(expected) { return true }
                    actual(present)
                    return false
                }
                if !matches { return .conflict }
            } else if !expected.isAbsent {
                return .conflict
            }
            return write(&shard, node, hash, namespace, key, value, milliseconds, now)
        }
    }

    // MARK: Under the lock

    private func locked<Result>(_ hash: UInt64, _ body: (inout Shard) -> Result) -> Result {
        shards[Int(hash >> 58)].locked(body)
    }

    /// The node of a key that has not expired.
    private func live(
        _ shard: inout Shard, _ hash: UInt64, _ namespace: UInt32, _ key: Bytes, _ now: UInt64
    ) -> KeyedTable<Value>.Node? {
        guard let node = shard.table.find(hash, namespace, 0, key) else { return nil }
        if node.pointee.value.expires > now { return node }
        remove(&shard, node)
        return nil
    }

    private func write(
        _ shard: inout Shard, _ node: KeyedTable<Value>.Node?, _ hash: UInt64, _ namespace: UInt32, _ key: Bytes,
        _ value: Bytes, _ milliseconds: UInt32, _ now: UInt64
    ) -> Fault? {
        if value.isAbsent {
            if let node { remove(&shard, node) }
            return nil
        }
        let expires = milliseconds == 0 ? UInt64.max : now + UInt64(milliseconds) * 1_000_000
        if let node {
            let growth = value.count - node.pointee.value.bytes.count
            guard growth <= 0 || hasRoom(growth, &shard, now, keeping: node) else { return .full }
            charge(growth)
            node.pointee.value = Value(bytes: Array(value.buffer), expires: expires)
            return nil
        }
        let size = key.count + value.count + KeyValueStore.keyOverhead
        guard hasRoom(size, &shard, now, keeping: nil) else { return .full }
        charge(size)
        shard.untilSweep -= 1
        if shard.untilSweep <= 0 { sweep(&shard, now, keeping: nil) }
        _ = shard.table.insert(hash, namespace, 0, key, Value(bytes: Array(value.buffer), expires: expires))
        return nil
    }

    /// Room for so many bytes more, if need be after dropping what has expired in this shard.
    private func hasRoom(_ bytes: Int, _ shard: inout Shard, _ now: UInt64, keeping: KeyedTable<Value>.Node?) -> Bool {
        if byteCount + bytes <= KeyValueStore.byteLimit { return true }
        sweep(&shard, now, keeping: keeping)
        return byteCount + bytes <= KeyValueStore.byteLimit
    }

    private func sweep(_ shard: inout Shard, _ now: UInt64, keeping: KeyedTable<Value>.Node?) {
        var freed = 0
        shard.table.sweep { node in
            guard node.pointee.value.expires <= now, node != keeping else { return false }
            freed += KeyValueStore.size(node)
            return true
        }
        charge(-freed)
        shard.untilSweep = max(1024, shard.table.count)
    }

    private func remove(_ shard: inout Shard, _ node: KeyedTable<Value>.Node) {
        charge(-KeyValueStore.size(node))
        shard.table.remove(node)
    }

    private static func size(_ node: KeyedTable<Value>.Node) -> Int {
        KeyNode.key(node).count + node.pointee.value.bytes.count + keyOverhead
    }

    private func charge(_ bytes: Int) { heldBytes.add(bytes, ordering: .relaxed) }
}
