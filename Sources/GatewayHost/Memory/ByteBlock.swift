// Sixty-four bytes as bit masks: where a byte stands, one bit for each, the first byte lowest.
//
// For scanners that must tell many things about each byte (JSONNesting); ByteSearch is simpler where one
// place is wanted. A block cut short by the end of the input is read together with the bytes before it, or,
// where there are not enough of them, from a copy that is filled up; so nothing beyond is read.
//
// Kind: value. Invariant: bits from `count` on are zero.

import CLinux

struct ByteBlock {
    static let width = 64

    private let memory: UnsafePointer<UInt8>
    /// Bytes of the memory that stand before the block.
    private let skipped: UInt64

    /// Lends the block of `count` bytes at `at`, 1...64; of what is at `base`, `end` bytes may be read.
    @inline(__always)
    static func with<Result>(
        _ base: UnsafePointer<UInt8>, _ at: Int, _ end: Int, _ body: (ByteBlock, _ count: Int) -> Result
    ) -> Result {
        assert(at >= 0 && at < end)
        let count = end &- at
        if count >= width { return body(ByteBlock(memory: base + at, skipped: 0), width) }
        if end >= width {
            return body(
                ByteBlock(memory: base + (end &- width), skipped: UInt64(truncatingIfNeeded: width &- count)), count)
        }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: width) { room in
            let copy = room.baseAddress.unsafelyUnwrapped
            memset(copy, 0, width)
            memcpy(copy, base + at, count)
            return body(ByteBlock(memory: copy, skipped: 0), count)
        }
    }

    @inline(__always)
    func equal(_ byte: UInt8) -> UInt64 { gwl_mask_equal(memory, byte) &>> skipped }

    /// Bytes that are `byte` once the bits of `fold` are set in them.
    @inline(__always)
    func equal(_ byte: UInt8, folding fold: UInt8) -> UInt64 { gwl_mask_folded(memory, fold, byte) &>> skipped }

    /// True if one of the 64 bytes at `memory` is `one` or `other`.
    @inline(__always)
    static func has(_ one: UInt8, or other: UInt8, _ memory: UnsafePointer<UInt8>) -> Bool {
        gwl_has_either(memory, one, other) != 0
    }
}
