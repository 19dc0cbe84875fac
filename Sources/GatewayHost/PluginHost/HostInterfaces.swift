// The interfaces that query() gives, each a table that lives as long as the process.
//
// Kind: shared, immutable.

import PluginABI

enum HostInterfaces {
    nonisolated(unsafe) static let all: [(name: String, capability: ChainEntry.Capability?, table: UnsafeRawPointer)] = [
        (GW_KV, nil, table(gw_kv(size: size(gw_kv.self), flags: 0, get: kvGet, set: kvSet, add: kvAdd, swap: kvSwap))),
        (
            GW_LIMITER, nil,
            table(gw_limiter(size: size(gw_limiter.self), flags: 0, take: limiterTake, settle: limiterSettle, release: limiterRelease))
        ),
        (
            GW_LEDGER, nil,
            table(gw_ledger(size: size(gw_ledger.self), reserved: 0, sums: ledgerSums, current: ledgerCurrent, price: ledgerPrice))
        ),
        (
            GW_METRICS, nil,
            table(
                gw_metrics(
                    size: size(gw_metrics.self), reserved: 0, define: metricsDefine, series: metricsSeries, add: metricsAdd,
                    set: metricsSet, observe: metricsObserve, scrape: metricsScrape))
        ),
        (
            GW_RECORDS, nil,
            table(
                gw_records(
                    size: size(gw_records.self), flags: 0, watch: recordsWatch, get: recordsGet, put: recordsPut,
                    remove: recordsRemove, derive: recordsDerive))
        ),
        (GW_JSON, nil, table(gw_json(size: size(gw_json.self), reserved: 0, get: jsonGet))),
        (GW_FETCH, nil, table(gw_fetch(size: size(gw_fetch.self), reserved: 0, start: fetchStart))),
        (
            GW_CONTROL, .control,
            table(gw_control(size: size(gw_control.self), reserved: 0, status: controlStatus, reload: controlReload))
        ),
    ]

    private static func size<Table>(_: Table.Type) -> UInt32 { UInt32(MemoryLayout<Table>.size) }

    private static func table<Table>(_ value: Table) -> UnsafeRawPointer {
        let memory = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        memory.initialize(to: value)
        return UnsafeRawPointer(memory)
    }
}
