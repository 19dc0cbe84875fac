// What a loop tells about its own health. Written by the loop with plain stores, read by anyone.
//
// A turn is timed from the end of its wait to its own end: whatever became ready meanwhile has waited for it. Most turns
// are short and are not counted by length one by one: they are what is left of all.
//
// Kind: shared.

import Synchronization

final class LoopCounters: Sendable {
    /// Upper bounds of the lengths by which turns are counted, in nanoseconds. Beyond the last there is one count more.
    static let bounds: [UInt64] = [
        100_000, 500_000, 1_000_000, 5_000_000, 10_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000,
        2_500_000_000, 5_000_000_000,
    ]
    private static let shortNanoseconds: UInt64 = 100_000

    private let turnCount = Atomic<UInt64>(0)
    private let eventCount = Atomic<UInt64>(0)
    private let busyTime = Atomic<UInt64>(0)
    private let longestTurn = Atomic<UInt64>(0)
    /// By length; the first, of short turns, stays 0. Lives as long as this.
    nonisolated(unsafe) private let longTurns: UnsafeMutablePointer<Atomic<UInt64>>

    init() {
        longTurns = .allocate(capacity: Self.bounds.count + 1)
        for place in 0...Self.bounds.count { (longTurns + place).initialize(to: Atomic(0)) }
    }

    deinit { longTurns.deallocate() }

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

    /// Turns so far by length: one count for each of `bounds`, and one for what is longer.
    /// - Thread: the loop's, so that the counts belong together.
    var turnsByLength: [UInt64] {
        var counts = (0...Self.bounds.count).map { (longTurns + $0).pointee.load(ordering: .relaxed) }
        counts[0] = turns - counts.reduce(0, +)
        return counts
    }

    /// - Thread: the loop's; the only writer, hence loads and stores instead of atomic additions.
    @inline(__always)
    func turnEnded(events: Int, nanoseconds: UInt64) {
        turnCount.store(turnCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        eventCount.store(eventCount.load(ordering: .relaxed) &+ UInt64(events), ordering: .relaxed)
        busyTime.store(busyTime.load(ordering: .relaxed) &+ nanoseconds, ordering: .relaxed)
        if nanoseconds > longestTurn.load(ordering: .relaxed) { longestTurn.store(nanoseconds, ordering: .relaxed) }
        if nanoseconds > Self.shortNanoseconds { longTurnEnded(nanoseconds) }
    }

    private func longTurnEnded(_ nanoseconds: UInt64) {
        let count = longTurns + (Self.bounds.firstIndex { nanoseconds <= $0 } ?? Self.bounds.count)
        count.pointee.store(count.pointee.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}
