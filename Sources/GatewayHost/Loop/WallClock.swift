// The time of day on a loop, for Date headers, logs and the ledger: read once a second, and carried
// forward by the loop's own clock in between.
//
// A step of the system clock is seen within a second.
//
// Kind: value.

import CLinux

struct WallClock {
    /// The wall clock and the loop clock at the last reading, in nanoseconds.
    private var wall: UInt64 = 0
    private var monotonic: UInt64 = 0
    /// When the second of the last reading ends, on the loop clock.
    private var secondEnds: UInt64 = 0
    /// Seconds since 1970, as of the last reading.
    private(set) var seconds: Int64 = 0

    /// Reads the system's clock if a second has passed.
    @inline(__always)
    mutating func refresh(_ now: Instant) {
        if now.nanoseconds >= secondEnds { set(now, wall: gwl_wall_ns()) }
    }

    /// As `refresh`, with the reading given.
    mutating func set(_ now: Instant, wall nanoseconds: UInt64) {
        wall = nanoseconds
        monotonic = now.nanoseconds
        seconds = Int64(nanoseconds / 1_000_000_000)
        secondEnds = now.nanoseconds + (1_000_000_000 - nanoseconds % 1_000_000_000)
    }

    /// Nanoseconds since 1970 at `now`.
    @inline(__always)
    func nanoseconds(at now: Instant) -> UInt64 { wall &+ (now.nanoseconds &- monotonic) }
}
