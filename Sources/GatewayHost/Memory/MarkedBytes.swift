// Goes from one marked byte to the next, sixty-four bytes at a time, in text that may still be arriving.
//
// What is a mark is the caller's to say, always the same way: the line ends of an event stream, the bytes of
// a head that need a second look. A block's marks are found at once and handed out one by one, so that short
// lines cost no search each.
//
// Kind: value; offsets only, since the text may move between calls. Invariants: no byte is looked at twice;
// `marks` has a bit for each mark from `block` up to `seen` that has not been passed.

struct MarkedBytes {
    private static let width = 64

    /// Where bit 0 of `marks` stands.
    private var block: Int
    private var marks: UInt64 = 0
    /// Behind the last byte looked at.
    private var seen: Int

    /// - Parameter start: no byte before it is a mark.
    @inline(__always)
    init(from start: Int = 0) {
        block = start
        seen = start
    }

    /// The first mark that has not been passed; `count` when there is none among the bytes here.
    ///
    /// The mark comes twice, for sixty-four bytes and for one; both must agree.
    /// - Parameters:
    ///   - base: the same bytes at each call, all `count` of them readable.
    ///   - count: no less than at the call before.
    @inline(__always)
    mutating func next(
        in base: UnsafePointer<UInt8>, _ count: Int,
        mask: (UnsafePointer<UInt8>) -> UInt64, byte: (UInt8) -> Bool
    ) -> Int {
        assert(seen <= count)
        while marks == 0 {
            guard seen < count else { return count }
            block = seen
            if seen &+ Self.width <= count {
                marks = mask(base + seen)
                seen &+= Self.width
            } else if count >= Self.width {
                // The last ones together with bytes before them.
                marks = mask(base + (count &- Self.width)) &>> UInt64(truncatingIfNeeded: Self.width &- (count &- seen))
                seen = count
            } else {
                for at in seen..<count where byte(base[at]) { marks |= 1 &<< UInt64(truncatingIfNeeded: at &- block) }
                seen = count
            }
        }
        return block &+ marks.trailingZeroBitCount
    }

    /// Goes on behind `last`: a mark that `next` gave, or the byte behind it.
    @inline(__always)
    mutating func pass(_ last: Int) {
        if last < seen {
            marks &= ~1 &<< UInt64(truncatingIfNeeded: last &- block)
        } else {
            assert(last == seen)
            marks = 0
            seen = last &+ 1
        }
    }
}
