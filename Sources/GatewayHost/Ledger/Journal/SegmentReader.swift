// Reads the rows of one segment in order, in a window of fixed size.
//
// A frame that is not whole is damage when another whole frame follows, and else the torn end of a file whose
// writer died, or the part that a living writer has not finished.
//
// Kind: value that is not copied; blocks, so never on a loop.

import CLinux

struct SegmentReader: ~Copyable {
    enum Item {
        /// A row, valid until the next call, and the frame it stands in.
        case row(Bytes, frame: Range<Int>)
        /// Bytes that are no rows, between rows.
        case damage(Range<Int>)
    }

    private static let windowBytes = 256 << 10
    private static let frameLimit = JournalRecord.headBytes + RowEncoder.rowLimit

    private let file: Descriptor
    private let path: String
    private let window: UnsafeMutablePointer<UInt8>
    /// The part of the file in the window.
    private var loaded = 0..<0
    private var at: Int
    private var limit: Int
    /// Behind the last whole frame that was read.
    private(set) var end: Int

    /// Reads from the beginning.
    /// - Parameter part: frames that begin in it; all without it.
    /// - Throws: when the file is not there; a header that is damaged ends the reading at once.
    init(_ path: String, part: Range<Int>? = nil) throws(SystemError) {
        file = Descriptor(try systemCall("open", on: path) { gwl_open(path, O_RDONLY, 0) })
        self.path = path
        window = .allocate(capacity: Self.windowBytes)
        at = max(part?.lowerBound ?? 0, SegmentHeader.byteCount)
        limit = part?.upperBound ?? .max
        end = at
    }

    deinit { window.deallocate() }

    /// The header; nil when it is damaged.
    mutating func header() throws(SystemError) -> SegmentHeader? {
        try load(0)
        return SegmentHeader(view(0))
    }

    /// The next row, or nil at the end.
    mutating func next() throws(SystemError) -> Item? {
        guard at < limit else { return nil }
        if let row = try frame(at) {
            let frame = at..<at + JournalRecord.headBytes + row.count
            at = frame.upperBound
            end = at
            return .row(row, frame: frame)
        }
        let start = at
        var search = start + 1
        while search < limit {
            try load(search)
            if loaded.upperBound - search <= JournalRecord.headBytes { break }
            if let row = JournalRecord.row(view(search), at: 0), RowDecoder.head(row) != nil {
                at = search
                return .damage(start..<search)
            }
            search += 1
        }
        // Nothing whole follows.
        at = limit
        return nil
    }

    private mutating func frame(_ offset: Int) throws(SystemError) -> Bytes? {
        try load(offset)
        return JournalRecord.row(view(offset), at: 0)
    }

    private func view(_ offset: Int) -> Bytes {
        Bytes(base: UnsafePointer(window) + (offset - loaded.lowerBound), count: max(loaded.upperBound - offset, 0))
    }

    /// Has a whole frame's worth of the file from `offset` on in the window, or what there is.
    private mutating func load(_ offset: Int) throws(SystemError) {
        if offset >= loaded.lowerBound, loaded.upperBound - offset >= Self.frameLimit { return }
        // What ended at the end of the file may have grown, but not within one pass: damage would be seen where
        // a writer is at work.
        if offset >= loaded.lowerBound, loaded.count > 0, loaded.count < Self.windowBytes, offset <= loaded.upperBound { return }
        var count = 0
        while count < Self.windowBytes {
            let got = try systemCall("pread", on: path) {
                pread(file.number, window + count, Self.windowBytes - count, off_t(offset + count))
            }
            if got == 0 { break }
            count += got
        }
        loaded = offset..<offset + count
    }
}
