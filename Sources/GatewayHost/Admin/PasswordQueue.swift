// Where passwords are hashed: one at a time, on a thread of their own.
//
// One scrypt takes some fifty milliseconds of a core and megabytes of memory, by design; on a loop it would
// hold up every client, and many at once would be a way to use up the machine. So they queue here, and the
// queue is short. The thread is there only while there is work.
//
// Kind: shared.

final class PasswordQueue: Sendable {
    /// Waiting at one time; whoever comes then is told to try again.
    static let waitingLimit = 16

    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isRunning = false
    }
    private let state = Locked(State())

    /// Runs `work` on the thread.
    /// - Returns: false when too many wait; then it does not run.
    /// - Thread: any.
    func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        let (isTaken, starts) = state.withLock { state -> (Bool, Bool) in
            guard state.waiting.count < PasswordQueue.waitingLimit else { return (false, false) }
            state.waiting.append(work)
            defer { state.isRunning = true }
            return (true, !state.isRunning)
        }
        if starts { BackgroundThread.start("passwords") { self.drain() } }
        return isTaken
    }

    private func drain() {
        while let work = next() { work() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            if state.waiting.isEmpty {
                state.isRunning = false
                return nil
            }
            return state.waiting.removeFirst()
        }
    }
}
