// A day of the calendar, as the number of days since 1970-01-01.
//
// Kind: value. Pure. Source: days from civil dates after Howard Hinnant, "chrono-Compatible Low-Level Date
// Algorithms".

struct CivilDay: Hashable, Comparable, Sendable, CustomStringConvertible {
    static let seconds: Int64 = 86_400

    var number: Int64

    init(number: Int64) { self.number = number }

    /// - Precondition: the date exists.
    init(year: Int64, month: Int64, day: Int64) {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        number = era * 146_097 + dayOfEra - 719_468
    }

    /// Reads "2026-11-26"; nil for everything else, also for days that do not exist.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 10, parts.count == 3, parts[0].utf8.count == 4, parts[1].utf8.count == 2,
            parts.allSatisfy({ $0.utf8.allSatisfy { $0 &- 0x30 < 10 } }),
            let year = Int64(parts[0]), let month = Int64(parts[1]), let day = Int64(parts[2]),
            year >= 1, (1...12).contains(month), day >= 1
        else { return nil }
        self.init(year: year, month: month, day: day)
        guard date == (year, month, day) else { return nil }
    }

    var date: (year: Int64, month: Int64, day: Int64) {
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        return (year, month < 10 ? month + 3 : month - 9, dayOfYear - (153 * month + 2) / 5 + 1)
    }

    /// 0 is Sunday.
    var weekday: Int64 { (number % 7 + 11) % 7 }

    /// "2026-11-26".
    var description: String {
        let (year, month, day) = date
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
    }

    static func padded(_ number: Int64, _ count: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(count - digits.count, 0)) + digits
    }

    static func < (one: CivilDay, other: CivilDay) -> Bool { one.number < other.number }

    /// The day that a count of seconds since 1970 falls on, and the seconds into it.
    static func of(seconds: Int64) -> (day: CivilDay, rest: Int64) {
        let rest = ((seconds % Self.seconds) + Self.seconds) % Self.seconds
        return (CivilDay(number: (seconds - rest) / Self.seconds), rest)
    }
}
