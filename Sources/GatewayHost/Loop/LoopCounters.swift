// What a loop tells about its own health. Written by the loop with plain stores, read by anyone.
//
// Kind: shared.

import Synchronization

final class LoopCounters: Sendable {
    private let turnCount = Atomic<UInt64>(0)
    private let eventCount = Atomic<UInt64>(0)
    private let busyTime = Atomic<UInt64>(0)
    private let longestTurn = Atomic<UInt64>(0)

    /// Turns of the loop so far.
    var turns: UInt64 { turnCount.load(ordering: .relaxed) }
    /// Events delivered so far.
    var events: UInt64 { eventCount.load(ordering: .relaxed) }
    /// Time spent outside of waiting, in nanoseconds.
    var busyNanoseconds: UInt64 { busyTime.load(ordering: .relaxed) }
    /// The longest turn since `takeLagMax`, in nanoseconds: an event that became ready during it has waited that long.
    var lagMaxNanoseconds: UInt64 { longestTurn.load(ordering: .relaxed) }

    /// The longest turn, and starts over, as a scrape does.
    func takeLagMax() -> UInt64 { longestTurn.exchange(0, ordering: .relaxed) }

    /// - Thread: the loop's; the only writer, hence loads and stores instead of atomic additions.
    @inline(__always)
    func turnEnded(events: Int, nanoseconds: UInt64) {
        turnCount.store(turnCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        eventCount.store(eventCount.load(ordering: .relaxed) &+ UInt64(events), ordering: .relaxed)
        busyTime.store(busyTime.load(ordering: .relaxed) &+ nanoseconds, ordering: .relaxed)
        if nanoseconds > longestTurn.load(ordering: .relaxed) {
            longestTurn.store(nanoseconds, ordering: .relaxed)
        }
    }
}
