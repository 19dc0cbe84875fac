// Operation numbers of all fake hosts, and the signals that other threads send to them.
//
// A test waits for a signal without holding a thread, because the task that sends it may need the
// very thread. Kind: shared, behind one lock.

import PluginKit

enum FakeSignals {
    private static let lock = TestLock()
    nonisolated(unsafe) private static var last: gw_op = 0
    nonisolated(unsafe) private static var signalled: Set<gw_op> = []
    nonisolated(unsafe) private static var waiting: [gw_op: CheckedContinuation<Void, Never>] = [:]

    static func newOperation() -> gw_op {
        lock.lock()
        defer { lock.unlock() }
        last += 1
        return last
    }

    /// False for a second signal of the same operation.
    static func signal(_ operation: gw_op) -> Bool {
        lock.lock()
        let isFirst = signalled.insert(operation).inserted
        let waiter = waiting.removeValue(forKey: operation)
        lock.unlock()
        waiter?.resume()
        return isFirst
    }

    static func wait(for operation: gw_op) async {
        await withCheckedContinuation { continuation in
            lock.lock()
            let isOver = signalled.contains(operation)
            if !isOver { waiting[operation] = continuation }
            lock.unlock()
            if isOver { continuation.resume() }
        }
    }
}
