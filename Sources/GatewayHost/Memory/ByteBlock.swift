// Sixty-four bytes as bit masks: where a byte stands, one bit for each, the first byte lowest.
//
// For scanners that must tell many things about each byte (JSONNesting); ByteSearch is simpler where one
// place is wanted. A block at the end of the input is copied and filled up, so nothing beyond is read.
//
// Kind: value. Invariant: bits from `count` on are zero.

import CLinux

enum ByteBlock {
    static let width = 64

    /// Lends the block of `count` bytes at `base`, 1...64, as memory in which 64 bytes may be read.
    @inline(__always)
    static func with<Result>(
        _ base: UnsafePointer<UInt8>, count: Int, _ body: (UnsafePointer<UInt8>) -> Result
    ) -> Result {
        assert(count > 0 && count <= width)
        if count == width { return body(base) }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: width) { room in
            let copy = room.baseAddress.unsafelyUnwrapped
            memset(copy, 0, width)
            memcpy(copy, base, count)
            return body(copy)
        }
    }

    @inline(__always)
    static func equal(_ block: UnsafePointer<UInt8>, _ byte: UInt8) -> UInt64 { gwl_mask_equal(block, byte) }

    /// Bytes that are `byte` once the bits of `fold` are set in them.
    @inline(__always)
    static func equal(_ block: UnsafePointer<UInt8>, _ byte: UInt8, folding fold: UInt8) -> UInt64 {
        gwl_mask_folded(block, fold, byte)
    }
}
