// A hash table from a plugin's keys to values, for one shard of a store.
//
// A key is the instance's namespace, a tag that the store chooses, and the plugin's bytes. Nodes never
// move, so a store may keep the address of one that it has pinned.
//
// Kind: value, not copyable; protected by its shard's lock.

import CLinux

struct KeyNode<Value> {
    fileprivate var next: UnsafeMutablePointer<KeyNode<Value>>?
    let hash: UInt64
    let tag: UInt64
    let namespace: UInt32
    fileprivate let keyCount: UInt32
    var value: Value

    /// Where the key's bytes are: behind the node.
    fileprivate static var keyOffset: Int { (MemoryLayout<KeyNode<Value>>.size + 7) & ~7 }

    static func key(_ node: UnsafeMutablePointer<KeyNode<Value>>) -> Bytes {
        Bytes(UnsafeRawBufferPointer(start: UnsafeRawPointer(node) + keyOffset, count: Int(node.pointee.keyCount)))
    }
}

struct KeyedTable<Value>: ~Copyable {
    typealias Node = UnsafeMutablePointer<KeyNode<Value>>

    private var buckets: UnsafeMutablePointer<Node?>
    private var bucketCount = 16
    private(set) var count = 0

    init() {
        buckets = .allocate(capacity: bucketCount)
        buckets.initialize(repeating: nil, count: bucketCount)
    }

    deinit {
        for bucket in 0..<bucketCount {
            var node = buckets[bucket]
            while let this = node {
                node = this.pointee.next
                KeyedTable.release(this)
            }
        }
        buckets.deallocate()
    }

    /// Eight bytes a step, the last ones overlapping what was taken already. All bits of the result are
    /// good: the bucket is taken from the low ones, the shard from the high ones.
    static func hash(_ namespace: UInt32, _ tag: UInt64, _ key: Bytes) -> UInt64 {
        @inline(__always)
        func mixed(_ word: UInt64) -> UInt64 {
            let product = word &* 0xd6e8_feb8_6659_fd93
            return product ^ product >> 32
        }
        var hash = (UInt64(namespace) &* 0x9e37_79b9_7f4a_7c15) ^ (tag &* 0xc2b2_ae3d_27d4_eb4f) &+ UInt64(key.count)
        guard let base = key.base else { return mixed(mixed(hash)) }
        if key.count < 8 {
            var word: UInt64 = 0
            for index in 0..<key.count { word = word << 8 | UInt64(base[index]) }
            return mixed(mixed(hash) ^ word &* 0x9e37_79b9_7f4a_7c15)
        }
        let raw = UnsafeRawPointer(base)
        var at = 0
        while at &+ 8 < key.count {
            hash = mixed(hash ^ raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            at &+= 8
        }
        hash = mixed(hash ^ raw.loadUnaligned(fromByteOffset: key.count &- 8, as: UInt64.self))
        return mixed(hash)
    }

    @inline(__always)
    func find(_ hash: UInt64, _ namespace: UInt32, _ tag: UInt64, _ key: Bytes) -> Node? {
        var node = buckets[Int(truncatingIfNeeded: hash) & (bucketCount - 1)]
        while let this = node {
            if this.pointee.hash == hash, this.pointee.namespace == namespace, this.pointee.tag == tag,
                KeyNode.key(this).equals(key)
            {
                return this
            }
            node = this.pointee.next
        }
        return nil
    }

    /// Adds a key that is not there.
    mutating func insert(_ hash: UInt64, _ namespace: UInt32, _ tag: UInt64, _ key: Bytes, _ value: Value) -> Node {
        if count == bucketCount { grow() }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: KeyNode<Value>.keyOffset + key.count, alignment: 16)
        let node = memory.bindMemory(to: KeyNode<Value>.self, capacity: 1)
        let bucket = Int(truncatingIfNeeded: hash) & (bucketCount - 1)
        node.initialize(
            to: KeyNode(
                next: buckets[bucket], hash: hash, tag: tag, namespace: namespace, keyCount: UInt32(key.count),
                value: value))
        if let base = key.base { memcpy(memory + KeyNode<Value>.keyOffset, base, key.count) }
        buckets[bucket] = node
        count += 1
        return node
    }

    mutating func remove(_ node: Node) {
        let bucket = Int(truncatingIfNeeded: node.pointee.hash) & (bucketCount - 1)
        if buckets[bucket] == node {
            buckets[bucket] = node.pointee.next
        } else {
            var before = buckets[bucket]
            while let this = before, this.pointee.next != node { before = this.pointee.next }
            before?.pointee.next = node.pointee.next
        }
        count -= 1
        KeyedTable.release(node)
    }

    /// Removes every node for which `isSpent` says so.
    mutating func sweep(_ isSpent: (Node) -> Bool) {
        for bucket in 0..<bucketCount {
            var link = buckets[bucket]
            while let this = link {
                link = this.pointee.next
                if isSpent(this) { remove(this) }
            }
        }
    }

    private static func release(_ node: Node) {
        node.deinitialize(count: 1)
        UnsafeMutableRawPointer(node).deallocate()
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Node?>.allocate(capacity: bucketCount * 2)
        larger.initialize(repeating: nil, count: bucketCount * 2)
        for bucket in 0..<bucketCount {
            var link = buckets[bucket]
            while let this = link {
                link = this.pointee.next
                let place = Int(truncatingIfNeeded: this.pointee.hash) & (bucketCount * 2 - 1)
                this.pointee.next = larger[place]
                larger[place] = this
            }
        }
        buckets.deallocate()
        buckets = larger
        bucketCount *= 2
    }
}
