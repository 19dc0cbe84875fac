// How wall time is carried between readings.

import Testing

@testable import GatewayHost

@Suite struct WallClockTests {
    @Test func betweenReadingsTheLoopsClockCarriesIt() {
        var clock = WallClock()
        clock.set(Instant(nanoseconds: 1000), wall: 5_000_000_000)
        #expect(clock.nanoseconds(at: Instant(nanoseconds: 1_500_000)) == 5_001_499_000)
        #expect(clock.seconds == 5)
        clock.refresh(Instant(nanoseconds: 999_999_000))
        #expect(clock.seconds == 5, "not read again within the second")
        clock.refresh(Instant(nanoseconds: 1_000_001_000))
        #expect(clock.seconds > 1_600_000_000)
    }
}
