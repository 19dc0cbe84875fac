// What all workers share of an account, and where it is found.
//
// Kind: shared. The state is two atomics; the registry is behind a lock that is taken when records change, never on the
// way of a request.

import Glibc
import Synchronization

final class AccountState: Sendable {
    private let coolingBits = Atomic<UInt64>(0)
    private let carried = Atomic<Int>(0)

    // MARK: Cooling

    var cooling: Cooling { Cooling(bits: coolingBits.load(ordering: .relaxed)) }

    /// True if it never failed lately, so that nobody has to look at a clock.
    var isHealthy: Bool { coolingBits.load(ordering: .relaxed) == 0 }

    /// Applies `change` and returns what it made of the account.
    @discardableResult
    func changeCooling(_ change: (inout Cooling) -> Void) -> Cooling {
        var bits = coolingBits.load(ordering: .relaxed)
        while true {
            var cooling = Cooling(bits: bits)
            change(&cooling)
            let (exchanged, original) = coolingBits.compareExchange(
                expected: bits, desired: cooling.bits, ordering: .relaxed)
            if exchanged { return cooling }
            bits = original
        }
    }

    // MARK: Load

    /// Requests that it carries now.
    var load: Int { carried.load(ordering: .relaxed) }

    /// Takes one place; false if it is full.
    /// - Parameter limit: nil: none.
    func take(limit: Int?) -> Bool {
        let now = carried.add(1, ordering: .relaxed).newValue
        guard let limit, now > limit else { return true }
        giveBack()
        return false
    }

    func giveBack() {
        let left = carried.subtract(1, ordering: .relaxed).newValue
        assert(left >= 0, "a place was given back twice")
    }
}

final class AccountRegistry: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    /// Guarded by `lock`, which is what makes @unchecked Sendable sound.
    private var states: [String: AccountState] = [:]

    init() { pthread_mutex_init(lock, nil) }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body()
    }

    /// The state of an account, made when it is first asked for.
    func state(of id: String) -> AccountState {
        locked {
            if let known = states[id] { return known }
            let made = AccountState()
            states[id] = made
            return made
        }
    }

    /// The account is gone. Exchanges that it carries still have its state.
    func forget(_ id: String) { locked { states[id] = nil } }

    var all: [(id: String, state: AccountState)] { locked { states.map { ($0.key, $0.value) } } }
}
