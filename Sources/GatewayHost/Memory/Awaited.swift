// A value that one thread waits for and another gives, once.
//
// Kind: shared. Not for loops, which never wait.

import CLinux

final class Awaited<Value: Sendable>: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let given = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// Guarded by `lock`, which is what makes @unchecked Sendable sound.
    private var value: Value?

    init() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(given, nil)
    }

    deinit {
        pthread_cond_destroy(given)
        pthread_mutex_destroy(lock)
        given.deallocate()
        lock.deallocate()
    }

    /// Wakes whoever waits.
    func give(_ value: Value) {
        pthread_mutex_lock(lock)
        self.value = value
        pthread_cond_broadcast(given)
        pthread_mutex_unlock(lock)
    }

    /// The value, once it is given.
    func take() -> Value {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while true {
            if let value { return value }
            pthread_cond_wait(given, lock)
        }
    }
}
