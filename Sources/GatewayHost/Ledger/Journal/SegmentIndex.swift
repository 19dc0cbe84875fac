// Where in a segment rows of a time or an id may stand: one entry for each 64 KB, with the range of times and ids
// of the rows that begin in it.
//
// Times and ids nearly ascend (a request's rows are written when it begins and when it ends), so the ranges are
// narrow and most of a segment is never read for one question. An index only says where nothing is; it is
// checked by a checksum, and rebuilt by reading when it is missing or damaged.
//
// Kind: value. Pure. Invariant: entries ascend by offset.

import CLinux

struct SegmentIndex: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var offset = 0
        var firstTime: Int64 = 0
        var lastTime: Int64 = 0
        var firstID = RowID.zero
        var lastID = RowID.zero

        @inline(__always)
        fileprivate mutating func widen(_ head: RowDecoder.Head) {
            firstTime = min(firstTime, head.started)
            lastTime = max(lastTime, head.started)
            firstID = min(firstID, head.id)
            lastID = max(lastID, head.id)
        }
    }

    static let stride = 64 << 10
    private static let entryBytes = 48

    /// Those that no row is added to any more.
    private var closed: [Entry] = []
    /// The one behind them, beside the array because each row changes it.
    private var last = Entry()
    /// Where the stretch of `last` ends; 0: there is none.
    private var strideEnd = 0
    /// Where the segment ends.
    private(set) var end = SegmentHeader.byteCount

    init() {}

    var entries: [Entry] { isEmpty ? closed : closed + [last] }
    var isEmpty: Bool { strideEnd == 0 }

    /// Rows are told in the order in which they stand.
    @inline(__always)
    mutating func add(_ head: RowDecoder.Head, at offset: Int, end: Int) {
        self.end = end
        guard head.kind != .checkpoint else { return }
        if offset >= strideEnd { begin(head, at: offset) } else { last.widen(head) }
    }

    private mutating func begin(_ head: RowDecoder.Head, at offset: Int) {
        if !isEmpty { closed.append(last) }
        last = Entry(offset: offset, firstTime: head.started, lastTime: head.started, firstID: head.id, lastID: head.id)
        strideEnd = Self.strideEnd(of: offset)
    }

    private static func strideEnd(of offset: Int) -> Int { (offset / stride + 1) * stride }

    var times: ClosedRange<Int64>? {
        guard let first = entries.map(\.firstTime).min(), let last = entries.map(\.lastTime).max() else { return nil }
        return first...last
    }

    /// The parts of the segment to read, ascending, neighbours joined.
    func parts(where isWanted: (Entry) -> Bool) -> [Range<Int>] {
        let entries = entries
        var parts: [Range<Int>] = []
        for (place, entry) in entries.enumerated() where isWanted(entry) {
            let next = place + 1 < entries.count ? entries[place + 1].offset : end
            if let last = parts.last, last.upperBound == entry.offset {
                parts[parts.count - 1] = last.lowerBound..<next
            } else {
                parts.append(entry.offset..<next)
            }
        }
        return parts
    }

    // MARK: As a file

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        func add(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { bytes += $0 } }
        add(UInt64(end))
        for entry in entries {
            add(UInt64(entry.offset))
            add(UInt64(bitPattern: entry.firstTime))
            add(UInt64(bitPattern: entry.lastTime))
            // Numbers have 48 bits, so tag and number share a word and a half.
            add(entry.firstID.number)
            add(entry.lastID.number)
            add(UInt64(entry.firstID.tag) << 32 | UInt64(entry.lastID.tag))
        }
        add(UInt64(bytes.withUnsafeBytes { gwl_crc32c(0, $0.baseAddress, $0.count) }))
        return bytes
    }

    /// Nil when it is damaged or of another segment length.
    init?(_ bytes: [UInt8], end: Int) {
        guard bytes.count >= 16, (bytes.count - 16) % Self.entryBytes == 0 else { return nil }
        let words = bytes.withUnsafeBytes { raw in
            (0..<raw.count / 8).map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
        }
        let sum = bytes.withUnsafeBytes { gwl_crc32c(0, $0.baseAddress, $0.count - 8) }
        guard words.last == UInt64(sum), words[0] == UInt64(end) else { return nil }
        self.end = end
        for at in Swift.stride(from: 1, to: words.count - 1, by: Self.entryBytes / 8) {
            closed.append(
                Entry(
                    offset: Int(words[at]), firstTime: Int64(bitPattern: words[at + 1]), lastTime: Int64(bitPattern: words[at + 2]),
                    firstID: RowID(tag: UInt32(truncatingIfNeeded: words[at + 5] >> 32), number: words[at + 3]),
                    lastID: RowID(tag: UInt32(truncatingIfNeeded: words[at + 5]), number: words[at + 4])))
        }
        guard let open = closed.popLast() else { return }
        last = open
        strideEnd = Self.strideEnd(of: open.offset)
    }
}
