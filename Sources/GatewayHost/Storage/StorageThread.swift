// The one thread that touches the store: takes what has arrived, writes it in as few transactions as
// possible, answers what was asked, tells watches, and keeps the store tidy.
//
//   take ──► all writes (group commit) ──► has somebody else changed it? ──► all reads ──► watches: one batch each ──► take …
//
// A read that arrived with writes sees them. While somebody watches, the store is asked twice a second whether
// another process has changed it; otherwise the thread sleeps.
//
// Kind: confined to the storage thread.

import CLinux

final class StorageThread {
    /// Others' changes are seen within this; a second is what is promised.
    static let pollMilliseconds = 400
    /// How long records that are gone are kept for watches of other processes.
    static let goneMilliseconds: Int64 = 24 * 3600 * 1000
    /// Entries of the audit trail: a few hundred megabytes, or a change a minute for two years.
    static let auditLimit = 1_000_000
    private static let tidyMilliseconds = 3600 * 1000
    /// A command line is gone before it comes to tidying up.
    private static let firstTidyMilliseconds = 60 * 1000

    private let store: any RecordStore
    private let queue: StorageQueue
    private var watches = StorageWatches()
    private var observers: [@Sendable (any RecordStore) throws(StorageFault) -> Void] = []
    private var returnObservers: [@Sendable () -> Void] = []
    private var nextPoll: Instant
    private var nextTidy: Instant
    private var lastFailure: StorageFault?
    private var logged: (failure: StorageFault, again: Instant)?
    /// Another process has changed the store, and not all observers know it.
    private var othersChanged = false

    init(_ store: any RecordStore, _ queue: StorageQueue) {
        self.store = store
        self.queue = queue
        let now = Instant.read()
        nextPoll = now
        nextTidy = now.adding(milliseconds: Self.firstTidyMilliseconds)
    }

    func run() {
        // Ends when the queue is closed and everything in it is done.
        while let requests = queue.take(waitingMilliseconds: pause(), or: store.newsDescriptor) {
            write(requests)
            let now = Instant.read()
            lookForOthers(now)
            serve(requests)
            if let failure = watches.tell(store) { note(failure) }
            if now >= nextTidy { tidy(now) }
        }
    }

    private func pause() -> Int32 {
        if watches.hasWork { return 0 }
        let next = watches.isEmpty ? nextTidy : min(nextPoll, nextTidy)
        // Rounded up, so as not to wake just before the time.
        return Int32(clamping: next.milliseconds(since: Instant.read()) + 1)
    }

    private func write(_ requests: [StorageRequest]) {
        var tasks: [StorageTask] = []
        var tell: [(@Sendable (Result<[StoredRecord], StorageFault>) -> Void)?] = []
        for case .write(let task, let done) in requests {
            tasks.append(task)
            tell.append(done)
        }
        guard !tasks.isEmpty else { return }
        for (index, result) in store.apply(tasks).enumerated() {
            switch result {
            case .success(let records):
                for collection in Set(records.map(\.collection)) { watches.changed(collection) }
            case .failure(let fault):
                if tell[index] == nil {
                    log.error("audit entries could not be written", .field("reason", fault.description))
                } else if case .unavailable = fault {
                    // Whoever asked is told; whoever runs the gateway shall know as well.
                    complain(fault)
                }
            }
            tell[index]?(result)
        }
    }

    private func serve(_ requests: [StorageRequest]) {
        for request in requests {
            switch request {
            case .write: break
            case .read(let body): body(store)
            case .watch(let watch): watches.add(watch, store)
            case .taken(let watch): watches.taken(watch)
            case .cancel(let watch): watches.cancel(watch)
            case .observe(let body): observers.append(body)
            case .observeReturn(let body): returnObservers.append(body)
            }
        }
    }

    /// Costs two microseconds (in Redis a round trip), so it comes before whatever reads.
    private func lookForOthers(_ now: Instant) {
        nextPoll = now.adding(milliseconds: Self.pollMilliseconds)
        do throws(StorageFault) {
            if try store.hasForeignChanges() { othersChanged = true }
            if store.hasGoneBack() {
                log.error("the store has gone back to an earlier state; everything is read again", .field("store", store.path))
                watches.restart()
                othersChanged = true
                for observer in returnObservers { observer() }
            }
            // What failed is tried again; what was missed would be missed for good.
            if lastFailure != nil { watches.changed(nil) }
            if othersChanged {
                watches.changed(nil)
                for observer in observers { try observer(store) }
                othersChanged = false
            }
            lastFailure = nil
        } catch {
            note(error)
        }
    }

    private func tidy(_ now: Instant) {
        nextTidy = now.adding(milliseconds: Self.tidyMilliseconds)
        do throws(StorageFault) {
            try store.purge(
                goneBefore: Int64(gwl_wall_ns() / 1_000_000) - Self.goneMilliseconds, auditBeyond: Self.auditLimit)
        } catch {
            note(error)
        }
    }

    /// A failure of the thread's own reading.
    private func note(_ failure: StorageFault) {
        lastFailure = failure
        complain(failure)
    }

    /// Logs a new failure at once, the same again once a minute.
    private func complain(_ failure: StorageFault) {
        let now = Instant.read()
        guard failure != logged?.failure || now >= logged!.again else { return }
        logged = (failure, now.adding(seconds: 60))
        log.error("the store failed", .field("reason", failure.description))
    }
}

@available(*, unavailable)
extension StorageThread: Sendable {}
