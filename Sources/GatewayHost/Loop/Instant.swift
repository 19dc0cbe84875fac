// A point on the loop's clock.
//
// Nanoseconds of CLOCK_MONOTONIC since boot: comparable within one machine, meaningless outside it.
// Everything that waits (deadlines, timers, durations measured on a loop) speaks this; wall time is
// only for people and for HTTP (see WallClock).
//
// Kind: value.

import CLinux

struct Instant: Comparable, Hashable, Sendable {
    var nanoseconds: UInt64

    /// Later than any time the clock will show; as a deadline it means "none".
    static let distantFuture = Instant(nanoseconds: .max)

    @inline(__always)
    init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Reads the clock: about 30 ns. On a loop use `EventLoop.now` instead, which is read once a turn.
    /// - Source: clock_gettime(2), CLOCK_MONOTONIC.
    @inline(__always)
    static func read() -> Instant { Instant(nanoseconds: gwl_monotonic_ns()) }

    /// This instant moved by `nanoseconds`; stops at `distantFuture` instead of overflowing, and a
    /// negative amount means none.
    @inline(__always)
    func adding(nanoseconds amount: Int) -> Instant {
        guard amount > 0 else { return self }
        let (sum, overflow) = nanoseconds.addingReportingOverflow(UInt64(amount))
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    @inline(__always)
    func adding(milliseconds amount: Int) -> Instant {
        let (product, overflow) = amount.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? (amount > 0 ? .distantFuture : self) : adding(nanoseconds: product)
    }

    @inline(__always)
    func adding(seconds amount: Int) -> Instant {
        let (product, overflow) = amount.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (amount > 0 ? .distantFuture : self) : adding(nanoseconds: product)
    }

    @inline(__always)
    func adding(_ duration: Duration) -> Instant {
        let (seconds, attoseconds) = duration.components
        return adding(seconds: Int(seconds)).adding(nanoseconds: Int(attoseconds / 1_000_000_000))
    }

    /// Nanoseconds from `earlier` to this instant; zero when `earlier` is in fact later.
    @inline(__always)
    func nanoseconds(since earlier: Instant) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }

    @inline(__always)
    func milliseconds(since earlier: Instant) -> Int { Int(nanoseconds(since: earlier) / 1_000_000) }

    @inline(__always)
    static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
}
