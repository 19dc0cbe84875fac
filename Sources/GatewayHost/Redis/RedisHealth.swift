// Whether the loops' connections to Redis serve, for whoever asks, and whether it matters.
//
// Kind: shared.

import Synchronization

final class RedisHealth: Sendable {
    private struct State {
        /// By loop; nil: it serves.
        var reasons: [Int: String?] = [:]
    }
    private let state = Locked(State())
    private let isNeeded = Atomic<Bool>(false)

    /// - Parameter reason: why not; nil: it is up and answers in time.
    func loopUp(_ loop: Int, _ reason: String?) { state.withLock { $0.reasons[loop] = .some(reason) } }

    /// Why at least one loop has no connection that answers in time; nil: all have one.
    var reason: String? {
        state.withLock { state in
            state.reasons.isEmpty ? "no connection yet" : state.reasons.values.lazy.compactMap { $0 }.first
        }
    }

    // MARK: Readiness

    /// Requests of the present chain are refused while Redis does not answer. Steady, it is one load.
    @inline(__always)
    func noteNeed(_ refuses: @autoclosure () -> Bool) {
        if !isNeeded.load(ordering: .relaxed), refuses() { isNeeded.store(true, ordering: .relaxed) }
    }

    /// Another chain serves, which may not need it.
    func chainChanged() { isNeeded.store(false, ordering: .relaxed) }

    /// Why requests would be refused now; nil: they would not.
    var refusal: String? { isNeeded.load(ordering: .relaxed) ? reason : nil }
}
