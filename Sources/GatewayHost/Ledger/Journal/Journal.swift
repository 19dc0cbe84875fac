// The queue between the loops and the disk: rows are handed over in memory, one thread writes them, and one
// fdatasync serves all that came together.
//
//   loops ─► queue (a lock held for one copy) ─► thread: checksum, write, fdatasync ─► mail to the loops that wait
//
// `sealed` writes at once and while the disk is busy the next batch gathers by itself; `relaxed` waits some
// milliseconds, so that the disk is asked less often and the loops hardly ever have to wake the thread.
//
// When the disk is full nothing is lost: space is reserved ahead (`SegmentWriter`), so `accepts` turns false while
// there is still room for the rows of what is under way; what does not fit stays in the queue and is tried again.
//
// Kind: shared. `lock` guards the queue; `accepts` and `durable` are atomics.

import CLinux
import Synchronization

final class Journal: @unchecked Sendable {
    /// Rows in memory beyond this stop new requests: some 200,000 of them.
    static let queueLimit = 64 << 20
    /// Written at a time, so that a long queue does not make one long write.
    private static let chunkBytes = 1 << 20
    /// `relaxed`: what comes within this time shares an fdatasync.
    private static let gatherMilliseconds = 20
    /// Between attempts while the disk is full.
    private static let retryMilliseconds = 200

    /// Told on the loop's mailbox how far the journal is durable; `wants` is set by the loop while it waits.
    final class Listener: Sendable {
        let wants = Atomic<Bool>(false)
        let tell: @Sendable (UInt64) -> Void

        init(_ tell: @escaping @Sendable (UInt64) -> Void) { self.tell = tell }
    }

    /// New requests may be taken; false while the disk has no room. One load.
    let accepts = Atomic<Bool>(true)
    /// Bytes handed over that are on the disk: a row is when this has reached what `append` returned.
    let durable = Atomic<UInt64>(0)
    /// Segment and offset behind the last durable row, for readers of this process.
    private let durablePosition: Locked<JournalPosition>

    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let ended = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var queue: [UInt8] = []
    private var total: UInt64 = 0
    private var listeners: [Listener] = []
    private var isIdle = false
    private var isStopping = false
    private var isRunning = false
    private var isUrgent: Bool
    /// Who adds up what is written; nil: nobody.
    private let sums: FreshSums?

    /// - Parameters:
    ///   - waits: somebody waits for rows to be durable, so they are written at once (`sealed`).
    ///   - sums: told of all rows, as soon as they are durable.
    init(at position: JournalPosition, waits: Bool, _ sums: FreshSums? = nil) {
        self.sums = sums
        isUrgent = waits
        durablePosition = Locked(position)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(arrived, nil)
        pthread_cond_init(ended, nil)
    }

    deinit {
        pthread_cond_destroy(arrived)
        pthread_cond_destroy(ended)
        pthread_mutex_destroy(lock)
        arrived.deallocate()
        ended.deallocate()
        lock.deallocate()
    }

    // MARK: From the loops

    /// Queues frames. - Returns: what `durable` reaches when they are on the disk.
    /// - Thread: any.
    func append(_ frames: UnsafeRawBufferPointer) -> UInt64 {
        pthread_mutex_lock(lock)
        queue.append(contentsOf: frames)
        total += UInt64(frames.count)
        let sequence = total
        let wakes = isIdle
        if wakes { isIdle = false }
        if queue.count > Self.queueLimit { accepts.store(false, ordering: .relaxed) }
        pthread_mutex_unlock(lock)
        if wakes { pthread_cond_signal(arrived) }
        return sequence
    }

    func listen(_ listener: Listener) {
        pthread_mutex_lock(lock)
        listeners.append(listener)
        pthread_mutex_unlock(lock)
    }

    /// Write at once from now on, or gather.
    func setWaits(_ waits: Bool) {
        pthread_mutex_lock(lock)
        isUrgent = waits
        pthread_mutex_unlock(lock)
    }

    var position: JournalPosition { durablePosition.withLock { $0 } }

    // MARK: Life

    func start(_ store: sending JournalStore) {
        isRunning = true
        let store = Handed(store)
        BackgroundThread.start("ledger") { [self] in run(store.value) }
    }

    /// Writes what is queued, then ends the thread. With a full disk one more attempt is made.
    func stop() {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        isStopping = true
        pthread_cond_signal(arrived)
        while isRunning { pthread_cond_wait(ended, lock) }
    }

    /// Waits until everything queued before is on the disk, for tests and orderly ends; false after `limit`.
    func flush(_ limit: Duration = .seconds(10)) -> Bool {
        pthread_mutex_lock(lock)
        let wanted = total
        pthread_mutex_unlock(lock)
        let deadline = gwl_monotonic_ns() + UInt64(limit.milliseconds) * 1_000_000
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while durable.load(ordering: .acquiring) < wanted {
            guard isRunning, gwl_monotonic_ns() < deadline else { return false }
            wait(ended, 50)
        }
        return true
    }

    // MARK: The thread

    private func run(_ store: JournalStore) {
        var written: UInt64 = 0
        var batch: [UInt8] = []
        prepare(store)
        while let next = take(reusing: batch) {
            batch = next
            var offset = 0
            while offset < batch.count {
                let end = chunkEnd(batch, from: offset)
                guard write(store, &batch, offset..<end) else {
                    log.error("the ledger could not be written before the end; rows are lost", .field("bytes", batch.count - offset))
                    return finish(store)
                }
                written += UInt64(end - offset)
                published(store, written)
                addUp(batch, offset..<end, until: store.position)
                offset = end
            }
            prepare(store)
        }
        finish(store)
    }

    /// The next batch; nil when the journal shall end. Its memory goes back into the queue.
    private func take(reusing spent: consuming [UInt8]) -> [UInt8]? {
        spent.removeAll(keepingCapacity: spent.capacity <= Self.chunkBytes)
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        if !isUrgent, !isStopping, !queue.isEmpty { wait(arrived, Self.gatherMilliseconds) }
        while queue.isEmpty, !isStopping {
            isIdle = true
            // Without room nobody may come to wake us, and it is we who find out that there is some again.
            if accepts.load(ordering: .relaxed) { pthread_cond_wait(arrived, lock) } else { return [] }
            isIdle = false
            if !isUrgent, !isStopping { wait(arrived, Self.gatherMilliseconds) }
        }
        isIdle = false
        if queue.isEmpty { return nil }
        let batch = queue
        queue = spent
        return batch
    }

    private func chunkEnd(_ batch: [UInt8], from start: Int) -> Int {
        batch.withUnsafeBytes { frames in
            if frames.count - start <= Self.chunkBytes { return frames.count }
            var end = start
            while end < frames.count, end - start < Self.chunkBytes { end += JournalFrames.length(frames, at: end) }
            return end
        }
    }

    /// Writes until it succeeds; false when the process ends before.
    private func write(_ store: JournalStore, _ batch: inout [UInt8], _ chunk: Range<Int>) -> Bool {
        while true {
            do throws(SystemError) {
                // A segment that was spoiled or is full is left; for lack of room rows go on where they are.
                do throws(SystemError) {
                    try store.makeReady(now: Int64(gwl_wall_ns()))
                } catch  where SegmentWriter.isShortage(error) && !store.isSpoiled {
                    refuse(error)
                }
                try store.write(&batch, chunk)
                try store.sync()
                return true
            } catch {
                refuse(error)
                pthread_mutex_lock(lock)
                let isLast = isStopping
                if !isLast { wait(arrived, Self.retryMilliseconds) }
                pthread_mutex_unlock(lock)
                if isLast { return false }
            }
        }
    }

    /// Looks after room for the next rows, and tells the loops whether there is some.
    private func prepare(_ store: JournalStore) {
        do throws(SystemError) {
            try store.makeReady(now: Int64(gwl_wall_ns()))
            if !accepts.load(ordering: .relaxed) {
                accepts.store(true, ordering: .releasing)
                log.info("the ledger has room again; requests are taken")
            }
        } catch {
            refuse(error)
            pthread_mutex_lock(lock)
            if !isStopping, queue.isEmpty { wait(arrived, Self.retryMilliseconds) }
            pthread_mutex_unlock(lock)
        }
    }

    private func refuse(_ error: SystemError) {
        guard accepts.load(ordering: .relaxed) else { return }
        accepts.store(false, ordering: .releasing)
        log.error(
            "the ledger has no room, so no new requests are taken; make room on the disk of the data folder",
            .field("reason", "\(error)"))
    }

    private func published(_ store: JournalStore, _ written: UInt64) {
        let position = store.position
        durablePosition.withLock { $0 = position }
        durable.store(written, ordering: .sequentiallyConsistent)
        pthread_mutex_lock(lock)
        let listeners = listeners
        pthread_cond_broadcast(ended)
        pthread_mutex_unlock(lock)
        for listener in listeners where listener.wants.load(ordering: .sequentiallyConsistent) { listener.tell(written) }
    }

    /// Behind those who wait for the rows, whom it does not keep waiting.
    private func addUp(_ batch: [UInt8], _ chunk: Range<Int>, until end: JournalPosition) {
        guard let sums else { return }
        batch.withUnsafeBytes { sums.add(UnsafeRawBufferPointer(rebasing: $0[chunk]), until: end) }
    }

    private func finish(_ store: JournalStore) {
        store.close()
        pthread_mutex_lock(lock)
        isRunning = false
        pthread_cond_broadcast(ended)
        pthread_mutex_unlock(lock)
    }

    /// - Precondition: the lock is held.
    private func wait(_ condition: UnsafeMutablePointer<pthread_cond_t>, _ milliseconds: Int) {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_nsec += milliseconds * 1_000_000
        deadline.tv_sec += deadline.tv_nsec / 1_000_000_000
        deadline.tv_nsec %= 1_000_000_000
        pthread_cond_timedwait(condition, lock, &deadline)
    }

    /// The store, on its way to the thread that has it from then on.
    private final class Handed: @unchecked Sendable {
        let value: JournalStore
        init(_ value: JournalStore) { self.value = value }
    }
}
