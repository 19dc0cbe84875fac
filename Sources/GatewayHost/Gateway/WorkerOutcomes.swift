// Gathers one report from each worker and tells the control thread when all are in.
//
// Kind: shared; one lock, used at start and reload only.

final class WorkerOutcomes: Sendable {
    private struct State {
        var reports = 0
        var fault: GatewayFault?
        var expected: Int?
        var done: (@Sendable (GatewayFault?) -> Void)?
    }
    private let state = Locked(State())
    private let control: LoopMailbox

    init(control: LoopMailbox) { self.control = control }

    /// nil: it went well. Thread: any.
    func report(_ fault: GatewayFault?) {
        state.withLock { state in
            state.reports += 1
            if state.fault == nil { state.fault = fault }
        }
        look()
    }

    /// Calls `done` on the control loop with the first fault, once `count` reports are in.
    func whenAll(_ count: Int, _ done: @escaping (GatewayFault?) -> Void) {
        // `done` is only ever called on the control loop, which is where this is called.
        nonisolated(unsafe) let done = done
        state.withLock { state in
            state.expected = count
            state.done = { done($0) }
        }
        look()
    }

    private func look() {
        let ready = state.withLock { state -> (@Sendable () -> Void)? in
            guard let expected = state.expected, state.reports >= expected, let done = state.done else { return nil }
            state.done = nil
            let fault = state.fault
            return { done(fault) }
        }
        if let ready { control.submit { _ in ready() } }
    }
}
