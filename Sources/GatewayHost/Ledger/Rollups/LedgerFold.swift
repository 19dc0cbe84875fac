// Folds rows into the roll-ups, some seconds behind the journal, and looks after old segments.
//
//   each second:    what the journal's thread has added up ─► sums, in one transaction; or else, when that does not begin where
//                   the sums end: rows that are durable and not folded yet, read from the journal
//   each minute:    segments that are older than `keep` ─► their sums noted, then removed;
//                   closed segments without open requests ─► rewritten without open rows
//
// Only durable rows are folded: what a power cut takes from the journal must not stay in the sums.
//
// Kind: a thread of its own, `ledger-fold`; what a reload changes is behind a lock.

import CLinux

final class LedgerFold: @unchecked Sendable {
    struct Settings: Sendable {
        /// How long rows are kept; nil: for ever.
        var keep: Duration?
        var zone = CalendarZone.utc
    }

    private static let pauseMilliseconds = 1000
    private static let careMilliseconds = 60_000
    /// Of one transaction: some 50 ms of a thread that nobody waits for.
    static let rowLimit = 20_000
    static let groupLimit = 5_000

    private let folder: JournalFolder
    private let fresh: FreshSums
    private let settings: Locked<Settings>
    private let thread = PacedThread("ledger-fold")
    /// Of the thread.
    private var hasComplained = false

    init(_ folder: JournalFolder, _ fresh: FreshSums, _ settings: Settings) {
        self.folder = folder
        self.fresh = fresh
        self.settings = Locked(settings)
    }

    func start(_ store: sending RollupStore) {
        let store = Handed(store)
        thread.start { [self] in run(store.value) }
    }

    /// Folds what is durable, then ends the thread.
    func stop() { thread.stop() }

    /// What a reload changes. The zone holds from the next start on.
    func setKeep(_ keep: Duration?) {
        settings.withLock { $0.keep = keep }
    }

    private func run(_ store: RollupStore) {
        let zone = settings.withLock { $0.zone }
        var nextCare: UInt64 = 0
        while true {
            let isLast = thread.pause(milliseconds: Self.pauseMilliseconds)
            do {
                try LedgerFold.fold(fresh.take(), folder, store, zone)
                if !isLast, gwl_monotonic_ns() >= nextCare {
                    nextCare = gwl_monotonic_ns() + UInt64(Self.careMilliseconds) * 1_000_000
                    try care(store)
                }
                hasComplained = false
            } catch {
                // It is tried again each second; the journal has the rows, so nothing is lost.
                if !hasComplained { log.error("the ledger's roll-ups fall behind", .field("reason", "\(error)")) }
                hasComplained = true
            }
            if isLast { return }
        }
    }

    /// Folds a part of the journal, and what is missing before it.
    static func fold(_ part: FreshSums.Part, _ folder: JournalFolder, _ store: RollupStore, _ zone: CalendarZone) throws {
        guard part.begin < part.end, let batch = part.batch, try store.position() == part.begin else {
            return try fold(folder, store, zone, until: part.end)
        }
        try store.fold(batch, to: part.end)
    }

    /// Reads the rows between the store's position and `end`, and folds them.
    static func fold(_ folder: JournalFolder, _ store: RollupStore, _ zone: CalendarZone, until end: JournalPosition) throws {
        var position = try store.position()
        while position < end {
            var reader = try JournalReader(folder, JournalReader.Question(after: position, until: end))
            var batch = RollupBatch(zone)
            while batch.rowCount < rowLimit, batch.groupCount < groupLimit, let (head, row) = try reader.next() {
                if head.kind == .sealed, let counted = RowDecoder.counted(row) { batch.add(counted) }
            }
            let isAtEnd = batch.rowCount < rowLimit && batch.groupCount < groupLimit
            position = isAtEnd ? end : reader.position
            try store.fold(batch, to: position)
        }
    }

    private func care(_ store: RollupStore) throws {
        let settings = settings.withLock { $0 }
        try SegmentCare(folder: folder, zone: settings.zone).tidy(store, keep: settings.keep, now: Int64(gwl_wall_ns()))
    }

    /// The store, on its way to the thread that has it from then on.
    private final class Handed: @unchecked Sendable {
        let value: RollupStore
        init(_ value: RollupStore) { self.value = value }
    }
}
