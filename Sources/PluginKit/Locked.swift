// A value behind a lock, for what the workers of a plugin share and no atomic can hold.
//
// Over pthread_mutex_t rather than the standard library's Mutex: that one waits on a futex of its own,
// which ThreadSanitizer cannot see, so it reports a race at every use (Swift 6.3 on Linux). Without
// contention both cost some 20 ns.
//
// Kind: shared. `lock` guards `value`, which nobody reaches but through `withLock`; that is what makes
// @unchecked Sendable sound.

import Glibc

public final class Locked<Value>: @unchecked Sendable {
    @usableFromInline let lock: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline var value: Value

    public init(_ value: sending Value) {
        self.value = value
        lock = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// Runs `body` with the value, alone. Keep it short, and call nothing in it that may lock again.
    @inlinable @inline(__always)
    public func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return try body(&value)
    }
}
