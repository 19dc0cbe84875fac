// The door to the store, for every thread: what is asked here is done by the storage thread, which then calls
// back.
//
// Callbacks run on the storage thread and must not block; whoever has a loop submits to its mailbox from there.
// The functions without a callback block, and are for the control thread and the command line.
//
// Kind: shared.

import CLinux

final class Storage: Sendable {
    typealias Done<Value> = @Sendable (Result<Value, StorageFault>) -> Void

    /// The file, or the Redis.
    let path: String
    private let isFile: Bool
    private let queue: StorageQueue

    /// Opens or makes the store of `folder`, brings it to today's version, and starts its thread.
    /// - Parameter admit: see `StorageFile.Admission`.
    static func open(
        folder: String, limits: StorageFile.Limits = StorageFile.Limits(),
        admit: StorageFile.Admission = { _ throws(StorageFault) in }
    ) throws(StorageFault) -> Storage {
        try Storage(StorageFile.open(folder, limits: limits, admit: admit))
    }

    /// The same for a place.
    static func open(_ place: StorePlace, admit: StorageFile.Admission = { _ throws(StorageFault) in }) throws(StorageFault) -> Storage {
        switch place {
        case .folder(let folder): try open(folder: folder, admit: admit)
        case .redis(let target): try Storage(RedisStoreFile.open(target, admit: admit))
        }
    }

    private init(_ store: sending any RecordStore) throws(StorageFault) {
        path = store.path
        isFile = store is SQLiteRecordStore
        do throws(SystemError) { queue = try StorageQueue() } catch { throw .unavailable("no storage thread: \(error)") }
        let handed = Locked<(any RecordStore)?>(store)
        BackgroundThread.start("storage") { [queue] in
            Self.serve(handed, queue)
            queue.threadEnded()
        }
    }

    /// The life of the thread; the store is closed when this returns.
    @inline(never)
    private static func serve(_ handed: Locked<(any RecordStore)?>, _ queue: StorageQueue) {
        let store = handed.withLock { store in
            defer { store = nil }
            return store
        }
        if let store { StorageThread(store, queue).run() }
    }

    deinit { queue.close() }

    // MARK: Records

    func get(_ collection: String, _ id: String, _ done: @escaping Done<StoredRecord?>) {
        read(done) { store throws(StorageFault) in try store.get(collection, id) }
    }

    /// The record that has this unique value; nil if none has.
    func find(_ collection: String, _ value: UniqueValue, _ done: @escaping Done<StoredRecord?>) {
        read(done) { store throws(StorageFault) in try store.find(collection, value) }
    }

    func list(_ query: RecordQuery, _ done: @escaping Done<RecordPage>) {
        read(done) { store throws(StorageFault) in try store.list(query) }
    }

    /// One transaction, all or nothing, with the audit entries of the changes; durable when `done` is called. What
    /// others ask for at the same time goes to the disk with it.
    /// - Returns (to `done`): the records as they are now, in the order of the changes.
    func apply(_ changes: [RecordChange], _ done: @escaping Done<[StoredRecord]>) {
        for change in changes {
            if let fault = change.limitFault { return done(.failure(fault)) }
        }
        if changes.count > RecordChange.countLimit {
            return done(.failure(.limit("\(changes.count) changes at once; \(RecordChange.countLimit) may be")))
        }
        let bytes = changes.reduce(0) { $0 + ($1.document?.count ?? 0) }
        if bytes > RecordChange.taskBytesLimit {
            return done(.failure(.limit("\(bytes) bytes in one change; \(RecordChange.taskBytesLimit) may be. Make several of it")))
        }
        submit(.write(StorageTask(changes: changes), done), done)
    }

    /// An audit entry without a change. Whether it could be written is only logged.
    func record(_ entry: AuditEntry) {
        if let refusal = queue.put(.write(StorageTask(audit: [entry]), nil)) {
            log.error("an audit entry could not be written", .field("reason", Self.fault(refusal).description))
        }
    }

    /// Newest first.
    func audit(_ query: AuditQuery, _ done: @escaping Done<[AuditEntry]>) {
        read(done) { store throws(StorageFault) in try store.audit(query) }
    }

    /// Tells all there is in the collection, then every change, also other processes' within a second.
    ///
    /// The next batch comes after `taken()` of the one before. A failure before the first pass is complete is told and
    /// ends the watch; later ones are logged, and reading is tried again.
    /// - Parameter batch: records at most in one batch, 1...RecordQuery.pageLimit.
    func watch(_ collection: String, batch: Int = 256, _ told: @escaping RecordWatch.Told) -> RecordWatch {
        let watch = RecordWatch(collection, batch: min(max(batch, 1), RecordQuery.pageLimit), queue, told)
        if let refusal = queue.put(.watch(watch)) { told(watch, .failure(Self.fault(refusal))) }
        return watch
    }

    /// `body` runs when another process has changed the store, before anything that was changed is told or read here.
    /// While nobody watches, that is looked at only when something is asked.
    func whenOthersChange(_ body: @escaping @Sendable (any RecordStore) throws(StorageFault) -> Void) {
        queue.put(.observe(body))
    }

    /// `body` runs when the store is in an earlier state than it was: a watch is told everything again, but not what is no
    /// longer there.
    /// - Thread: the storage thread.
    func whenGoneBack(_ body: @escaping @Sendable () -> Void) { queue.put(.observeReturn(body)) }

    // MARK: For the control thread and the command line

    /// Does what was asked so far, closes the file and ends the thread. Later requests are refused.
    /// - Thread: any but the storage thread's; blocks.
    func close() {
        queue.close()
        queue.waitUntilDone()
    }

    /// Writes a consistent copy of everything to `target`, which must not exist, while others go on.
    /// - Throws: also for a store in Redis, which `StoreCopy` copies.
    func backup(to target: String) throws(StorageFault) {
        guard isFile else { throw .unavailable("\(path) is no file") }
        try StorageBackup.write(path, to: target)
    }

    /// Runs `body` on the storage thread and waits for what it returns.
    func perform<Value: Sendable>(_ body: @escaping @Sendable (any RecordStore) throws(StorageFault) -> Value)
        throws(StorageFault) -> Value
    {
        let answer = Awaited<Result<Value, StorageFault>>()
        read({ answer.give($0) }, body)
        return try answer.take().get()
    }

    // MARK: Private

    private func read<Value>(
        _ done: @escaping Done<Value>, _ body: @escaping @Sendable (any RecordStore) throws(StorageFault) -> Value
    ) {
        submit(
            .read { store in
                let result: Result<Value, StorageFault>
                do throws(StorageFault) { result = .success(try body(store)) } catch { result = .failure(error) }
                done(result)
            }, done)
    }

    private func submit<Value>(_ request: StorageRequest, _ done: Done<Value>) {
        if let refusal = queue.put(request) { done(.failure(Self.fault(refusal))) }
    }

    private static func fault(_ refusal: StorageQueue.Refusal) -> StorageFault {
        switch refusal {
        case .closed: .unavailable("the store is closed: the gateway is stopping")
        case .full: .unavailable("too much waits for the store; its disk is slow or somebody asks too fast. Try again")
        }
    }
}
