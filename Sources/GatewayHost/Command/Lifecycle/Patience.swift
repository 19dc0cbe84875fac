// Waiting for another process to have done something.
//
// Kind: free of state; blocks, so for the command line.

import CLinux

enum Patience {
    /// Looks every 20 ms whether `isDone`, for `limit` at most; false when it never was.
    static func wait(_ limit: Duration, until isDone: () -> Bool) -> Bool {
        let deadline = gwl_monotonic_ns() + UInt64(limit.milliseconds) * 1_000_000
        while !isDone() {
            if gwl_monotonic_ns() >= deadline { return false }
            pause(.milliseconds(20))
        }
        return true
    }

    static func pause(_ length: Duration) {
        let milliseconds = length.milliseconds
        var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
        nanosleep(&time, nil)
    }
}
