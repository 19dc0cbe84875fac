// gw.metrics/1 in Swift words: define once, resolve a series once, then add, set and observe, each
// of which is one uncontended atomic of the host.
//
// Kind: values over the host's constant table; Sendable, usable on every thread.

public struct MetricsRegistry: @unchecked Sendable {
    // The table is constant and lives as long as the process.
    private let table: UnsafePointer<gw_metrics>
    init(_ table: UnsafePointer<gw_metrics>) { self.table = table }

    /// Defines a metric; the same name again is the same metric, so counters survive a reload.
    /// - Parameter buckets: upper bounds of a histogram, ascending, without infinity.
    /// - Throws: `PluginError` if the host refuses, as when the name has another kind already.
    /// - Thread: [control].
    public func define(
        _ instance: Instance, _ kind: gw_metric_kind, _ name: String, help: String,
        labels: [StaticString] = [], buckets: [Double] = []
    ) throws -> Metric {
        let names = labels.map { Bytes(stringLiteral: $0).abi }
        let id = table.pointee.define(
            instance.raw, kind, name, help, names, names.count, buckets, buckets.count)
        guard id != 0 else { throw PluginError("the host refused the metric \(name)") }
        return Metric(table: table, id: id)
    }

    /// All metrics as text. Lives in: request.
    public func scrape(_ request: Request, openMetrics: Bool) -> Bytes {
        Bytes(table.pointee.scrape(request.raw, openMetrics ? 1 : 0))
    }
}

/// A family of series with one name.
public struct Metric: @unchecked Sendable {
    let table: UnsafePointer<gw_metrics>
    let id: gw_metric

    /// The series with these label values, in the order of the labels. Resolve it once and keep it.
    public func series(_ values: Bytes...) -> Series {
        withUnsafeTemporaryAllocation(of: gw_str.self, capacity: max(1, values.count)) { views in
            for (index, value) in values.enumerated() {
                views.initializeElement(at: index, to: value.abi)
            }
            return Series(
                table: table, id: table.pointee.series(id, views.baseAddress, values.count))
        }
    }
}

/// One number, or one histogram.
public struct Series: @unchecked Sendable, BitwiseCopyable {
    private let table: UnsafePointer<gw_metrics>
    private let id: gw_series
    init(table: UnsafePointer<gw_metrics>, id: gw_series) {
        self.table = table
        self.id = id
    }

    /// Adds to a counter or a gauge.
    public func add(_ value: Double = 1) { table.pointee.add(id, value) }
    /// Sets a gauge.
    public func set(_ value: Double) { table.pointee.set(id, value) }
    /// Adds an observation to a histogram.
    public func observe(_ value: Double) { table.pointee.observe(id, value) }
}

extension Instance {
    public func metrics() throws -> MetricsRegistry {
        MetricsRegistry(try query(GW_METRICS, as: gw_metrics.self))
    }
}
