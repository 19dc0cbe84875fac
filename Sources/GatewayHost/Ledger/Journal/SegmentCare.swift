// What becomes of segments that are closed: those that are older than rows are kept go, the others lose the open
// rows that nobody will ask for again.
//
// Removal: what the rows add up to is noted beside the roll-ups in the transaction that says that the segment is
// going; then the files go. A process that dies in between removes them at its next look. Segments go from the
// oldest on, so what is left is all rows since some moment.
//
// Compaction: once every open row of a segment has its seal, and the checkpoint of a later segment says so, the open rows
// tell nothing. The segment is written anew beside itself and takes its own place whole.
//
// Kind: value; blocks, on the folding thread.

import CLinux

struct SegmentCare {
    let folder: JournalFolder
    let zone: CalendarZone

    /// - Parameter keep: how long rows are kept; nil: for ever.
    func tidy(_ store: RollupStore, keep: Duration?, now: Int64) throws {
        let removed = try store.removedSegment()
        var segments = try folder.segments()
        for number in segments where number <= removed { unlinkSegment(number) }
        segments.removeAll { $0 <= removed }
        let folded = try store.position().segment
        guard let newest = segments.last, let oldestOpen = try oldestOpenSegment(newest) else { return }
        let settled = segments.filter { $0 < folded && $0 < oldestOpen && $0 < newest }
        var rest = settled[...]
        if let keep {
            let limit = now - Int64(keep.components.seconds) * 1_000_000_000
            while let number = rest.first, let times = try times(number), times.upperBound < limit {
                try remove(number, store)
                rest.removeFirst()
            }
        }
        for number in rest { try compact(number) }
    }

    private func oldestOpenSegment(_ newest: UInt64) throws(SystemError) -> UInt64? {
        var reader = try SegmentReader(folder.rows(newest))
        guard try reader.header() != nil, case .row(let row, _)? = try reader.next() else { return nil }
        return RowDecoder.checkpoint(row)?.oldestOpenSegment
    }

    /// Times of the rows of a closed segment; an empty one is older than everything.
    private func times(_ number: UInt64) throws(SystemError) -> ClosedRange<Int64>? {
        var index = SegmentIndex()
        var reader = try SegmentReader(folder.rows(number))
        while let item = try reader.next() {
            if case .row(let row, let frame) = item, let head = RowDecoder.head(row) {
                index.add(head, at: frame.lowerBound, end: frame.upperBound)
            }
        }
        return index.times ?? Int64.min...Int64.min
    }

    // MARK: Removal

    private func remove(_ number: UInt64, _ store: RollupStore) throws {
        var batch = RollupBatch(zone)
        var reader = try SegmentReader(folder.rows(number))
        while let item = try reader.next() {
            if case .row(let row, _) = item, let counted = RowDecoder.counted(row) { batch.add(counted) }
        }
        try store.remove(number, batch)
        unlinkSegment(number)
        log.info("a segment of the ledger is older than its rows are kept and is removed", .field("rows", batch.rowCount))
    }

    private func unlinkSegment(_ number: UInt64) {
        unlink(folder.index(number))
        unlink(folder.rows(number))
    }

    // MARK: Compaction

    /// - Precondition: every open row of the segment has a seal.
    func compact(_ number: UInt64) throws(SystemError) {
        var reader = try SegmentReader(folder.rows(number))
        guard let header = try reader.header(), !header.isCompacted else { return }
        let beside = "\(folder.path)/\(JournalFolder.name(number)).new"
        let output = Descriptor(
            try systemCall("open", on: beside) { gwl_open(beside, O_WRONLY | O_CREAT | O_TRUNC, 0o600) })
        var bytes = SegmentHeader(number: number, created: header.created, isCompacted: true).bytes
        var index = SegmentIndex()
        var written = 0
        while let item = try reader.next() {
            guard case .row(let row, _) = item else { continue }
            // A row that a later version wrote is kept as it is.
            let head = RowDecoder.head(row)
            if head?.kind == .open { continue }
            let offset = written + bytes.count
            bytes.append(contentsOf: [UInt8](repeating: 0, count: JournalRecord.headBytes))
            bytes.append(contentsOf: row.buffer)
            let start = offset - written
            bytes.withUnsafeMutableBytes { JournalRecord.seal($0.baseAddress! + start, row.count) }
            if let head { index.add(head, at: offset, end: written + bytes.count) }
            if bytes.count > 256 << 10 { written += try flush(&bytes, output.number, at: written, beside) }
        }
        written += try flush(&bytes, output.number, at: written, beside)
        try systemCall("fsync", on: beside) { fsync(output.number) }
        // The index first: with the old rows its length is wrong, and it is not used.
        _ = FileBytes.replace(folder.index(number), with: index.bytes, mode: 0o600)
        let rows = folder.rows(number)
        try systemCall("rename", on: rows) { rename(beside, rows) }
        try folder.sync()
    }

    private func flush(_ bytes: inout [UInt8], _ descriptor: Int32, at offset: Int, _ path: String) throws(SystemError) -> Int {
        var done = 0
        while done < bytes.count {
            done += try systemCall("pwrite", on: path) {
                bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress! + done, $0.count - done, off_t(offset + done)) }
            }
        }
        bytes.removeAll(keepingCapacity: true)
        return done
    }
}
