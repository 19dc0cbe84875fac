// Whether the loops' connections to Redis serve, for whoever asks.
//
// Kind: shared.

final class RedisHealth: Sendable {
    private struct State {
        /// By loop; nil: it serves.
        var reasons: [Int: String?] = [:]
    }
    private let state = Locked(State())

    /// - Parameter reason: why not; nil: it is up.
    func loopUp(_ loop: Int, _ reason: String?) { state.withLock { $0.reasons[loop] = .some(reason) } }

    /// Why at least one loop has no connection; nil: all have one.
    var reason: String? {
        state.withLock { state in
            state.reasons.isEmpty ? "no connection yet" : state.reasons.values.lazy.compactMap { $0 }.first
        }
    }
}
