// What waits for the storage thread.
//
// Kind: shared; the lock guards the list. The storage thread sleeps on the eventfd.

import CLinux

enum StorageRequest: Sendable {
    case write(StorageTask, (@Sendable (Result<[StoredRecord], StorageFault>) -> Void)?)
    case read(@Sendable (any RecordStore) -> Void)
    case watch(RecordWatch)
    case taken(RecordWatch)
    case cancel(RecordWatch)
    case observe(@Sendable (any RecordStore) throws(StorageFault) -> Void)
    case observeReturn(@Sendable () -> Void)

    /// Memory that the request holds, roughly.
    fileprivate var bytes: Int {
        guard case .write(let task, _) = self else { return 256 }
        return task.changes.reduce(256) { $0 + 512 + ($1.document?.count ?? 0) }
    }
}

final class StorageQueue: Sendable {
    /// Requests that may wait: some seconds of work on a slow disk.
    static let countLimit = 20_000
    static let byteLimit = 64 << 20

    enum Refusal { case closed, full }

    private struct State {
        var requests: [StorageRequest] = []
        var bytes = 0
        var isClosed = false
        /// The thread has ended, and the store is closed.
        var isDone = false
    }

    private let state = Locked(State())
    private let wake: Descriptor
    private let done: Descriptor

    init() throws(SystemError) {
        wake = Descriptor(try systemCall("eventfd") { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) })
        done = Descriptor(try systemCall("eventfd") { eventfd(0, Int32(EFD_CLOEXEC)) })
    }

    /// Why not, if the request was not taken in. What watches say is never refused for want of room.
    @discardableResult
    func put(_ request: StorageRequest) -> Refusal? {
        let bytes = request.bytes
        let isBounded =
            switch request {
            case .write, .read: true
            case .watch, .taken, .cancel, .observe, .observeReturn: false
            }
        let refusal = state.withLock { state -> Refusal? in
            if state.isClosed { return .closed }
            if isBounded, state.requests.count >= Self.countLimit || state.bytes + bytes > Self.byteLimit { return .full }
            state.requests.append(request)
            state.bytes += bytes
            return nil
        }
        // Only a full counter could refuse, and then the thread is awake.
        if refusal == nil { _ = eventfd_write(wake.number, 1) }
        return refusal
    }

    func close() {
        state.withLock { $0.isClosed = true }
        _ = eventfd_write(wake.number, 1)
    }

    /// Waits until the thread has done what was asked before `close`.
    func waitUntilDone() {
        var count: eventfd_t = 0
        // The number is put back for whoever else waits.
        if eventfd_read(done.number, &count) == 0 { _ = eventfd_write(done.number, 1) }
    }

    // MARK: The thread's side

    /// What has arrived, after waiting up to `milliseconds` (-1: for ever) for something, or for `other` to become
    /// readable; nil once the queue is closed and empty.
    func take(waitingMilliseconds milliseconds: Int32, or other: Int32? = nil) -> [StorageRequest]? {
        // Closing may have been seen together with the last requests, and wakes nobody twice.
        let isClosed = state.withLock { $0.isClosed }
        var entries: InlineArray<2, pollfd> = [
            // A negative descriptor is passed over (poll(2)).
            pollfd(fd: wake.number, events: Int16(POLLIN), revents: 0), pollfd(fd: other ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        var span = entries.mutableSpan
        // A signal or a failure is as good as the time having passed: the list is looked at in any case.
        let isReady = span.withUnsafeMutableBufferPointer { poll($0.baseAddress, 2, isClosed ? 0 : milliseconds) > 0 }
        if isReady {
            var count: eventfd_t = 0
            _ = eventfd_read(wake.number, &count)
        }
        return state.withLock { state in
            if state.requests.isEmpty, state.isClosed { return nil }
            defer {
                state.requests = []
                state.bytes = 0
            }
            return state.requests
        }
    }

    func threadEnded() { _ = eventfd_write(done.number, 1) }
}
