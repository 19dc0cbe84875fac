// Steps over one JSON object or array, in pieces of any size, sixty-four bytes at a time.
//
// Whether a byte is inside a string follows from the quotation marks before it that are not escaped:
// their running exclusive-or. Whether a mark is escaped follows from the length of the run of backslashes
// before it, which an addition finds (both from Langdale and Lemire, "Parsing Gigabytes of JSON per
// Second", 2019). Text without structure costs under an instruction a byte; nothing is looked at twice.
//
// The shapes of brackets are not compared, and backslashes outside strings are not noticed: this steps over
// a value, it does not judge it.
//
// Kind: value. Invariant: the answer does not depend on how the bytes were split.

struct JSONNesting {
    enum Outcome: Equatable {
        /// All bytes lie inside the value.
        case inside
        /// The value ends before the position that was given back.
        case ended
        /// More brackets are open than the limit allows.
        case tooDeep
    }

    /// Brackets inside brackets; far above any real document.
    static let depthLimit = 512

    private var depth = 0
    private var isInString = false
    /// 1 when the next byte is escaped by a backslash before it.
    private var escapeCarry: UInt64 = 0

    /// Steps on from `at`, the opening bracket at the first call, and moves it behind what was taken.
    mutating func advance(_ base: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int) -> Outcome {
        while at < end {
            if isInString, escapeCarry == 0 {
                // The inside of long texts: nothing but its end needs to be found.
                while at &+ ByteBlock.width <= end, !ByteBlock.has(0x22, or: 0x5c, base + at) {
                    at &+= ByteBlock.width
                }
                if at == end { break }
            }
            let stop = ByteBlock.with(base, at, end) { advance($0, $1) }
            if stop >= 0 {
                at &+= stop
                return depth == 0 ? .ended : .tooDeep
            }
            at = min(at &+ ByteBlock.width, end)
        }
        return .inside
    }

    /// Takes one block. Returns -1, or how many of its bytes were taken when the value ended or went too
    /// deep in it.
    @inline(__always)
    private mutating func advance(_ block: ByteBlock, _ count: Int) -> Int {
        let escaped = escapes(block.equal(0x5c), count)
        let quotes = block.equal(0x22) & ~escaped
        if isInString, quotes == 0 { return -1 }
        var strings: UInt64 = isInString ? ~0 : 0
        if quotes != 0 {
            strings ^= Self.runningXOR(quotes)
            isInString = strings >> UInt64(truncatingIfNeeded: count &- 1) & 1 != 0
        }
        let opens = block.equal(0x7b, folding: 0x20) & ~strings
        let closes = block.equal(0x7d, folding: 0x20) & ~strings
        if opens | closes == 0 { return -1 }
        let openCount = opens.nonzeroBitCount
        let closeCount = closes.nonzeroBitCount
        if closeCount < depth, depth &+ openCount <= Self.depthLimit {
            depth &+= openCount &- closeCount
            return -1
        }
        return stepByStep(opens, closes)
    }

    /// The brackets of a block in which the value may end, one after the other.
    private mutating func stepByStep(_ opens: UInt64, _ closes: UInt64) -> Int {
        var both = opens | closes
        while both != 0 {
            let place = both.trailingZeroBitCount
            both &= both &- 1
            if opens >> UInt64(place) & 1 != 0 {
                depth &+= 1
                if depth > Self.depthLimit { return place &+ 1 }
            } else {
                depth &-= 1
                if depth == 0 { return place &+ 1 }
            }
        }
        return -1
    }

    /// Which bytes are escaped, given the backslashes; carries over to the next block.
    @inline(__always)
    private mutating func escapes(_ backslashes: UInt64, _ count: Int) -> UInt64 {
        if backslashes == 0 {
            let escaped = escapeCarry
            escapeCarry = 0
            return escaped
        }
        let evenBits: UInt64 = 0x5555_5555_5555_5555
        let starts = backslashes & ~escapeCarry
        let followers = starts << 1 | escapeCarry
        let oddStarts = starts & ~evenBits & ~followers
        let (runs, overflow) = oddStarts.addingReportingOverflow(starts)
        let escaped = (evenBits ^ runs << 1) & followers
        escapeCarry = count == ByteBlock.width ? (overflow ? 1 : 0) : escaped >> UInt64(count) & 1
        return escaped
    }

    /// Bit n is the exclusive-or of bits 0...n.
    @inline(__always)
    private static func runningXOR(_ bits: UInt64) -> UInt64 {
        var sum = bits
        sum ^= sum << 1
        sum ^= sum << 2
        sum ^= sum << 4
        sum ^= sum << 8
        sum ^= sum << 16
        sum ^= sum << 32
        return sum
    }
}
