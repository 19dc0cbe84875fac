// The journal as its thread sees it: the segment at hand, its index, which requests are open.
//
// Kind: confined to the journal's thread; before that thread runs, to whoever opens it.

import CLinux

final class JournalStore {
    struct Settings: Sendable {
        /// A segment that has grown to this is closed.
        var segmentBytes = 16 << 20
    }

    let folder: JournalFolder
    private let settings: Settings
    /// What the opening came across.
    let found: JournalRecovery.Found
    private var segment: SegmentWriter
    private var index = SegmentIndex()
    private var open = OpenRows()
    /// A new segment must be begun before anything is written: the disk failed under this one.
    private(set) var isSpoiled = false

    /// Where the next row will stand.
    var position: JournalPosition { JournalPosition(segment: segment.number, offset: segment.end) }

    /// Opens the journal, cuts off what is torn, and seals what was open.
    init(_ folder: JournalFolder, settings: Settings, now: Int64) throws(SystemError) {
        self.folder = folder
        self.settings = settings
        let recovery = try JournalRecovery(folder, segmentBytes: settings.segmentBytes)
        found = recovery.found
        if let last = recovery.last {
            segment = try SegmentWriter(continuing: last.number, in: folder, end: last.end)
            index = try Self.rebuildIndex(folder, last.number)
        } else {
            segment = try SegmentWriter(making: recovery.next, in: folder, now: now)
        }
        if index.isEmpty, segment.end == SegmentHeader.byteCount { try writeCheckpoint(now) }
        if found.interruptedCount > 0 {
            var seals = recovery.seals
            try write(&seals, 0..<seals.count)
            try sync()
        }
    }

    /// Whether new requests can be taken: there is room for what they will write.
    /// - Throws: what keeps the journal from having room.
    func makeReady(now: Int64) throws(SystemError) {
        if isSpoiled || segment.end >= settings.segmentBytes { try roll(now) }
        try segment.reserve()
    }

    /// Adds frames whose checksums are still missing.
    /// - Throws: with nothing added.
    func write(_ frames: inout [UInt8], _ part: Range<Int>) throws(SystemError) {
        let result = frames.withUnsafeMutableBytes { raw in
            Result { () throws(SystemError) in try write(UnsafeMutableRawBufferPointer(rebasing: raw[part])) }
        }
        try result.get()
    }

    private func write(_ frames: UnsafeMutableRawBufferPointer) throws(SystemError) {
        var offset = 0
        while offset < frames.count {
            let length = JournalFrames.length(UnsafeRawBufferPointer(frames), at: offset)
            JournalRecord.seal(frames.baseAddress! + offset, length - JournalRecord.headBytes)
            offset += length
        }
        let start = segment.end
        try segment.append(UnsafeRawBufferPointer(frames))
        offset = 0
        while offset < frames.count {
            let length = JournalFrames.length(UnsafeRawBufferPointer(frames), at: offset)
            let row = UnsafeRawBufferPointer(rebasing: frames[offset + JournalRecord.headBytes..<offset + length])
            if let head = RowDecoder.head(Bytes(row)) {
                open.saw(head, in: segment.number)
                index.add(head, at: start + offset, end: start + offset + length)
            }
            offset += length
        }
    }

    /// - Throws: then what was written since the last one must be written again, which goes to a new segment.
    func sync() throws(SystemError) {
        let durable = segment.durable
        do throws(SystemError) {
            try segment.sync()
        } catch {
            // After a failed fsync the kernel may have dropped what it could not write; whether it is there or
            // not must not be left open, or a row would stand twice.
            segment.close(at: durable)
            isSpoiled = true
            throw error
        }
    }

    func close() { segment.close() }

    // MARK: Segments

    private func roll(_ now: Int64) throws(SystemError) {
        let new = try SegmentWriter(making: segment.number + 1, in: folder, now: now)
        do throws(SystemError) {
            try new.reserve()
        } catch {
            new.close()
            unlink(folder.rows(new.number))
            throw error
        }
        if !isSpoiled {
            segment.close()
            // It can be rebuilt, so no failure of it matters.
            _ = FileBytes.replace(folder.index(segment.number), with: index.bytes, mode: 0o600)
        }
        isSpoiled = false
        segment = new
        index = SegmentIndex()
        try writeCheckpoint(now)
    }

    private func writeCheckpoint(_ now: Int64) throws(SystemError) {
        let row = CheckpointRow(written: now, oldestOpenSegment: open.oldestSegment(segment.number))
        var frame = JournalFrames.frame { $0.write(row) }
        try write(&frame, 0..<frame.count)
    }

    private static func rebuildIndex(_ folder: JournalFolder, _ number: UInt64) throws(SystemError) -> SegmentIndex {
        var reader = try SegmentReader(folder.rows(number))
        var index = SegmentIndex()
        while let item = try reader.next() {
            if case .row(let row, let frame) = item, let head = RowDecoder.head(row) {
                index.add(head, at: frame.lowerBound, end: frame.upperBound)
            }
        }
        return index
    }
}

/// A place in the journal; later rows have larger ones.
struct JournalPosition: Comparable, Hashable, Sendable {
    var segment: UInt64
    var offset: Int

    static let beginning = JournalPosition(segment: 0, offset: 0)

    static func < (one: JournalPosition, other: JournalPosition) -> Bool {
        one.segment == other.segment ? one.offset < other.offset : one.segment < other.segment
    }
}
