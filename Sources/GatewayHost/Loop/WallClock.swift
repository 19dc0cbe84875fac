// The time of day on a loop, for Date headers, logs and the ledger: read once a second, and carried
// forward by the loop's own clock in between.
//
// A step of the system clock is seen within a second.
//
// Kind: loop-confined value.

import CLinux

struct WallClock: ~Copyable {
    /// The wall clock and the loop clock at the last reading, in nanoseconds.
    private var wall: UInt64 = 0
    private var monotonic: UInt64 = 0
    /// When the second of the last reading ends, on the loop clock.
    private var secondEnds: UInt64 = 0
    /// Seconds since 1970, as of the last reading.
    private(set) var seconds: Int64 = 0

    private let text: UnsafeMutablePointer<UInt8>
    private var textSeconds: Int64 = -1
    private static let textCount = 29

    init() {
        text = .allocate(capacity: WallClock.textCount)
        text.initialize(repeating: 0x20, count: WallClock.textCount)
    }

    deinit { text.deallocate() }

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

    /// "Sun, 06 Nov 1994 08:49:37 GMT"; the bytes are valid until the next call.
    /// - Source: RFC 9110 section 5.6.7, IMF-fixdate.
    mutating func dateText() -> Bytes {
        if textSeconds != seconds {
            textSeconds = seconds
            WallClock.write(seconds, into: text)
        }
        return Bytes(base: UnsafePointer(text), count: WallClock.textCount)
    }

    private static func write(_ seconds: Int64, into text: UnsafeMutablePointer<UInt8>) {
        let days = seconds / 86_400
        let second = Int(seconds % 86_400)
        let (year, month, day) = civil(days)
        let names: StaticString = "ThuFriSatSunMonTueWed"
        let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        let frame: StaticString = "Day, 00 Mon 0000 00:00:00 GMT"
        text.update(from: frame.utf8Start, count: textCount)
        text.update(from: names.utf8Start + Int(days % 7) * 3, count: 3)
        (text + 8).update(from: months.utf8Start + (month - 1) * 3, count: 3)
        func two(_ value: Int, at position: Int) {
            text[position] = 0x30 + UInt8(value / 10 % 10)
            text[position + 1] = 0x30 + UInt8(value % 10)
        }
        two(day, at: 5)
        two(year / 100, at: 12)
        two(year % 100, at: 14)
        two(second / 3600, at: 17)
        two(second / 60 % 60, at: 20)
        two(second % 60, at: 23)
    }

    /// The Gregorian date of a day counted from 1970-01-01, in eras of 400 years that begin in March.
    private static func civil(_ days: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = Int(days) + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}
