// gw.metrics/1: the C functions over MetricsRegistry.
//
// A gw_metric is the address of a family and a gw_series the address of a cell; neither is ever freed,
// and 0 stands for what could not be made and is ignored everywhere.
//
// Kind: free C functions; all but scrape on any thread.

import PluginABI

func metricsDefine(
    _ instance: UnsafeMutablePointer<gw_instance>, _ kind: gw_metric_kind, _ name: UnsafePointer<CChar>,
    _ help: UnsafePointer<CChar>, _ labels: UnsafePointer<gw_str>?, _ labelCount: Int, _ buckets: UnsafePointer<Double>?,
    _ bucketCount: Int
) -> gw_metric {
    let owner = PluginInstance.at(instance)
    let metricName = String(cString: name)
    guard let kind = MetricKind(rawValue: kind.rawValue), labelCount >= 0, bucketCount >= 0,
        labelCount == 0 || labels != nil, bucketCount == 0 || buckets != nil
    else { return 0 }
    do {
        let family = try owner.host.metrics.registry.define(
            kind, metricName, help: String(cString: help),
            labels: UnsafeBufferPointer(start: labels, count: labelCount).map { Bytes($0).string },
            bounds: Array(UnsafeBufferPointer(start: buckets, count: bucketCount)))
        // The registry keeps it; one reference more makes the address good for the whole process.
        return UInt64(UInt(bitPattern: Unmanaged.passRetained(family).toOpaque()))
    } catch {
        let reason =
            switch error {
            case .malformed(let what): "\(what) is malformed"
            case .conflict: "the name is taken by a metric of another shape"
            case .tooMany: "there are \(MetricsRegistry.familyLimit) metrics already"
            }
        let message = "cannot define the metric \(metricName): \(reason)"
        owner.remember(error: message)
        log.error("metric refused", .field("plugin", owner.name), .field("metric", metricName), .field("reason", reason))
        return 0
    }
}

func metricsSeries(_ metric: gw_metric, _ values: UnsafePointer<gw_str>?, _ count: Int) -> gw_series {
    guard let address = UnsafeRawPointer(bitPattern: UInt(metric)), count >= 0, count == 0 || values != nil else { return 0 }
    let family = Unmanaged<MetricFamily>.fromOpaque(address).takeUnretainedValue()
    guard let series = family.series(UnsafeBufferPointer(start: values, count: count).map { Bytes($0).string }) else { return 0 }
    return UInt64(UInt(bitPattern: series.cell))
}

@inline(__always)
private func cell(_ series: gw_series) -> UnsafeMutablePointer<MetricCell>? {
    UnsafeMutablePointer(bitPattern: UInt(series))
}

@inline(__always)
func metricsAdd(_ series: gw_series, _ value: Double) { cell(series)?.pointee.add(value) }
func metricsSet(_ series: gw_series, _ value: Double) { cell(series)?.pointee.set(value) }
@inline(__always)
func metricsObserve(_ series: gw_series, _ value: Double) { cell(series)?.pointee.observe(value) }

func metricsScrape(_ request: UnsafeMutablePointer<gw_request>, _ openMetrics: Int32) -> gw_str {
    guard let call = HostCall(request), !call.exchange.isBackground else { return Bytes.absent.abi }
    let text = call.place.host.metrics.registry.exposition(openMetrics != 0 ? .openMetrics : .prometheus)
    return text.withUnsafeBytes { call.exchange.arena.copy($0.isEmpty ? Bytes("") : Bytes($0)) }.abi
}
