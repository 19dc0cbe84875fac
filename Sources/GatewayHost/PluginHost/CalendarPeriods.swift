// Hours, days, weeks and months as the operator's clocks and calendar show them.
//
// A day has 23, 24 or 25 hours, an hour that the clocks show twice is two hours, and weeks begin on Monday
// (ISO 8601). Periods are those of the ledger's sums, so what a budget counts can be read there.
//
// Kind: CalendarPeriods: pure value. CalendarClock: loop-confined.

enum CalendarUnit: UInt64, Sendable, CaseIterable {
    case hour = 1
    case day, week, month
}

struct CalendarPeriods: Sendable {
    let zone: CalendarZone

    /// The period in which a moment lies, both in seconds since 1970.
    func period(_ unit: CalendarUnit, at seconds: Int64) -> Range<Int64> {
        if unit == .hour { return hour(at: seconds) }
        let (first, next) = days(unit, zone.day(of: seconds))
        return zone.start(of: first)..<zone.start(of: next)
    }

    /// The first day of the period that this day belongs to, and the first behind it.
    func days(_ unit: CalendarUnit, _ day: CivilDay) -> (first: CivilDay, next: CivilDay) {
        switch unit {
        case .hour, .day: return (day, CivilDay(number: day.number + 1))
        case .week:
            let first = CivilDay(number: day.number - (day.weekday + 6) % 7)
            return (first, CivilDay(number: first.number + 7))
        case .month:
            let (year, month, _) = day.date
            let next = month == 12 ? CivilDay(year: year + 1, month: 1, day: 1) : CivilDay(year: year, month: month + 1, day: 1)
            return (CivilDay(year: year, month: month, day: 1), next)
        }
    }

    private func hour(at seconds: Int64) -> Range<Int64> {
        let start = zone.hour(of: seconds)
        if zone.hour(of: start + 3599) == start, zone.hour(of: start) == start { return start..<start + 3600 }
        // Clocks change within it: the first moment on either side that another hour claims.
        var first = seconds
        while first > seconds - 3600, zone.hour(of: first - 1) == start { first -= 1 }
        var next = seconds + 1
        while next < seconds + 3600, zone.hour(of: next) == start { next += 1 }
        return first..<next
    }
}

struct CalendarClock {
    private let periods: CalendarPeriods
    /// By unit; empty ones are looked for.
    private var running: (BudgetPeriod, BudgetPeriod, BudgetPeriod, BudgetPeriod)

    init(_ zone: CalendarZone) {
        periods = CalendarPeriods(zone: zone)
        let none = BudgetPeriod(start: 0, end: 0)
        running = (none, none, none, none)
    }

    /// The period of a demand that runs now, in milliseconds since 1970; nil if there is no such period.
    /// - Parameter period: as in gw_demand: milliseconds, 0 for ever, or a GW_CALENDAR_...
    @inline(__always)
    mutating func period(_ period: UInt64, at now: UInt64) -> BudgetPeriod? {
        if period < Self.calendarFlag { return .fixed(period, now: now) }
        return calendar(period, now)
    }

    /// Beyond every length in milliseconds.
    static let calendarFlag: UInt64 = 1 << 56

    private mutating func calendar(_ period: UInt64, _ now: UInt64) -> BudgetPeriod? {
        guard let unit = CalendarUnit(rawValue: period ^ Self.calendarFlag) else { return nil }
        return withUnsafeMutableBytes(of: &running) { memory in
            let place = memory.bindMemory(to: BudgetPeriod.self).baseAddress! + Int(unit.rawValue - 1)
            if !place.pointee.contains(now) {
                let range = periods.period(unit, at: Int64(now / 1000))
                place.pointee = BudgetPeriod(start: UInt64(max(0, range.lowerBound)) * 1000, end: UInt64(max(0, range.upperBound)) * 1000)
            }
            return place.pointee
        }
    }
}
