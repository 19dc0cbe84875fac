// Cuts a head into lines while it arrives.
//
// One pass, sixty-four bytes at a time, marks what is no printable ASCII; in nearly every correct head that is
// the CR and the LF of each line's end and nothing else.
//
// Kind: value. Invariants: results do not depend on how the head was split; lineStart <= bytes seen so far;
// no byte between lineStart and the next mark is a control byte.

import CLinux

struct HeadLines {
    enum Line: Equatable {
        /// The line without its CR LF.
        case line(start: Int, end: Int)
        case needMore
        case failed(HTTPFault)
    }

    /// Where the line that is being read begins.
    private(set) var lineStart = 0
    private var unprintable = MarkedBytes()

    /// The next line of a head that begins at `base` and of which `count` bytes are here.
    @inline(__always)
    mutating func next(_ base: UnsafePointer<UInt8>, _ count: Int) -> Line {
        while true {
            let stop = unprintable.next(
                in: base, count, mask: { gwl_mask64_unprintable($0) }, byte: { $0 < 0x20 || $0 > 0x7e })
            guard stop < count else { return .needMore }
            switch base[stop] {
            case 0x0d:
                guard stop &+ 1 < count else { return .needMore }
                guard base[stop &+ 1] == 0x0a else { return .failed(.bareCarriageReturn) }
                unprintable.pass(stop &+ 1)
                let start = lineStart
                lineStart = stop &+ 2
                return .line(start: start, end: stop)
            // Tabs and what is not ASCII may stand in a line (RFC 9110 section 5.5).
            case 0x09, 0x80...: unprintable.pass(stop)
            case 0x0a: return .failed(.bareLineFeed)
            default: return .failed(.controlByte)
            }
        }
    }

    mutating func reset() { self = HeadLines() }
}
