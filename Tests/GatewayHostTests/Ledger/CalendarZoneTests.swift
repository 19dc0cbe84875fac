import Testing

@testable import GatewayHost

@Suite struct CalendarZoneTests {
    private func zone(_ name: String) throws -> CalendarZone { try CalendarZone.named(name) }

    @Test func daysAreNumbered() {
        #expect(CivilDay(year: 1970, month: 1, day: 1).number == 0)
        #expect(CivilDay(year: 2026, month: 11, day: 26).number == 20_783)
        #expect(CivilDay(number: 20_783).description == "2026-11-26")
        #expect(CivilDay(number: 0).weekday == 4 && CivilDay(number: 20_783).weekday == 4 && CivilDay(number: -1).weekday == 3)
        for number in stride(from: Int64(-200_000), to: 200_000, by: 13) {
            let (year, month, day) = CivilDay(number: number).date
            #expect(CivilDay(year: year, month: month, day: day).number == number)
        }
        for text in ["2026-02-29", "2026-13-01", "2026-1-1", "20261126", "2026-11-31", "0000-01-01", "2026-11-26 ", "+026-11-26"] {
            #expect(CivilDay(text) == nil, "\(text)")
        }
        #expect(CivilDay("2024-02-29")?.number == 19_782)
    }

    /// Moments before and behind an edge of the table, with the offsets of both sides.
    @Test(arguments: [
        // Central Europe: 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC.
        ("Europe/Berlin", 1_774_746_000, 3600, 7200), ("Europe/Berlin", 1_792_890_000, 7200, 3600),
        // New York: 2026-03-08 07:00 UTC and 2026-11-01 06:00 UTC.
        ("America/New_York", 1_772_953_200, -18_000, -14_400), ("America/New_York", 1_793_512_800, -14_400, -18_000),
        // Lord Howe moves by half an hour: 2026-04-04 15:00 UTC and 2026-10-03 15:30 UTC.
        ("Australia/Lord_Howe", 1_775_314_800, 39_600, 37_800), ("Australia/Lord_Howe", 1_791_041_400, 37_800, 39_600),
        // Far behind every table, by the rule: 2100-03-28 01:00 UTC.
        ("Europe/Berlin", 4_109_878_800, 3600, 7200),
        // Samoa left out the 30th of December 2011.
        ("Pacific/Apia", 1_325_239_200, -36_000, 50_400),
    ])
    func offsetsChangeAtTheEdge(name: String, moment: Int64, before: Int64, after: Int64) throws {
        let zone = try zone(name)
        #expect(zone.offset(at: moment - 1) == before)
        #expect(zone.offset(at: moment) == after)
    }

    @Test func aDayOfTheZoneHas23Or25Hours() throws {
        let berlin = try zone("Europe/Berlin")
        let spring = CivilDay(year: 2026, month: 3, day: 29)
        let autumn = CivilDay(year: 2026, month: 10, day: 25)
        #expect(berlin.start(of: CivilDay(number: spring.number + 1)) - berlin.start(of: spring) == 23 * 3600)
        #expect(berlin.start(of: CivilDay(number: autumn.number + 1)) - berlin.start(of: autumn) == 25 * 3600)
        for moment in [berlin.start(of: autumn), berlin.start(of: spring)] {
            #expect(berlin.day(of: moment).number == berlin.day(of: moment - 1).number + 1)
        }
        // Clocks of Sao Paulo jumped from midnight to one: the day began with the jump.
        let paulo = try zone("America/Sao_Paulo")
        let jump = CivilDay(year: 2018, month: 11, day: 4)
        #expect(paulo.start(of: jump) == 1_541_300_400)
        #expect(paulo.day(of: 1_541_300_399).description == "2018-11-03")
        // The day that Samoa never had begins and ends with the next one.
        let apia = try zone("Pacific/Apia")
        let missing = CivilDay(year: 2011, month: 12, day: 30)
        #expect(apia.start(of: missing) == apia.start(of: CivilDay(number: missing.number + 1)))
    }

    @Test func anHourThatIsShownTwiceIsTwoHours() throws {
        let berlin = try zone("Europe/Berlin")
        // 02:30 summer time and 02:30 winter time of 2026-10-25.
        #expect(berlin.hour(of: 1_792_888_200) == 1_792_886_400)
        #expect(berlin.hour(of: 1_792_891_800) == 1_792_890_000)
        // Kathmandu's hours begin at a quarter past those of Greenwich.
        #expect(try zone("Asia/Kathmandu").hour(of: 1_792_890_000) == 1_792_890_000 - 45 * 60)
        #expect(CalendarZone.utc.hour(of: -1) == -3600)
    }

    @Test func everyHourLiesInOneDay() throws {
        for name in ["Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham", "UTC"] {
            let zone = try zone(name)
            for moment in stride(from: Int64(1_767_000_000), to: 1_799_000_000, by: 5_003) {
                let hour = zone.hour(of: moment)
                #expect(zone.day(of: hour) == zone.day(of: moment), "\(name) \(moment)")
                #expect(moment - hour < 3600 && zone.hour(of: hour) == hour)
            }
        }
    }

    @Test(arguments: ["", "../etc/passwd", "/etc/passwd", "Europe/Berlni", "Europe", "tzdata.zi", "Eu\0rope"])
    func whatIsNoZoneIsRefused(name: String) {
        #expect(throws: CalendarZone.Fault.self) { try CalendarZone.named(name) }
    }

    @Test func aFileThatIsCutIsRefused() throws {
        let bytes = try FileBytes.read("/usr/share/zoneinfo/Europe/Berlin", limit: 1 << 20).get()
        for count in 0..<bytes.count - 1 {
            let zone = bytes[..<count].withUnsafeBytes { CalendarZone(name: "cut", Bytes($0)) }
            #expect(zone == nil, "\(count) bytes of \(bytes.count)")
        }
    }

    @Test(arguments: [
        "", "CE", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "<+03-3",
        "CET-1CEST,M3.5.0,M10.5.0/3x", "CET-999", "CET-1CEST,J0,J365", "CET-1CEST,366,1",
    ])
    func whatIsNoRuleIsRefused(text: String) {
        #expect(TimeZoneRule(text) == nil)
    }

    @Test func rulesOfEveryForm() throws {
        #expect(TimeZoneRule("<+0330>-3:30")?.standard == 12_600)
        #expect(TimeZoneRule("EST5")?.offset(at: 0) == -18_000)
        // Greenland: two hours before midnight of the last Saturday; written with a negative hour.
        let nuuk = try #require(TimeZoneRule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0"))
        #expect(nuuk.offset(at: 1_774_745_999) == -7200 && nuuk.offset(at: 1_774_746_000) == -3600)
        // Day 60 without and with the 29th of February: the 1st of March, and the 29th of February (as day 59).
        let julian = try #require(TimeZoneRule("AAA0BBB,J60/0,J300/0"))
        #expect(julian.offset(at: CivilDay(year: 2024, month: 3, day: 1).number * 86_400) == 3600)
        #expect(julian.offset(at: CivilDay(year: 2024, month: 3, day: 1).number * 86_400 - 1) == 0)
        let ordinal = try #require(TimeZoneRule("AAA0BBB,59/0,300/0"))
        #expect(ordinal.offset(at: CivilDay(year: 2024, month: 2, day: 29).number * 86_400) == 3600)
        // South of the equator.
        let sydney = try #require(TimeZoneRule("AEST-10AEDT,M10.1.0,M4.1.0/3"))
        #expect(sydney.offset(at: CivilDay(year: 2026, month: 1, day: 1).number * 86_400) == 39_600)
        #expect(sydney.offset(at: CivilDay(year: 2026, month: 7, day: 1).number * 86_400) == 36_000)
    }
}
