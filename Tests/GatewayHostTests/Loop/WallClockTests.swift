// Dates as HTTP writes them, and how wall time is carried between readings.

import Testing

@testable import GatewayHost

@Suite struct WallClockTests {
    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
        (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"), (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 GMT"),
    ])
    func dates(_ seconds: UInt64, _ text: String) {
        var clock = WallClock()
        clock.set(Instant(nanoseconds: 5), wall: seconds * 1_000_000_000 + 999)
        #expect(clock.dateText().string == text)
        #expect(clock.seconds == Int64(seconds))
    }

    @Test func betweenReadingsTheLoopsClockCarriesIt() {
        var clock = WallClock()
        clock.set(Instant(nanoseconds: 1000), wall: 5_000_000_000)
        #expect(clock.nanoseconds(at: Instant(nanoseconds: 1_500_000)) == 5_001_499_000)
        let before = clock.seconds
        clock.refresh(Instant(nanoseconds: 999_999_000))
        #expect(clock.seconds == before, "not read again within the second")
        clock.refresh(Instant(nanoseconds: 1_000_001_000))
        #expect(clock.seconds > 1_600_000_000)
    }
}
