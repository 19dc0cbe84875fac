// Turns are counted by their length, and the counts are those of the metric.

import Testing

@testable import GatewayHost

@Suite struct LoopCountersTests {
    @Test func everyTurnIsInOneBucket() {
        let counters = LoopCounters()
        for nanoseconds: UInt64 in [0, 99_999, 100_000] { counters.turnEnded(events: 1, nanoseconds: nanoseconds) }
        #expect(counters.turnsByLength == [3] + [UInt64](repeating: 0, count: LoopCounters.bounds.count))
        for bound in LoopCounters.bounds { counters.turnEnded(events: 0, nanoseconds: bound + 1) }
        #expect(counters.turnsByLength == [3] + [UInt64](repeating: 1, count: LoopCounters.bounds.count))
        #expect(counters.turns == 3 + UInt64(LoopCounters.bounds.count))
        #expect(counters.takeLagMax() == 5_000_000_001)
        #expect(counters.lagMaxNanoseconds == 0)
    }

    @Test func theMetricHasTheSameBounds() {
        let seconds = HostMetric.loopTurnLength.row.bounds
        #expect(seconds.map { UInt64(($0 * 1e9).rounded()) } == LoopCounters.bounds)
    }

    @Test func countsOfOthersEnterAHistogram() throws {
        let family = try MetricsRegistry().define(.histogram, "turns", help: "", bounds: [1, 2])
        let series = try #require(family.series([]))
        series.add(counts: [2, 0, 1], sum: 7)
        series.add(counts: [1, 1], sum: 100)  // of another shape: not taken
        series.observe(1.5)
        #expect((0...2).map { series.cell.pointee.count($0) } == [2, 1, 1])
        #expect(series.value == 8.5)
    }
}
