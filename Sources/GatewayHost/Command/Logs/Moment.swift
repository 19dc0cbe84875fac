// Moments as people write them: `10m` for ten minutes ago (or ahead), or RFC 3339.
//
// Kind: value. Pure, but for `now`.

import CLinux

enum Moment {
    /// Nanoseconds since 1970.
    static func now() -> UInt64 { gwl_wall_ns() }

    /// Nanoseconds since 1970.
    /// - Parameter ahead: a duration counts into the future instead of the past.
    static func parse(_ text: String, now: UInt64, ahead: Bool = false) -> UInt64? {
        if let length = Measure.duration(text) {
            let nanoseconds = UInt64(length.milliseconds) * 1_000_000
            return ahead ? now + nanoseconds : now > nanoseconds ? now - nanoseconds : 0
        }
        return date(text)
    }

    /// Seconds since 1970 of a Date header: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
    static func http(_ text: String) -> Int64? {
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])) else { return nil }
        return date("\(parts[3])-\(month < 9 ? "0" : "")\(month + 1)-\(parts[1])T\(parts[4])Z").map { Int64($0 / 1_000_000_000) }
    }

    /// `2025-11-23T18:03:04.123Z`
    static func text(_ nanoseconds: UInt64) -> String {
        let date = CivilDate(daysSince1970: Int(nanoseconds / 86_400_000_000_000))
        let rest = Int(nanoseconds / 1_000_000 % 86_400_000)
        func digits(_ number: Int, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return "\(digits(date.year, 4))-\(digits(date.month, 2))-\(digits(date.day, 2))T\(digits(rest / 3_600_000, 2))"
            + ":\(digits(rest / 60_000 % 60, 2)):\(digits(rest / 1000 % 60, 2)).\(digits(rest % 1000, 3))Z"
    }

    /// RFC 3339, or only a day: `2025-11-23`, which begins at midnight UTC.
    private static func date(_ text: String) -> UInt64? {
        let bytes = Array(text.utf8)
        func number(_ at: Int, _ count: Int) -> Int? {
            guard at + count <= bytes.count, bytes[at..<at + count].allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
            return bytes[at..<at + count].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        guard bytes.count >= 10, bytes[4] == 0x2d, bytes[7] == 0x2d, let year = number(0, 4), let month = number(5, 2),
            let day = number(8, 2), year >= 1970, (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        let days = daysSince1970(year, month, day)
        // The thirtieth of February is none.
        guard CivilDate(daysSince1970: days).day == day else { return nil }
        var seconds = days * 86_400
        if bytes.count == 10 { return UInt64(seconds) * 1_000_000_000 }
        guard bytes[10] == 0x54 || bytes[10] == 0x74 || bytes[10] == 0x20, let hour = number(11, 2), hour < 24,
            bytes.count > 16, bytes[13] == 0x3a, let minute = number(14, 2), minute < 60
        else { return nil }
        seconds += hour * 3600 + minute * 60
        var at = 16
        var fraction = 0
        if at < bytes.count, bytes[at] == 0x3a {
            guard let second = number(17, 2), second < 61 else { return nil }
            seconds += second
            at = 19
            if at < bytes.count, bytes[at] == 0x2e {
                at += 1
                var scale = 100_000_000
                let start = at
                while at < bytes.count, bytes[at] &- 0x30 < 10 {
                    fraction += Int(bytes[at] - 0x30) * scale
                    scale /= 10
                    at += 1
                }
                guard at > start else { return nil }
            }
        }
        guard at < bytes.count else { return nil }
        if bytes[at] == 0x5a || bytes[at] == 0x7a {
            guard at + 1 == bytes.count else { return nil }
        } else {
            guard bytes[at] == 0x2b || bytes[at] == 0x2d, at + 6 == bytes.count, bytes[at + 3] == 0x3a,
                let hours = number(at + 1, 2), let minutes = number(at + 4, 2), hours < 24, minutes < 60
            else { return nil }
            seconds -= (bytes[at] == 0x2b ? 1 : -1) * (hours * 3600 + minutes * 60)
        }
        return seconds >= 0 ? UInt64(seconds) * 1_000_000_000 + UInt64(fraction) : nil
    }

    /// - Source: Howard Hinnant, days_from_civil.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = y / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
