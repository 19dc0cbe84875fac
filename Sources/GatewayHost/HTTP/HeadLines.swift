// Cuts a head into lines while it arrives.
//
// One pass of sixteen bytes at a time looks for the first control byte; in a correct head that is
// always the CR of a line's end. It remembers how far it looked, so a head that arrives byte by
// byte is still read once.
//
// Kind: value. Invariants: lineStart <= scanned <= bytes seen so far; no byte in
// lineStart..<scanned is a control byte other than tab.

struct HeadLines {
    enum Line: Equatable {
        /// The line without its CR LF.
        case line(start: Int, end: Int)
        case needMore
        case failed(HTTPFault)
    }

    /// Where the line that is being read begins.
    private(set) var lineStart = 0
    private var scanned = 0

    /// The next line of a head that begins at `base` and of which `count` bytes are here.
    @inline(__always)
    mutating func next(_ base: UnsafePointer<UInt8>, _ count: Int) -> Line {
        assert(scanned <= count)
        let stop = ByteSearch.control(in: base, from: scanned, to: count)
        scanned = stop
        guard stop < count else { return .needMore }
        switch base[stop] {
        case 0x0d:
            guard stop &+ 1 < count else { return .needMore }
            guard base[stop &+ 1] == 0x0a else { return .failed(.bareCarriageReturn) }
            let start = lineStart
            lineStart = stop &+ 2
            scanned = lineStart
            return .line(start: start, end: stop)
        case 0x0a: return .failed(.bareLineFeed)
        default: return .failed(.controlByte)
        }
    }

    mutating func reset() { self = HeadLines() }
}
