// The rule in the last line of a zone file, for all time behind its table: "CET-1CEST,M3.5.0,M10.5.0/3".
//
// Kind: value. Pure. Source: POSIX.1-2017 section 8.3 (TZ), RFC 8536 section 3.3.1 (hours from -167 to 167).

struct TimeZoneRule: Equatable, Sendable {
    /// A day of every year, and the local time at which something changes on it.
    struct Change: Equatable, Sendable {
        enum Day: Equatable, Sendable {
            /// Day 1...365; the 29th of February is never counted.
            case julian(Int64)
            /// Day 0...365; the 29th of February is counted.
            case ordinal(Int64)
            /// Weekday (0 Sunday) of a week (5: the last) of a month.
            case weekday(month: Int64, week: Int64, day: Int64)
        }
        var day: Day
        /// Seconds from midnight.
        var time: Int64

        func day(in year: Int64) -> CivilDay {
            switch day {
            case .julian(let number):
                let isLeap = CivilDay(year: year, month: 3, day: 1).number - CivilDay(year: year, month: 2, day: 1).number == 29
                return CivilDay(number: CivilDay(year: year, month: 1, day: 1).number + number - 1 + (isLeap && number >= 60 ? 1 : 0))
            case .ordinal(let number): return CivilDay(number: CivilDay(year: year, month: 1, day: 1).number + number)
            case .weekday(let month, let week, let weekday):
                let first = CivilDay(year: year, month: month, day: 1)
                let next = month == 12 ? CivilDay(year: year + 1, month: 1, day: 1) : CivilDay(year: year, month: month + 1, day: 1)
                var number = first.number + (weekday - first.weekday + 7) % 7 + (week - 1) * 7
                if number >= next.number { number -= 7 }
                return CivilDay(number: number)
            }
        }
    }

    /// Seconds east of Greenwich.
    var standard: Int64
    /// The same in summer, with its beginning (in standard time) and its end (in summer time).
    var summer: (offset: Int64, begins: Change, ends: Change)?

    static func == (one: TimeZoneRule, other: TimeZoneRule) -> Bool {
        one.standard == other.standard && one.summer?.offset == other.summer?.offset && one.summer?.begins == other.summer?.begins
            && one.summer?.ends == other.summer?.ends
    }

    /// The offset at a time, in seconds since 1970.
    func offset(at seconds: Int64) -> Int64 {
        guard let summer else { return standard }
        let year = CivilDay.of(seconds: seconds + standard).day.date.year
        let begins = summer.begins.day(in: year).number * CivilDay.seconds + summer.begins.time - standard
        let ends = summer.ends.day(in: year).number * CivilDay.seconds + summer.ends.time - summer.offset
        // South of the equator summer goes over the turn of the year.
        let isSummer = begins < ends ? seconds >= begins && seconds < ends : seconds >= begins || seconds < ends
        return isSummer ? summer.offset : standard
    }

    // MARK: Reading

    init?(_ text: some StringProtocol) {
        var rest = Array(text.utf8)[...]
        guard Self.name(&rest), let offset = Self.time(&rest) else { return nil }
        standard = -offset
        if rest.isEmpty { return }
        guard Self.name(&rest) else { return nil }
        var summerOffset = standard + 3600
        if let first = rest.first, first != 0x2c {
            guard let offset = Self.time(&rest) else { return nil }
            summerOffset = -offset
        }
        guard let begins = Self.change(&rest), let ends = Self.change(&rest), rest.isEmpty else { return nil }
        summer = (summerOffset, begins, ends)
    }

    private static func name(_ rest: inout ArraySlice<UInt8>) -> Bool {
        if rest.first == 0x3c {
            guard let end = rest.firstIndex(of: 0x3e) else { return false }
            rest = rest[(end + 1)...]
            return true
        }
        let count = rest.prefix { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a }.count
        rest = rest.dropFirst(count)
        return count >= 3
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, _ range: ClosedRange<Int64>) -> Int64? {
        let digits = rest.prefix { $0 &- 0x30 < 10 }
        guard !digits.isEmpty, digits.count <= 3, let value = Int64(String(decoding: digits, as: UTF8.self)), range.contains(value)
        else { return nil }
        rest = rest.dropFirst(digits.count)
        return value
    }

    /// `[+-]hh[:mm[:ss]]`, in seconds.
    private static func time(_ rest: inout ArraySlice<UInt8>) -> Int64? {
        var sign: Int64 = 1
        if rest.first == 0x2d || rest.first == 0x2b { sign = rest.popFirst() == 0x2d ? -1 : 1 }
        guard var seconds = number(&rest, 0...167).map({ $0 * 3600 }) else { return nil }
        for unit: Int64 in [60, 1] where rest.first == 0x3a {
            rest.removeFirst()
            guard let part = number(&rest, 0...59) else { return nil }
            seconds += part * unit
        }
        return sign * seconds
    }

    private static func change(_ rest: inout ArraySlice<UInt8>) -> Change? {
        guard rest.popFirst() == 0x2c else { return nil }
        let day: Change.Day
        switch rest.first {
        case 0x4d:  // M
            rest.removeFirst()
            guard let month = number(&rest, 1...12), rest.popFirst() == 0x2e, let week = number(&rest, 1...5), rest.popFirst() == 0x2e,
                let weekday = number(&rest, 0...6)
            else { return nil }
            day = .weekday(month: month, week: week, day: weekday)
        case 0x4a:  // J
            rest.removeFirst()
            guard let number = number(&rest, 1...365) else { return nil }
            day = .julian(number)
        default:
            guard let number = number(&rest, 0...365) else { return nil }
            day = .ordinal(number)
        }
        var time: Int64 = 7200
        if rest.first == 0x2f {
            rest.removeFirst()
            guard let written = Self.time(&rest) else { return nil }
            time = written
        }
        return Change(day: day, time: time)
    }
}
