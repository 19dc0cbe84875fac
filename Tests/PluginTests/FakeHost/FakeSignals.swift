// Operation numbers of all fake hosts, and the signals that other threads send to them.
//
// Kind: shared; a POSIX mutex and condition, because a test waits for a thread it did not start.

import Glibc
import PluginKit

enum FakeSignals {
    nonisolated(unsafe) private static var mutex = pthread_mutex_t()
    nonisolated(unsafe) private static var changed = pthread_cond_t()
    nonisolated(unsafe) private static var last: gw_op = 0
    nonisolated(unsafe) private static var signalled: Set<gw_op> = []

    static func newOperation() -> gw_op {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        last += 1
        return last
    }

    /// False for a second signal of the same operation.
    static func signal(_ operation: gw_op) -> Bool {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        pthread_cond_broadcast(&changed)
        return signalled.insert(operation).inserted
    }

    static func wait(for operation: gw_op) {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        while !signalled.contains(operation) { pthread_cond_wait(&changed, &mutex) }
    }
}
