// Where requests wait for a place, as all workers use it.
//
// A place that is given back goes straight to whoever waits for it, without becoming free in between, so
// that no newcomer gets ahead. No wake-up is lost: who joins the line looks for a place once more
// afterwards, and who gives a place back looks at the line once more afterwards; both in one total order.
//
//     joins: count += 1 ── then looks for a place
//     gives: place  -= 1 ── then looks at count
//
// Kind: shared. The lock is held for looking through the line; who is handed a place is woken after it.

import PluginKit
import Synchronization

final class WaitingRoom: Sendable {
    private let line: Locked<WaitingLine>
    private let count = Atomic<Int>(0)
    private let lastNumber = Atomic<UInt64>(0)

    init(limit: Int) { line = Locked(WaitingLine(limit: limit)) }

    var isEmpty: Bool { count.load(ordering: .sequentiallyConsistent) == 0 }
    var waiting: Int { count.load(ordering: .relaxed) }

    func newNumber() -> UInt64 { lastNumber.wrappingAdd(1, ordering: .relaxed).newValue }

    /// False if there is no room. Look for a place once more when it is true.
    func join(_ tenant: SipTag, _ waiter: WaitingLine.Waiter) -> Bool {
        line.withLock { line in
            defer { count.store(line.count, ordering: .sequentiallyConsistent) }
            return line.join(tenant, waiter)
        }
    }

    /// What the waiter was handed; it has left the line then.
    func take(_ number: UInt64) -> Handed? { line.withLock { $0.take(number) } }

    /// The waiter goes; what it was handed is its own.
    func leave(_ number: UInt64, _ tenant: SipTag) -> Handed? {
        line.withLock { line in
            defer { count.store(line.count, ordering: .sequentiallyConsistent) }
            return line.leave(number, tenant)
        }
    }

    /// A request gives its place on the account back.
    func giveBack(_ standing: Standing, now: () -> UInt64) {
        if !isEmpty, hand(standing, now(), { standing.renew() }) { return }
        standing.giveBack()
        if !isEmpty { offer(standing, now: now()) }
    }

    /// The account may have become usable: hands out its places as long as there are some and someone waits.
    func offer(_ standing: Standing, now: UInt64) {
        while !isEmpty {
            guard let started = standing.take() else { return }
            guard hand(standing, now, { started }) else {
                standing.giveBack()
                return
            }
        }
    }

    /// Hands a place that the caller holds to whoever is next; false if nobody wants it.
    private func hand(_ standing: Standing, _ now: UInt64, _ started: () -> UInt32) -> Bool {
        let waiter = line.withLock { line in
            defer { count.store(line.count, ordering: .sequentiallyConsistent) }
            return line.hand(standing.serial, started: started) { standing.admission($0, at: now) == .yes }
        }
        waiter?.wake()
        return waiter != nil
    }
}
