// Every key that the gateway knows, held so that memory does not give the keys away, and found in
// constant time however many there are.
//
// A key is kept as HMAC-SHA-256(pepper, SHA-256(key)). The pepper is random, made for this table
// and never written anywhere. The inner hash is what an operator may put into the configuration
// instead of the key; the outer one makes the place in the table, and the time that finding it
// takes, unpredictable to whoever chooses keys to try. The table is open addressing at a load of at
// most one half; the first word of the tag is the slot.
//
// Kind: constant after it is filled; shared by all workers.

import PluginKit

final class KeyTable: @unchecked Sendable {
    // Mutated by `insert` only, which the initialiser of the plugin alone calls, before any worker.
    private let hash: HMACSHA256
    private var tags: [Digest] = []
    private var slots: [Int32]
    private let mask: Int

    /// - Parameters:
    ///   - capacity: how many keys will be inserted at most.
    ///   - pepper: 32 random bytes.
    init(capacity: Int, pepper: Bytes) {
        hash = HMACSHA256(key: pepper)
        var size = 16
        while size < 2 * capacity { size *= 2 }
        slots = Array(repeating: -1, count: size)
        mask = size - 1
        tags.reserveCapacity(capacity)
    }

    /// Adds the key with this SHA-256 and returns its index, counting from 0.
    /// - Returns: nil, and in `existing` its index, if the key is there already.
    func insert(_ digest: Digest, existing: inout Int) -> Int? {
        let tag = hash.tag(of: digest)
        var slot = Int(truncatingIfNeeded: tag.words[0]) & mask
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if tags[index].equals(tag) {
                existing = index
                return nil
            }
            slot = (slot + 1) & mask
        }
        precondition(2 * tags.count < slots.count, "more keys than the table was made for")
        slots[slot] = Int32(tags.count)
        tags.append(tag)
        return tags.count - 1
    }

    /// The index of `key`; nil if it is not known. About four blocks of SHA-256.
    func find(_ key: Bytes) -> Int? {
        let tag = hash.tag(of: SHA256.digest(of: key))
        var slot = Int(truncatingIfNeeded: tag.words[0]) & mask
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if tags[index].equals(tag) { return index }
            slot = (slot + 1) & mask
        }
        return nil
    }
}
