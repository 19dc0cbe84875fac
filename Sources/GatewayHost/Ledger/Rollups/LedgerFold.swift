// Folds rows into the roll-ups, some seconds behind the journal, and looks after old segments.
//
//   each second:    rows that are durable and not folded yet ─► sums, in one transaction
//   each minute:    segments that are older than `keep` ─► their sums noted, then removed;
//                   closed segments without open requests ─► rewritten without open rows
//
// Only durable rows are folded: what a power cut takes from the journal must not stay in the sums.
//
// Kind: a thread of its own; `lock` guards only whether it shall go on.

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
    private let journal: Journal
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var settings: Settings
    private var isStopping = false
    private var isRunning = false
    private var hasComplained = false

    init(_ folder: JournalFolder, _ journal: Journal, _ settings: Settings) {
        self.folder = folder
        self.journal = journal
        self.settings = settings
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        changed.deallocate()
        lock.deallocate()
    }

    func start(_ store: sending RollupStore) {
        isRunning = true
        let store = Handed(store)
        BackgroundThread.start("ledger-fold") { [self] in run(store.value) }
    }

    /// Folds what is durable, then ends the thread.
    func stop() {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        isStopping = true
        pthread_cond_broadcast(changed)
        while isRunning { pthread_cond_wait(changed, lock) }
    }

    /// What a reload changes. The zone holds from the next start on.
    func setKeep(_ keep: Duration?) {
        pthread_mutex_lock(lock)
        settings.keep = keep
        pthread_mutex_unlock(lock)
    }

    private func run(_ store: RollupStore) {
        var nextCare: UInt64 = 0
        while true {
            let isLast = pause()
            do {
                try LedgerFold.fold(folder, store, settings.zone, until: journal.position)
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
            if isLast { break }
        }
        pthread_mutex_lock(lock)
        isRunning = false
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(lock)
    }

    /// True when it is time to end.
    private func pause() -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        if isStopping { return true }
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += Self.pauseMilliseconds / 1000
        pthread_cond_timedwait(changed, lock, &deadline)
        return isStopping
    }

    /// Folds the rows between the store's position and `end`.
    static func fold(_ folder: JournalFolder, _ store: RollupStore, _ zone: CalendarZone, until end: JournalPosition) throws {
        var position = try store.position()
        while position < end {
            var reader = try JournalReader(folder, JournalReader.Question(after: position, until: end))
            var batch = RollupBatch(zone)
            while batch.rowCount < rowLimit, batch.groupCount < groupLimit, let (head, row) = try reader.next() {
                if head.kind == .sealed, let sealed = RowDecoder.sealed(row) { batch.add(sealed) }
            }
            let isAtEnd = batch.rowCount < rowLimit && batch.groupCount < groupLimit
            position = isAtEnd ? end : reader.position
            try store.fold(batch, to: position)
        }
    }

    private func care(_ store: RollupStore) throws {
        pthread_mutex_lock(lock)
        let settings = settings
        pthread_mutex_unlock(lock)
        try SegmentCare(folder: folder, zone: settings.zone).tidy(store, keep: settings.keep, now: Int64(gwl_wall_ns()))
    }

    /// The store, on its way to the thread that has it from then on.
    private final class Handed: @unchecked Sendable {
        let value: RollupStore
        init(_ value: RollupStore) { self.value = value }
    }
}
