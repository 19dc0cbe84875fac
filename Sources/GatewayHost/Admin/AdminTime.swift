// Points in time as the admin interface writes and reads them: RFC 3339 text, milliseconds since 1970 inside.
//
// Kind: value. Pure.

enum AdminTime {
    /// `2026-03-01T12:00:00.000Z`.
    static func text(_ milliseconds: Int64) -> String {
        let day = milliseconds >= 0 ? milliseconds / 86_400_000 : (milliseconds - 86_399_999) / 86_400_000
        let rest = Int(milliseconds - day * 86_400_000)
        let date = CivilDate(daysSince1970: Int(day))
        return "\(digits(date.year, 4))-\(digits(date.month, 2))-\(digits(date.day, 2))T"
            + "\(digits(rest / 3_600_000, 2)):\(digits(rest / 60_000 % 60, 2)):\(digits(rest / 1000 % 60, 2)).\(digits(rest % 1000, 3))Z"
    }

    private static func digits(_ number: Int, _ width: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(width - text.utf8.count, 0)) + text
    }

    /// Reads `2026-03-01T12:00:00Z`, with any fraction and offset; nil for everything else.
    /// - Source: RFC 3339 section 5.6.
    static func milliseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        func number(_ start: Int, _ count: Int) -> Int? {
            guard start + count <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[start..<start + count] {
                guard byte &- 0x30 < 10 else { return nil }
                value = value * 10 + Int(byte &- 0x30)
            }
            return value
        }
        guard bytes.count >= 20, bytes[4] == 0x2d, bytes[7] == 0x2d, bytes[10] | 0x20 == 0x74, bytes[13] == 0x3a,
            bytes[16] == 0x3a, let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
            let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
            year >= 1, hour < 24, minute < 60, second <= 60, let days = daysSince1970(year, month, day)
        else { return nil }
        var place = 19
        var fraction = 0
        if bytes[place] == 0x2e {
            var scale = 100
            place += 1
            let start = place
            while place < bytes.count, bytes[place] &- 0x30 < 10 {
                fraction += Int(bytes[place] - 0x30) * scale
                scale /= 10
                place += 1
            }
            guard place > start else { return nil }
        }
        guard place < bytes.count else { return nil }
        var offset = 0
        switch bytes[place] {
        case 0x5a, 0x7a: place += 1
        case 0x2b, 0x2d:
            guard let hours = number(place + 1, 2), let minutes = number(place + 4, 2), bytes[place + 3] == 0x3a, hours < 24,
                minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (bytes[place] == 0x2b ? 60 : -60)
            place += 6
        default: return nil
        }
        guard place == bytes.count else { return nil }
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset
        return Int64(seconds * 1000 + fraction)
    }

    /// nil: there is no such day.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int? {
        guard (1...12).contains(month), (1...31).contains(day) else { return nil }
        let shifted = month <= 2 ? year - 1 : year  // years begin in March here
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        let back = CivilDate(daysSince1970: days)
        return back.month == month && back.day == day ? days : nil
    }
}
