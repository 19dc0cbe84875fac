import Testing

@testable import GatewayHost

@Suite struct MetricsTests {
    private func text(_ registry: MetricsRegistry, _ format: MetricsText.Format) -> String {
        String(decoding: registry.exposition(format), as: UTF8.self)
    }

    @Test func theTwoFormatsDifferWhereTheyMust() throws {
        let registry = MetricsRegistry()
        let counter = try registry.define(.counter, "jobs_total", help: "A \"job\"\\\nmore", labels: ["kind"])
        try #require(counter.series(["a\\b\n\"c\""])).add(3)
        let gauge = try registry.define(.gauge, "level", help: "Level.")
        try #require(gauge.series([])).set(-1.5)
        let histogram = try registry.define(.histogram, "wait_seconds", help: "Wait.", bounds: [0.5, 1])
        for value in [0.5, 0.7, 9] { try #require(histogram.series([])).observe(value) }

        #expect(
            text(registry, .prometheus) == """
                # HELP jobs_total A "job"\\\\\\nmore
                # TYPE jobs_total counter
                jobs_total{kind="a\\\\b\\n\\"c\\""} 3
                # HELP level Level.
                # TYPE level gauge
                level -1.5
                # HELP wait_seconds Wait.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{le="0.5"} 1
                wait_seconds_bucket{le="1"} 2
                wait_seconds_bucket{le="+Inf"} 3
                wait_seconds_sum 10.2
                wait_seconds_count 3

                """)
        let open = text(registry, .openMetrics)
        #expect(open.contains("# HELP jobs A \\\"job\\\"\\\\\\nmore\n# TYPE jobs counter\njobs_total{"))
        #expect(open.contains("wait_seconds_bucket{le=\"1.0\"} 2\n"))
        #expect(open.hasSuffix("wait_seconds_count 3\n# EOF\n"))
    }

    @Test func definingAgainIsTheSameMetricAndAnotherShapeIsRefused() throws {
        let registry = MetricsRegistry()
        let first = try registry.define(.counter, "a_total", help: "x", labels: ["l"])
        #expect(try registry.define(.counter, "a", help: "y", labels: ["l"]) === first)
        #expect(throws: MetricsRegistry.Refusal.conflict) { try registry.define(.gauge, "a", help: "x", labels: ["l"]) }
        #expect(throws: MetricsRegistry.Refusal.conflict) { try registry.define(.counter, "a", help: "x") }
        for name in ["", "1a", "a b", "ü"] {
            #expect(throws: MetricsRegistry.Refusal.self) { try registry.define(.gauge, name, help: "x") }
        }
        for label in ["le", "__x", "a-b", ""] {
            #expect(throws: MetricsRegistry.Refusal.self) { try registry.define(.gauge, "g", help: "x", labels: [label]) }
        }
        #expect(throws: MetricsRegistry.Refusal.self) { try registry.define(.histogram, "h", help: "x", bounds: [2, 1]) }
    }

    @Test func seriesBeyondTheLimitShareOne() throws {
        let family = try MetricsRegistry().define(.counter, "c", help: "x", labels: ["who"])
        for number in 0..<(MetricFamily.seriesLimit + 500) { try #require(family.series(["\(number)"])).add(1) }
        #expect(family.all.count == MetricFamily.seriesLimit + 1)
        let overflow = try #require(family.all.last)
        #expect(overflow.values == [MetricFamily.overflowValue] && overflow.series.count == 500)
        #expect(family.series([]) == nil)
    }

    @Test func aCellDoesOnlyWhatItsKindDoes() throws {
        let registry = MetricsRegistry()
        let counter = try #require(try registry.define(.counter, "c", help: "x").series([]))
        counter.add(2)
        counter.add(-1)
        counter.add(.nan)
        counter.set(9)
        counter.observe(9)
        #expect(counter.value == 2)
    }

    @Test func everyRowOfTheHostsMetricsIsWellFormed() {
        let metrics = HostMetrics(MetricsRegistry())
        #expect(metrics.registry.seriesCount == HostMetric.allCases.filter { $0.row.labels.isEmpty }.count)
    }
}
