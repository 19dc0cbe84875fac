// A thread that does something again and again until it is told to end, and is waited for then.
//
//   start ─► work ─ pause ─ work ─ pause ─► stop: the pause is cut short, the thread does its last and ends
//
// Kind: shared.

final class PacedThread: Sendable {
    private struct Life {
        var isRunning = false
        var isStopping = false
    }

    private let name: String
    private let life = Monitor(Life())

    /// - Parameter name: at most 15 bytes, as `top -H` shows it.
    init(_ name: String) { self.name = name }

    /// Once. - Parameter work: all that the thread does; it returns soon after `pause` has said that it is time.
    func start(_ work: @escaping @Sendable () -> Void) {
        life.change { $0.isRunning = true }
        BackgroundThread.start(name) { [life] in
            work()
            life.change { $0.isRunning = false }
        }
    }

    /// Waits, on the thread itself. - Returns: whether it is time to end.
    func pause(milliseconds: Int) -> Bool {
        life.wait(milliseconds, until: { $0.isStopping }, then: { $0.isStopping })
    }

    /// Tells the thread to end and waits until it has. Any thread but itself; also when it was never started.
    func stop() {
        life.change { $0.isStopping = true }
        life.wait(until: { !$0.isRunning }, then: { _ in })
    }
}
