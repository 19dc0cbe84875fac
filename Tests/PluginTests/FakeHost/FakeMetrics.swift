// gw.metrics/1 for tests: every series by its Prometheus name, and what was added to it.

import PluginKit

final class FakeMetrics {
    /// "name{label=\"value\",...}" to the sum of what was added or observed, or to what was set.
    private(set) var values: [String: Double] = [:]
    /// How often each series was added to or observed.
    private(set) var counts: [String: Int] = [:]
    private var families: [(name: String, labels: [String])] = []
    private var seriesNames: [String] = []

    /// Names of all metrics that were defined.
    var names: [String] { families.map(\.name) }

    func define(_ name: String, labels: [String]) -> gw_metric {
        if let index = families.firstIndex(where: { $0.name == name }) {
            return gw_metric(index + 1)
        }
        families.append((name, labels))
        return gw_metric(families.count)
    }

    func series(_ metric: gw_metric, _ values: [String]) -> gw_series {
        let family = families[Int(metric) - 1]
        precondition(family.labels.count == values.count, "\(family.name) has other labels")
        let labels = zip(family.labels, values).map { "\($0)=\"\($1)\"" }.joined(separator: ",")
        let name = labels.isEmpty ? family.name : "\(family.name){\(labels)}"
        if let index = seriesNames.firstIndex(of: name) { return gw_series(index + 1) }
        seriesNames.append(name)
        return gw_series(seriesNames.count)
    }

    func set(_ series: gw_series, _ value: Double) { values[seriesNames[Int(series) - 1]] = value }

    func add(_ series: gw_series, _ value: Double) {
        values[seriesNames[Int(series) - 1], default: 0] += value
        counts[seriesNames[Int(series) - 1], default: 0] += 1
    }
}

nonisolated(unsafe) let fakeMetricsTable: UnsafePointer<gw_metrics> = {
    let table = UnsafeMutablePointer<gw_metrics>.allocate(capacity: 1)
    table.initialize(
        to: gw_metrics(
            size: UInt32(MemoryLayout<gw_metrics>.size), reserved: 0,
            define: { instance, _, name, _, labels, count, _, _ in
                let host = Arena.owner(of: instance, as: FakeHost.self)
                return host.metrics.define(
                    String(cString: name), labels: (0..<count).map { Bytes(labels![$0]).string })
            },
            series: { metric, values, count in
                FakeHost.current.metrics.series(
                    metric, (0..<count).map { Bytes(values![$0]).string })
            },
            add: { FakeHost.current.metrics.add($0, $1) },
            set: { FakeHost.current.metrics.set($0, $1) },
            observe: { FakeHost.current.metrics.add($0, $1) },
            scrape: { raw, openMetrics in
                exchange(raw).arena.copy(openMetrics == 0 ? "text 0.0.4" : "openmetrics 1.0")
            }))
    return UnsafePointer(table)
}()
