// What the shipper says about itself.
//
// Kind: handles to shared cells.

import CLinux

struct ShipMetrics: Sendable {
    private let rows: MetricSeries
    private let last: MetricSeries
    let failures: MetricSeries

    init(_ host: HostMetrics) {
        rows = host.series(.ledgerUnshippedRows)
        last = host.series(.ledgerShippedTime)
        failures = host.series(.ledgerShipFailures)
    }

    func waiting(_ count: Int64) { rows.set(Double(max(count, 0))) }

    /// Redis knows everything as of now.
    func told() { last.set(Double(gwl_wall_ns()) / 1e9) }
}
