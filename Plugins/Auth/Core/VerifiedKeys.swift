// Keys that this worker has found in the table before, so that the next request with one of them
// costs a SipHash instead of four blocks of SHA-256.
//
// An entry is the 128-bit SipHash of the key under a secret of this worker and what the table says of it:
// its place. When a key goes from the table, all of it is forgotten. Only keys that the table confirmed get in, so unknown keys cannot push known ones out.
// Direct-mapped: a newcomer replaces what sits in its slot. What is remembered is that a key is
// *known*; whether it is good now is asked of its record every time.
//
// Kind: confined to its worker. Not copyable, because it owns its memory.

import PluginKit

struct VerifiedKeys: ~Copyable {
    private struct Entry {
        var tag: SipTag
        var index: Int32
    }

    /// 4096 entries are 96 KB of a worker and more keys than one worker sees in its minute.
    private static let capacity = 4096

    private let hash: SipHash
    private let entries: UnsafeMutablePointer<Entry>

    init(secret: (UInt64, UInt64)) {
        hash = SipHash(key0: secret.0, key1: secret.1)
        entries = .allocate(capacity: Self.capacity)
        entries.initialize(
            repeating: Entry(tag: SipTag(low: 0, high: 0), index: -1), count: Self.capacity)
    }

    deinit { entries.deallocate() }

    /// After a key was taken from the table: 96 KB are written, which a change can afford.
    mutating func forget() {
        for place in 0..<Self.capacity { entries[place].index = -1 }
    }

    /// The value of `key` from memory, or else from `table`; nil if the key is not known.
    func find(_ key: Bytes, in table: KeyTable) -> Int? {
        let tag = hash.tag(of: key)
        let entry = entries + Int(truncatingIfNeeded: tag.low) & (Self.capacity - 1)
        let difference = (entry.pointee.tag.low ^ tag.low) | (entry.pointee.tag.high ^ tag.high)
        if difference == 0, entry.pointee.index >= 0 { return Int(entry.pointee.index) }
        guard let index = table.find(key) else { return nil }
        entry.pointee = Entry(tag: tag, index: Int32(index))
        return index
    }
}
