// When the kernel is asked to wait with acknowledging, after arrivals at given times.

import Testing

@testable import GatewayHost

@Suite struct ResponseArrivalTests {
    private let start = Instant(nanoseconds: 5_000_000_000)

    /// The arrivals, in milliseconds after the first byte, at which it is asked.
    private func asked(_ arrivals: [Int]) -> [Int] {
        var arrival = ResponseArrival()
        #expect(arrival.firstAt == nil)
        let asksAtFirst = arrival.bytes(at: start)
        #expect(!asksAtFirst)
        let asked = arrivals.filter { arrival.bytes(at: start.adding(milliseconds: $0)) }
        #expect(arrival.firstAt == start)
        return asked
    }

    @Test func aFastStreamAsksOnceInTheKernelsDelay() {
        #expect(asked(Array(stride(from: 20, through: 200, by: 20))) == [20, 60, 100, 140, 180])
        #expect(asked(Array(0..<100)) == [0, 40, 80])
    }

    @Test func aSlowStreamNeverAsks() {
        #expect(asked([40, 80, 120, 500, 1000]) == [])
    }

    @Test func afterAPauseTheSecondArrivalAsks() {
        #expect(asked([10, 30, 2000, 2010, 2020]) == [10, 2010])
    }
}
