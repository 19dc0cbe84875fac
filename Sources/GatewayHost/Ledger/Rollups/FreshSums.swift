// What the rows of the last second add up to, from the journal's thread to the fold's: they are added up while they are
// in memory, so that nobody reads, checks and decodes them again.
//
//   journal: durable rows ─► add ─► sums of a part of the journal ─► take ─► fold: into the roll-ups, when these end
//                                                                            where the part begins
//
// It is a short way and no second truth. Where the roll-ups end elsewhere (after a start, or when a transaction failed)
// or there were too many groups, the fold reads the part in the journal instead.
//
// Kind: shared.

final class FreshSums: Sendable {
    struct Part: Sendable {
        /// Where the journal ended when it was begun.
        var begin: JournalPosition
        /// Behind its last row.
        var end: JournalPosition
        /// Of its rows; nil: it had more groups than `groupLimit`.
        var batch: RollupBatch?
    }

    /// Some 2 MB of a part that the fold does not come for; and what one transaction should have at most.
    private static let groupLimit = LedgerFold.groupLimit

    private let zone: CalendarZone
    private let part: Locked<Part>

    /// - Parameter position: where the journal ends.
    init(_ zone: CalendarZone, from position: JournalPosition) {
        self.zone = zone
        part = Locked(Part(begin: position, end: position, batch: RollupBatch(zone)))
    }

    /// Adds rows that are durable.
    /// - Parameter end: of the journal, behind them.
    /// - Thread: the journal's.
    func add(_ frames: UnsafeRawBufferPointer, until end: JournalPosition) {
        part.withLock { part in
            part.end = end
            // Taken out, so that there is one of it, which can be changed in place.
            guard var batch = part.batch.take() else { return }
            JournalFrames.forEach(frames) { row in if let row = RowDecoder.counted(row) { batch.add(row) } }
            if batch.groupCount <= Self.groupLimit { part.batch = batch }
        }
    }

    /// The part up to now; the next one begins behind it.
    /// - Thread: any.
    func take() -> Part {
        part.withLock { part in
            let taken = part
            part = Part(begin: taken.end, end: taken.end, batch: RollupBatch(zone))
            return taken
        }
    }
}
