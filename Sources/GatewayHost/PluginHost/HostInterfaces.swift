// The interfaces that query() gives, each a table that lives as long as the process.
//
// Kind: shared, immutable.

import PluginABI

enum HostInterfaces {
    nonisolated(unsafe) static let all: [(name: String, capability: ChainEntry.Capability?, table: UnsafeRawPointer)] = [
        (GW_KV, nil, keys(flags: 0)),
        (GW_LIMITER, nil, limiter(flags: 0)),
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
        (GW_FETCH, nil, table(gw_fetch(size: size(gw_fetch.self), reserved: 0, start: fetchStart, reopen: fetchReopen))),
        (
            GW_CONTROL, .control,
            table(gw_control(size: size(gw_control.self), reserved: 0, status: controlStatus, reload: controlReload))
        ),
    ]

    /// The same of a process that shares keys and limits with others; looked at before `all`.
    nonisolated(unsafe) static let shared: [(name: String, table: UnsafeRawPointer)] = [
        (GW_KV, keys(flags: UInt32(GW_KV_SHARED))), (GW_LIMITER, limiter(flags: UInt32(GW_KV_SHARED))),
    ]

    private static func keys(flags: UInt32) -> UnsafeRawPointer {
        table(gw_kv(size: size(gw_kv.self), flags: flags, get: kvGet, set: kvSet, add: kvAdd, swap: kvSwap))
    }

    private static func limiter(flags: UInt32) -> UnsafeRawPointer {
        table(
            gw_limiter(size: size(gw_limiter.self), flags: flags, take: limiterTake, settle: limiterSettle, release: limiterRelease))
    }

    private static func size<Table>(_: Table.Type) -> UInt32 { UInt32(MemoryLayout<Table>.size) }

    private static func table<Table>(_ value: Table) -> UnsafeRawPointer {
        let memory = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        memory.initialize(to: value)
        return UnsafeRawPointer(memory)
    }
}
