// Finding the first byte of a kind, sixteen bytes at a time.
//
// JSON strings look here for their end, targets for theirs; where marks are many and close, as line ends are,
// MarkedBytes is quicker. The compares are plain SIMD16 operations, which on x86-64
// become SSE2; the mask is read as two words, and its first set byte is the answer. Where the way is
// short, the masks come from CLinux as one bit a byte.
//
// Kind: value (pure functions). All positions are offsets from `base`; nothing at or after `end`
// is read.

import CLinux

enum ByteSearch {
    typealias Lanes = SIMD16<UInt8>
    typealias LaneMask = SIMDMask<SIMD16<Int8>>

    /// The first position in `start..<end` whose byte satisfies the predicate, else `end`.
    ///
    /// The predicate comes twice, for sixteen lanes and for the last few bytes; both must agree.
    @inline(__always)
    static func first(
        in base: UnsafePointer<UInt8>, from start: Int, to end: Int,
        lanes: (Lanes) -> LaneMask, byte: (UInt8) -> Bool
    ) -> Int {
        assert(start >= 0 && start <= end)
        var at = start
        while at &+ 16 <= end {
            let words = unsafeBitCast(lanes(load(base, at)), to: SIMD2<UInt64>.self)
            if words[0] != 0 { return at &+ words[0].trailingZeroBitCount >> 3 }
            if words[1] != 0 { return at &+ 8 &+ words[1].trailingZeroBitCount >> 3 }
            at &+= 16
        }
        while at < end {
            if byte(base[at]) { return at }
            at &+= 1
        }
        return end
    }

    /// The same by bit masks: fewer instructions for what is short, as names and header lines are.
    ///
    /// The end is looked at together with bytes before it, so all of `0..<end` must be readable.
    @inline(__always)
    static func first(
        in base: UnsafePointer<UInt8>, from start: Int, to end: Int,
        mask: (UnsafePointer<UInt8>) -> UInt32, byte: (UInt8) -> Bool
    ) -> Int {
        assert(start >= 0 && start <= end)
        var at = start
        while at &+ 16 <= end {
            let found = mask(base + at)
            if found != 0 { return at &+ found.trailingZeroBitCount }
            at &+= 16
        }
        if end >= 16 {
            let found = mask(base + (end &- 16)) &>> UInt32(truncatingIfNeeded: 16 &- (end &- at))
            return found != 0 ? at &+ found.trailingZeroBitCount : end
        }
        while at < end {
            if byte(base[at]) { return at }
            at &+= 1
        }
        return end
    }

    @inline(__always)
    static func load(_ base: UnsafePointer<UInt8>, _ at: Int) -> Lanes {
        UnsafeRawPointer(base + at).loadUnaligned(as: Lanes.self)
    }

    @inline(__always)
    static func space(in base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        first(in: base, from: start, to: end, mask: { gwl_mask16_either($0, 0x20, 0x20) }, byte: { $0 == 0x20 })
    }

    /// What is no ASCII letter, digit, hyphen, full stop or slash: the end of most paths.
    @inline(__always)
    static func outsidePath(in base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        first(
            in: base, from: start, to: end, mask: { gwl_mask16_outside_paths($0) },
            byte: { ($0 | 0x20) &- 0x61 >= 26 && $0 &- 0x2d >= 13 })
    }

    /// A quotation mark or a backslash: what can end a JSON string or shift its end.
    @inline(__always)
    static func quoteOrEscape(in base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        first(
            in: base, from: start, to: end, mask: { gwl_mask16_either($0, 0x22, 0x5c) },
            byte: { $0 == 0x22 || $0 == 0x5c })
    }

    /// A byte that ends plain ASCII text in a JSON string: quotation mark, backslash, control, or
    /// the beginning of anything that is not ASCII.
    @inline(__always)
    static func notPlainText(in base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        first(
            in: base, from: start, to: end,
            lanes: { lanes in
                // As signed numbers, control bytes and bytes from 0x80 are both below 0x20.
                let signed = unsafeBitCast(lanes, to: SIMD16<Int8>.self)
                return (signed .< SIMD16<Int8>(repeating: 0x20))
                    .| (lanes .== Lanes(repeating: 0x22)) .| (lanes .== Lanes(repeating: 0x5c))
            },
            byte: { $0 < 0x20 || $0 >= 0x80 || $0 == 0x22 || $0 == 0x5c })
    }
}
