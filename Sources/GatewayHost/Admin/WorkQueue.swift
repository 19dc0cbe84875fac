// Where the admin interface does what takes long (hashing a password, reading usage): one after the other, on a thread of its own.
//
// One scrypt takes some fifty milliseconds of a core and megabytes of memory, by design; on a loop it would
// hold up every client, and many at once would be a way to use up the machine. So they queue here, and the
// queue is short. The thread is there only while there is work.
//
// Kind: shared.

final class WorkQueue: Sendable {
    /// Waiting at one time; whoever comes then is told to try again.
    static let waitingLimit = 16

    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isRunning = false
        var isClosed = false
        /// Told when the thread has nothing more to do, once the queue is closed.
        var idle: Awaited<Bool>?
    }
    private let state = Locked(State())
    private let thread: String

    /// - Parameter thread: at most 15 bytes, as `top -H` shows it.
    init(_ thread: String) { self.thread = thread }

    /// Runs `work` on the thread.
    /// - Returns: false when too many wait; then it does not run.
    /// - Thread: any.
    func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        let (isTaken, starts) = state.withLock { state -> (Bool, Bool) in
            guard !state.isClosed, state.waiting.count < WorkQueue.waitingLimit else { return (false, false) }
            state.waiting.append(work)
            defer { state.isRunning = true }
            return (true, !state.isRunning)
        }
        if starts { BackgroundThread.start(thread) { self.drain() } }
        return isTaken
    }

    /// Nothing is taken any more, what waits is dropped, and what runs is waited for: OpenSSL is taken down when the
    /// process exits, and a hash under way would not survive that; nor may files be closed under who reads them.
    /// - Thread: any that may block, once the loops have ended.
    func close() {
        let idle = state.withLock { state -> Awaited<Bool>? in
            state.isClosed = true
            state.waiting.removeAll()
            if state.isRunning { state.idle = Awaited() }
            return state.idle
        }
        _ = idle?.take()
    }

    private func drain() {
        while true {
            let (work, idle) = state.withLock { state -> ((@Sendable () -> Void)?, Awaited<Bool>?) in
                if !state.waiting.isEmpty { return (state.waiting.removeFirst(), nil) }
                state.isRunning = false
                return (nil, state.idle)
            }
            guard let work else {
                idle?.give(true)
                return
            }
            work()
        }
    }
}
