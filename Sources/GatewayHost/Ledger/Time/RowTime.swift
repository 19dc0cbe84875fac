// Moments as rows and answers write them: RFC 3339 in UTC.
//
// Kind: pure functions.

enum RowTime {
    /// "2026-11-26T04:42:26Z".
    static func text(seconds: Int64) -> String {
        let (day, rest) = CivilDay.of(seconds: seconds)
        let clock = [rest / 3600, rest / 60 % 60, rest % 60].map { CivilDay.padded($0, 2) }
        return "\(day)T\(clock.joined(separator: ":"))Z"
    }

    /// With milliseconds, which are enough to tell requests apart for people.
    static func text(nanoseconds: Int64) -> String {
        let rest = ((nanoseconds % 1_000_000_000) + 1_000_000_000) % 1_000_000_000
        return "\(text(seconds: (nanoseconds - rest) / 1_000_000_000).dropLast()).\(CivilDay.padded(rest / 1_000_000, 3))Z"
    }

    /// Reads "2026-11-26" as the beginning of that day in the zone, and RFC 3339 in UTC to the second; seconds since
    /// 1970, nil for everything else.
    static func seconds(_ text: String, _ zone: CalendarZone) -> Int64? {
        if let day = CivilDay(text) { return zone.start(of: day) }
        guard text.utf8.count == 20, text.hasSuffix("Z"), let day = CivilDay(text.prefix(10)),
            text.utf8[text.utf8.index(text.startIndex, offsetBy: 10)] == 0x54
        else { return nil }
        let parts = text.dropFirst(11).dropLast().split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { $0 &- 0x30 < 10 } }),
            let hour = Int64(parts[0]), let minute = Int64(parts[1]), let second = Int64(parts[2]), hour < 24, minute < 60, second < 60
        else { return nil }
        return day.number * CivilDay.seconds + hour * 3600 + minute * 60 + second
    }
}
