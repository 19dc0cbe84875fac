// Points in time as the wire writes them: RFC 3339 text, and seconds since 1970.
//
// Kind: pure functions. Source: RFC 3339 section 5.6; days from civil dates after Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms".

public struct Timestamp: Equatable, Comparable, Sendable {
    /// Seconds since 1970-01-01T00:00:00Z, fractions cut off.
    public var seconds: Int

    public init(seconds: Int) { self.seconds = seconds }

    /// From wall clock nanoseconds.
    public init(nanoseconds: UInt64) { seconds = Int(nanoseconds / 1_000_000_000) }

    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.seconds < b.seconds }

    /// Reads "2026-03-01T12:00:00Z", with any fraction and any offset; nil for everything else. A
    /// leap second counts as the second after it.
    public init?(rfc3339 text: Bytes) {
        // Positions:  0123456789 0123456789
        //             2026-03-01T12:00:00
        func digits(_ start: Int, _ count: Int) -> Int? {
            text.count >= start + count ? text.slice(start, start + count).decimal : nil
        }
        guard text.count >= 20,
            let year = digits(0, 4), let month = digits(5, 2), let day = digits(8, 2),
            let hour = digits(11, 2), let minute = digits(14, 2), let second = digits(17, 2),
            text[4] == 0x2d, text[7] == 0x2d, text[13] == 0x3a, text[16] == 0x3a,
            text[10] | 0x20 == 0x74 || text[10] == 0x20,
            year >= 1, (1...12).contains(month), day >= 1, day <= Self.days(in: month, of: year),
            hour < 24, minute < 60, second <= 60
        else { return nil }

        var position = 19
        if text[position] == 0x2e {
            position += 1
            let start = position
            while position < text.count, text[position] &- 0x30 < 10 { position += 1 }
            guard position > start else { return nil }
        }
        guard position < text.count else { return nil }
        var offset = 0
        switch text[position] {
        case 0x5a, 0x7a:
            position += 1
        case 0x2b, 0x2d:
            guard let hours = digits(position + 1, 2), let minutes = digits(position + 4, 2),
                text[position + 3] == 0x3a, hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (text[position] == 0x2b ? 60 : -60)
            position += 6
        default: return nil
        }
        guard position == text.count else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset
    }

    /// Appends "2026-03-01T12:00:00Z".
    public func write(to writer: inout ByteWriter) {
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        let date = Self.date(days: days)
        writer.append(length: 20) { target in
            Self.put(date.year / 100, target)
            Self.put(date.year % 100, target + 2)
            target[4] = 0x2d
            Self.put(date.month, target + 5)
            target[7] = 0x2d
            Self.put(date.day, target + 8)
            target[10] = 0x54
            Self.put(rest / 3600, target + 11)
            target[13] = 0x3a
            Self.put(rest / 60 % 60, target + 14)
            target[16] = 0x3a
            Self.put(rest % 60, target + 17)
            target[19] = 0x5a
        }
    }

    /// Two digits of a number from 0 to 99.
    @inline(__always)
    private static func put(_ value: Int, _ target: UnsafeMutablePointer<UInt8>) {
        target[0] = 0x30 + UInt8(truncatingIfNeeded: value / 10 % 10)
        target[1] = 0x30 + UInt8(truncatingIfNeeded: value % 10)
    }

    public var text: String {
        withByteWriter(capacity: 32) { writer in
            write(to: &writer)
            return writer.bytes.string
        }
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: return 30
        case 2:
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            return isLeap ? 29 : 28
        default: return 31
        }
    }

    /// Days from 1970-01-01 to a date of the Gregorian calendar.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year  // years begin in March here
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }

    private static func date(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
