// Every key that the gateway knows, held so that memory does not give the keys away, and found in
// constant time however many there are.
//
// A key is kept as HMAC-SHA-256(pepper, SHA-256(key)). The pepper is the host's and secret; it is the same in every
// process, so tags can be stored. The inner hash is what an operator may put into the configuration instead of the
// key; the outer one makes the place in the table, and the time that finding it takes, unpredictable to whoever
// chooses keys to try. The table is open addressing at a load of at most one half; the first word of the tag is the
// slot. What is taken out closes its gap, so that a table that changes stays as quick as a new one.
//
// Kind: confined to its worker.

import PluginKit

final class KeyTable {
    private struct Slot {
        var tag: Digest
        /// -1: free.
        var value: Int32
    }

    /// Two gateways that were taken over have two.
    static let pepperLimit = 4
    private var peppers: [[UInt8]] = []
    private let hash: HMACSHA256
    private var slots: UnsafeMutablePointer<Slot>
    private var mask: Int
    private(set) var count = 0

    /// - Parameter pepper: 32 secret bytes.
    init(pepper: Bytes) {
        hash = HMACSHA256(key: pepper)
        mask = 15
        slots = Self.makeSlots(16)
    }

    deinit { slots.deallocate() }

    private static func makeSlots(_ count: Int) -> UnsafeMutablePointer<Slot> {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: count)
        slots.initialize(repeating: Slot(tag: Digest(words: InlineArray(repeating: 0)), value: -1), count: count)
        return slots
    }

    /// What stands for a key with this SHA-256.
    func tag(of digest: Digest) -> Digest { hash.tag(of: digest) }

    @inline(__always)
    private func home(_ tag: Digest) -> Int { Int(truncatingIfNeeded: tag.words[0]) & mask }

    /// The value of `key`; nil if it is not known. About four blocks of SHA-256, and as many for each pepper of elsewhere.
    func find(_ key: Bytes) -> Int? {
        if let value = value(of: hash.tag(of: SHA256.digest(of: key))) { return value }
        for pepper in peppers {
            if let value = value(of: hash.tag(of: KeyTable.legacyDigest(of: key, pepper))) { return value }
        }
        return nil
    }

    /// As claude-relay-service keeps a key: of it and a pepper, one behind the other.
    static func legacyDigest(of key: Bytes, _ pepper: [UInt8]) -> Digest {
        (Array(key.buffer) + pepper).withUnsafeBufferPointer { SHA256.digest(of: Bytes($0)) }
    }

    /// Another pepper that keys of elsewhere were hashed with. Those beyond `pepperLimit` do not count: each makes a stranger's key dearer.
    func add(pepper: [UInt8]) {
        if !peppers.contains(pepper), peppers.count < KeyTable.pepperLimit { peppers.append(pepper) }
    }

    func value(of tag: Digest) -> Int? {
        let slot = slots + place(of: tag)
        return slot.pointee.value < 0 ? nil : Int(slot.pointee.value)
    }

    /// The slot that holds `tag`, or the free one where it belongs.
    private func place(of tag: Digest) -> Int {
        var place = home(tag)
        while slots[place].value >= 0, !slots[place].tag.equals(tag) { place = (place + 1) & mask }
        return place
    }

    /// - Returns: false if the tag is there already, which changes nothing.
    func insert(_ tag: Digest, value: Int) -> Bool {
        if 2 * (count + 1) > mask { grow() }
        let place = place(of: tag)
        guard slots[place].value < 0 else { return false }
        slots[place] = Slot(tag: tag, value: Int32(value))
        count += 1
        return true
    }

    /// - Source: Knuth, "The Art of Computer Programming" volume 3, section 6.4, algorithm R.
    func remove(_ tag: Digest) {
        var gap = place(of: tag)
        guard slots[gap].value >= 0 else { return }
        count -= 1
        var place = gap
        while true {
            slots[gap].value = -1
            repeat {
                place = (place + 1) & mask
                if slots[place].value < 0 { return }
                // One whose home lies between the gap and itself stays where it is.
            } while (place - home(slots[place].tag)) & mask < (place - gap) & mask
            slots[gap] = slots[place]
            gap = place
        }
    }

    private func grow() {
        let (old, oldCount) = (slots, mask + 1)
        slots = Self.makeSlots(2 * oldCount)
        mask = 2 * oldCount - 1
        for index in 0..<oldCount where old[index].value >= 0 {
            slots[place(of: old[index].tag)] = old[index]
        }
        old.deallocate()
    }
}
