// Periods of budgets at the edges of clocks and calendars, and what becomes of amounts there.

import Testing

@testable import GatewayHost

@Suite struct BudgetTests {
    private func periods(_ name: String) throws -> CalendarPeriods { CalendarPeriods(zone: try CalendarZone.named(name)) }

    private func moment(_ text: String) -> Int64 { RowTime.seconds(text, .utc)! }

    private func expect(
        _ zone: String, _ unit: CalendarUnit, at: String, from: String, to: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let range = try periods(zone).period(unit, at: moment(at))
        #expect(RowTime.text(seconds: range.lowerBound) == from, sourceLocation: sourceLocation)
        #expect(RowTime.text(seconds: range.upperBound) == to, sourceLocation: sourceLocation)
    }

    @Test func daysHaveTheHoursThatClocksGiveThem() throws {
        try expect("UTC", .day, at: "2026-11-26T23:59:59Z", from: "2026-11-26T00:00:00Z", to: "2026-11-27T00:00:00Z")
        // 23 hours in spring, 25 in autumn.
        try expect("Europe/Berlin", .day, at: "2026-03-29T12:00:00Z", from: "2026-03-28T23:00:00Z", to: "2026-03-29T22:00:00Z")
        try expect("Europe/Berlin", .day, at: "2026-10-25T12:00:00Z", from: "2026-10-24T22:00:00Z", to: "2026-10-25T23:00:00Z")
        // The last second of a day, and the first of the next.
        try expect("Europe/Berlin", .day, at: "2026-10-25T22:59:59Z", from: "2026-10-24T22:00:00Z", to: "2026-10-25T23:00:00Z")
        try expect("Europe/Berlin", .day, at: "2026-10-25T23:00:00Z", from: "2026-10-25T23:00:00Z", to: "2026-10-26T23:00:00Z")
        // Sao Paulo's clocks jumped over midnight: the day began at one.
        try expect("America/Sao_Paulo", .day, at: "2018-11-04T12:00:00Z", from: "2018-11-04T03:00:00Z", to: "2018-11-05T02:00:00Z")
        // Samoa left out a Friday.
        try expect("Pacific/Apia", .day, at: "2011-12-30T09:59:59Z", from: "2011-12-29T10:00:00Z", to: "2011-12-30T10:00:00Z")
        try expect("Pacific/Apia", .day, at: "2011-12-30T10:00:00Z", from: "2011-12-30T10:00:00Z", to: "2011-12-31T10:00:00Z")
    }

    @Test func hoursAreThoseOfTheClocks() throws {
        try expect("Asia/Kathmandu", .hour, at: "2026-11-26T10:20:00Z", from: "2026-11-26T10:15:00Z", to: "2026-11-26T11:15:00Z")
        // Two o'clock comes twice in Berlin, and is two hours.
        try expect("Europe/Berlin", .hour, at: "2026-10-25T00:30:00Z", from: "2026-10-25T00:00:00Z", to: "2026-10-25T01:00:00Z")
        try expect("Europe/Berlin", .hour, at: "2026-10-25T01:30:00Z", from: "2026-10-25T01:00:00Z", to: "2026-10-25T02:00:00Z")
        // Lord Howe's clocks go back by half an hour: one hour of 60 minutes, and then one of 30.
        let periods = try periods("Australia/Lord_Howe")
        let change: Int64 = 1_775_314_800
        #expect(periods.period(.hour, at: change - 1) == change - 3600..<change)
        #expect(periods.period(.hour, at: change) == change..<change + 1800)
        #expect(periods.period(.hour, at: change + 1800) == change + 1800..<change + 5400)
    }

    @Test func weeksBeginOnMondayAndMonthsOnTheFirst() throws {
        try expect("Europe/Berlin", .week, at: "2026-11-26T12:00:00Z", from: "2026-11-22T23:00:00Z", to: "2026-11-29T23:00:00Z")
        // The week of the change has an hour more.
        try expect("Europe/Berlin", .week, at: "2026-10-25T22:59:59Z", from: "2026-10-18T22:00:00Z", to: "2026-10-25T23:00:00Z")
        try expect("America/New_York", .month, at: "2026-11-01T03:59:59Z", from: "2026-10-01T04:00:00Z", to: "2026-11-01T04:00:00Z")
        try expect("America/New_York", .month, at: "2026-11-01T04:00:00Z", from: "2026-11-01T04:00:00Z", to: "2026-12-01T05:00:00Z")
        try expect("UTC", .month, at: "2024-02-29T12:00:00Z", from: "2024-02-01T00:00:00Z", to: "2024-03-01T00:00:00Z")
        try expect("UTC", .month, at: "2026-12-31T23:59:59Z", from: "2026-12-01T00:00:00Z", to: "2027-01-01T00:00:00Z")
        try expect("UTC", .week, at: "1970-01-01T00:00:00Z", from: "1969-12-29T00:00:00Z", to: "1970-01-05T00:00:00Z")
    }

    /// Every moment lies in its period, and the next period begins where it ends, through two years in five zones.
    @Test(arguments: ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"])
    func periodsFollowEachOther(zone: String) throws {
        let periods = try periods(zone)
        for unit in [CalendarUnit.day, .week, .month] {
            var time = moment("2017-12-20T05:00:00Z")
            while time < moment("2019-12-20T00:00:00Z") {
                let period = periods.period(unit, at: time)
                #expect(period.contains(time))
                #expect(periods.period(unit, at: period.upperBound).lowerBound == period.upperBound)
                #expect(periods.period(unit, at: period.upperBound - 1) == period)
                time = period.upperBound
            }
        }
    }

    @Test func theClockRemembersAndMovesOn() throws {
        var clock = CalendarClock(try CalendarZone.named("Europe/Berlin"))
        let day = CalendarClock.calendarFlag | CalendarUnit.day.rawValue
        let noon = UInt64(moment("2026-10-25T12:00:00Z")) * 1000
        let end = UInt64(moment("2026-10-25T23:00:00Z")) * 1000
        #expect(clock.period(day, at: noon)?.end == end)
        #expect(clock.period(day, at: end - 1)?.end == end)
        #expect(clock.period(day, at: end)?.start == end)
        // Back again, as between loops.
        #expect(clock.period(day, at: end - 1)?.end == end)
        #expect(clock.period(CalendarClock.calendarFlag, at: noon) == nil)
        #expect(clock.period(CalendarClock.calendarFlag | 5, at: noon) == nil)
        #expect(clock.period(0, at: noon) == .forEver)
        #expect(clock.period(3_600_000, at: noon)?.start == noon)
    }

    private let monday = BudgetPeriod(start: 1_000_000, end: 2_000_000)
    private let tuesday = BudgetPeriod(start: 2_000_000, end: 3_000_000)

    @Test func whatIsReservedOrSpentCounts() {
        var budget = BudgetWindow()
        #expect(budget.enter(monday, now: 1_000_010, .nothing) == true)
        #expect(budget.reserve(cost: 60, limit: 100, now: 1_000_010).isGranted)
        let refused = budget.reserve(cost: 50, limit: 100, now: 1_000_010)
        #expect(!refused.isGranted && refused.remaining == 40)
        #expect(refused.retryMilliseconds == 999_990 && refused.resetMilliseconds == 999_990)
        budget.settle(reserved: 60, in: monday.start, spent: 20)
        #expect(budget.spent == 20 && budget.reserved == 0)
        #expect(budget.reserve(cost: 80, limit: 100, now: 1_000_010).isGranted)
    }

    @Test func aBudgetForEverHasNoReset() {
        var budget = BudgetWindow()
        #expect(budget.enter(.forEver, now: 5, .nothing) == true)
        let granted = budget.reserve(cost: 100, limit: 100, now: 5)
        #expect(granted.isGranted && granted.resetMilliseconds == 0)
        let refused = budget.reserve(cost: 1, limit: 100, now: 5)
        #expect(!refused.isGranted && refused.retryMilliseconds == 0)
    }

    @Test func theRealAmountMayExceedTheLimitAndIsKept() {
        var budget = BudgetWindow()
        #expect(budget.enter(.forEver, now: 0, .nothing) == true)
        _ = budget.reserve(cost: 1, limit: 100, now: 0)
        budget.settle(reserved: 1, in: 0, spent: .max)
        let refused = budget.reserve(cost: .max, limit: .max, now: 0)
        #expect(!refused.isGranted && refused.remaining == 0)
        #expect(!budget.reserve(cost: 1, limit: 100, now: 0).isGranted)
    }

    @Test func aLoopWhoseClockIsBehindDoesNotBringYesterdayBack() {
        var window = BudgetWindow()
        #expect(window.enter(tuesday, now: 2_000_010, .nothing) == true)
        #expect(window.reserve(cost: 70, limit: 100, now: 2_000_010).isGranted)
        // Another loop still has Monday: it counts on Tuesday.
        #expect(window.enter(monday, now: 1_999_999, .nothing) == true)
        #expect(window.period == tuesday)
        #expect(!window.reserve(cost: 70, limit: 100, now: 1_999_999).isGranted)
        window.settle(reserved: 70, in: tuesday.start, spent: 65)
        #expect(window.spent == 65 && window.reserved == 0)
    }

    @Test func aClockThatWasSetBackIsFollowedAndAskedAnew() {
        var window = BudgetWindow()
        #expect(window.enter(tuesday, now: 2_500_000, .spent(10, at: 2_400_000)) == true)
        #expect(window.enter(monday, now: 1_500_000, .unknown) == false)
        #expect(window.enter(monday, now: 1_500_000, .spent(3, at: 2_400_000)) == false)
        #expect(window.enter(monday, now: 1_500_000, .spent(3, at: 1_500_000)) == true)
        #expect(window.spent == 3 && window.period == monday)
    }

    @Test func whatWasSpentBeforeCountsOnceAndOnlyInItsPeriod() {
        var window = BudgetWindow()
        #expect(window.enter(monday, now: 1_900_000, .unknown) == false)
        // Looked up on Monday, asked on Tuesday: of Tuesday nobody knows.
        #expect(window.enter(tuesday, now: 2_000_000, .spent(50, at: 1_999_999)) == false)
        #expect(window.enter(tuesday, now: 2_000_001, .spent(5, at: 2_000_000)) == true)
        #expect(window.enter(tuesday, now: 2_000_001, .spent(500, at: 2_000_001)) == true)
        #expect(window.spent == 5)
        // The next period is known: nothing.
        #expect(window.enter(BudgetPeriod(start: 3_000_000, end: 4_000_000), now: 3_000_000, .unknown) == true)
        #expect(window.spent == 0)
    }

    @Test func whatEndsInAnotherPeriodStaysInItsOwn() {
        var window = BudgetWindow()
        _ = window.enter(monday, now: 1_000_000, .nothing)
        _ = window.reserve(cost: 40, limit: 100, now: 1_000_000)
        _ = window.enter(tuesday, now: 2_000_000, .nothing)
        _ = window.reserve(cost: 30, limit: 100, now: 2_000_000)
        window.settle(reserved: 40, in: monday.start, spent: 99)
        #expect(window.spent == 0 && window.reserved == 30)
    }

    @Test func aChangedLimitKeepsWhatWasSpent() {
        var window = BudgetWindow()
        _ = window.enter(.forEver, now: 0, .nothing)
        _ = window.reserve(cost: 60, limit: 100, now: 0)
        window.settle(reserved: 60, in: 0, spent: 60)
        #expect(!window.reserve(cost: 1, limit: 50, now: 0).isGranted)
        #expect(window.reserve(cost: 1, limit: 50, now: 0).remaining == 0)
        #expect(window.reserve(cost: 40, limit: 100, now: 0).isGranted)
    }

    /// Whatever is taken and settled, no period of the length holds more than the limit, wherever it begins.
    @Test func noPeriodHoldsMoreThanTheLimit() {
        let window = SlidingWindow(periodMilliseconds: 1000)
        var taken: [(time: UInt64, amount: Int64)] = []
        var state: UInt64 = 12345
        for time in UInt64(5_000)..<25_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let cost = Int64(state >> 60)
            if window.take(cost: cost, limit: 50, now: time).decision.isGranted { taken.append((time, cost)) }
        }
        for start in UInt64(5_000)..<24_000 {
            let sum = taken.filter { $0.time >= start && $0.time < start + 1000 }.reduce(0) { $0 + $1.amount }
            #expect(sum <= 50)
            if sum > 50 { return }
        }
        // And nearly all of it can be used.
        #expect(taken.reduce(0) { $0 + $1.amount } >= 20 * 50 * 90 / 100)
    }

    @Test func aRefusalOfASlidingWindowSaysWhenItWouldPass() {
        let window = SlidingWindow(periodMilliseconds: 60_000)
        #expect(window.take(cost: 10, limit: 10, now: 1_500).decision.isGranted)
        let (refused, _) = window.take(cost: 4, limit: 10, now: 20_000)
        #expect(!refused.isGranted && refused.retryMilliseconds == 63_000 - 20_000)
        #expect(!window.take(cost: 4, limit: 10, now: 62_999).decision.isGranted)
        #expect(window.take(cost: 4, limit: 10, now: 63_000).decision.isGranted)
        #expect(window.take(cost: 11, limit: 10, now: 63_000).decision.retryMilliseconds == 0)
    }

    @Test func aReservationIsSettledInItsSlotOrNotAtAll() {
        let window = SlidingWindow(periodMilliseconds: 1000)
        let (_, slot) = window.take(cost: 100, limit: 100, now: 10_000)
        window.settle(reserved: 100, in: slot, spent: 30)
        #expect(window.used == 30 && window.reserved == 0)
        let (_, second) = window.take(cost: 70, limit: 100, now: 10_900)
        _ = window.take(cost: 0, limit: 100, now: 12_000)
        window.settle(reserved: 70, in: second, spent: 500)
        #expect(window.used == 0 && window.reserved == 0)
    }
}
