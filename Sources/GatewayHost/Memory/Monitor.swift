// A value behind a lock, and threads that wait until it is as they need it.
//
// Over pthread's mutex and condition, for the reason that Locked gives. Waits are measured by the monotonic clock: a
// clock that somebody sets right makes no wait longer.
//
// Kind: shared. Not for loops, which never wait. `lock` guards `value`, which nobody reaches but through the methods; that
// is what makes @unchecked Sendable sound.

import CLinux

final class Monitor<Value>: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value

    init(_ value: sending Value) {
        self.value = value
        pthread_mutex_init(lock, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        changed.deallocate()
        lock.deallocate()
    }

    /// Runs `body` with the value, alone, and lets all that wait look again. Keep it short, and call nothing in it that
    /// may lock again.
    func change<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(lock)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(lock)
        }
        return try body(&value)
    }

    /// Waits until the value is as `isReady` says or the time is over, then runs `body` with it, alone. Wakes nobody.
    /// - Parameter milliseconds: nil: as long as it takes.
    func wait<Result>(
        _ milliseconds: Int? = nil, until isReady: (Value) -> Bool, then body: (inout Value) throws -> Result
    ) rethrows -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        var deadline = timespec()
        if let milliseconds {
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            deadline.tv_sec += milliseconds / 1000
            deadline.tv_nsec += milliseconds % 1000 * 1_000_000
            deadline.tv_sec += deadline.tv_nsec / 1_000_000_000
            deadline.tv_nsec %= 1_000_000_000
        }
        while !isReady(value) {
            if milliseconds == nil {
                pthread_cond_wait(changed, lock)
            } else if pthread_cond_timedwait(changed, lock, &deadline) == ETIMEDOUT {
                break
            }
        }
        return try body(&value)
    }
}
