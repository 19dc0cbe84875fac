// What a start finds: where the journal ends, what is torn off, and which requests were open when the last process
// died.
//
// Only segments from the last checkpoint's on are read, so a start costs the reading of one segment or two, however
// long the ledger is.
//
// Kind: value; blocks, before the loops run.

import CLinux

struct JournalRecovery {
    /// The segment to go on with and where it ends; nil: the next one must be made.
    private(set) var last: (number: UInt64, end: Int)?
    /// The number of the next segment to be made.
    private(set) var next: UInt64 = 1
    private(set) var found = Found()
    /// Seals for requests that were open: interrupted, with what their open rows say. Frames, unsealed.
    private(set) var seals: [UInt8] = []

    struct Found: Equatable, Sendable {
        /// Behind the last whole row, to be cut off. Nobody was told that it was written.
        var tornBytes = 0
        /// Between rows, and no rows. They stay where they are.
        var damagedBytes = 0
        var interruptedCount = 0
    }

    private var open = OpenRows()
    /// The open rows themselves.
    private var rows: [RowID: [UInt8]] = [:]

    /// - Parameter segmentBytes: a last segment that is fuller than half of it is not continued.
    init(_ folder: JournalFolder, segmentBytes: Int) throws(SystemError) {
        let numbers = try folder.segments()
        guard let newest = numbers.last else { return }
        next = newest + 1
        var first = newest
        if let checkpoint = try Self.checkpoint(folder, newest) {
            first = min(checkpoint.oldestOpenSegment, newest)
        } else {
            // Made and never written, or damaged: the one before knows.
            first =
                numbers.dropLast().last.flatMap { number in
                    (try? Self.checkpoint(folder, number))?.oldestOpenSegment
                } ?? numbers.first!
        }
        for number in numbers where number >= first { try read(folder, number, isNewest: number == newest, segmentBytes) }
        sealOpenRows()
    }

    private static func checkpoint(_ folder: JournalFolder, _ number: UInt64) throws(SystemError) -> CheckpointRow? {
        var reader = try SegmentReader(folder.rows(number))
        guard try reader.header()?.number == number, case .row(let row, _)? = try reader.next() else { return nil }
        return RowDecoder.checkpoint(row)
    }

    private mutating func read(_ folder: JournalFolder, _ number: UInt64, isNewest: Bool, _ segmentBytes: Int) throws(SystemError) {
        let path = folder.rows(number)
        var reader = try SegmentReader(path)
        guard try reader.header()?.number == number else { return }
        var isDamaged = false
        while let item = try reader.next() {
            switch item {
            case .row(let row, _):
                guard let head = RowDecoder.head(row) else { continue }
                open.saw(head, in: number)
                switch head.kind {
                case .open: rows[head.id] = Array(row.buffer)
                case .sealed: rows[head.id] = nil
                case .attempt, .checkpoint: break
                }
            case .damage(let range):
                isDamaged = true
                found.damagedBytes += range.count
            }
        }
        guard isNewest else { return }
        found.tornBytes = max(Self.size(path) - reader.end, 0)
        // Behind damage in the middle nothing is added: a later start would have to find its way through it again.
        if !isDamaged, reader.end < segmentBytes / 2 { last = (number, reader.end) }
    }

    private static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    private mutating func sealOpenRows() {
        for id in open.ids {
            guard let bytes = rows[id] else { continue }
            bytes.withUnsafeBytes { raw in
                guard let opened = RowDecoder.open(Bytes(raw)) else { return }
                var row = SealedRow(id: id, started: opened.started, end: .interrupted)
                row.flags = opened.flags.union(.foundOpen)
                row.session = opened.session
                row.key = opened.key
                row.group = opened.group
                row.account = opened.account
                row.modelAsked = opened.modelAsked
                // It was sent, or about to be.
                row.attempts = 1
                seals += JournalFrames.frame { $0.write(row) }
                found.interruptedCount += 1
            }
        }
        rows = [:]
    }
}
