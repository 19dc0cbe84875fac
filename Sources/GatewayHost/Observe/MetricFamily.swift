// A metric with its series: one per combination of label values, up to a limit.
//
// Label values come from plugins and, through them, from traffic; beyond `seriesLimit` combinations
// all further ones share one series, so that a mistake costs precision and not memory.
//
// Kind: shared; the table of series is behind a mutex that is taken when a series is resolved.

final class MetricFamily: Sendable {
    static let seriesLimit = 1000
    /// What stands in every label of the series that takes what is beyond the limit.
    static let overflowValue = "_other"

    let kind: MetricKind
    /// Without `_total`, which belongs to a counter's samples and not to its name (OpenMetrics).
    let name: String
    let help: String
    let labels: [String]
    let bounds: [Double]
    /// The same bounds where cells find them. Lives in: process.
    nonisolated(unsafe) private let boundMemory: UnsafePointer<Double>?

    private struct Table {
        var places: [[String]: Int] = [:]
        var series: [(values: [String], series: MetricSeries)] = []
    }
    private let table = Locked(Table())

    init(kind: MetricKind, name: String, help: String, labels: [String], bounds: [Double]) {
        self.kind = kind
        self.name = name
        self.help = help
        self.labels = labels
        self.bounds = bounds
        if kind == .histogram {
            let memory = UnsafeMutablePointer<Double>.allocate(capacity: max(bounds.count, 1))
            memory.initialize(from: bounds, count: bounds.count)
            boundMemory = UnsafePointer(memory)
        } else {
            boundMemory = nil
        }
        if labels.isEmpty { _ = series([]) }
    }

    /// The series with these label values, made if it is new; nil if their number is wrong.
    /// - Thread: any.
    func series(_ values: [String]) -> MetricSeries? {
        guard values.count == labels.count else { return nil }
        return table.withLock { table in
            if let place = table.places[values] { return table.series[place].series }
            guard table.series.count < MetricFamily.seriesLimit else {
                let overflow = values.map { _ in MetricFamily.overflowValue }
                return MetricFamily.resolve(overflow, &table, self)
            }
            return MetricFamily.resolve(values, &table, self)
        }
    }

    private static func resolve(_ values: [String], _ table: inout Table, _ family: MetricFamily) -> MetricSeries {
        if let place = table.places[values] { return table.series[place].series }
        let series = MetricSeries(
            cell: MetricCell.make(kind: family.kind, bounds: family.boundMemory, boundCount: family.bounds.count))
        table.places[values] = table.series.count
        table.series.append((values, series))
        return series
    }

    /// All series, in the order in which they were first resolved.
    var all: [(values: [String], series: MetricSeries)] { table.withLock { $0.series } }
}
