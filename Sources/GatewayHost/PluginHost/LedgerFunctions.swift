// gw.ledger/1: the C functions.
//
// Kind: free C functions on the request's loop. Sums are read by the thread of LedgerBalances and come back through
// the loop's mailbox.

import PluginABI

func ledgerSums(
    _ request: UnsafeMutablePointer<gw_request>, _ of: gw_ledger_of, _ name: gw_str, _ period: UInt64,
    _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    guard let call = HostCall(request) else { return 0 }
    let place = call.place
    guard let (number, slot) = place.operations.start(call.scope, done, user) else { return 0 }
    guard let balances = place.host.balances else {
        place.operations.finish(slot, GW_E_ABSENT)
        return number
    }
    guard let question = LedgerBalances.Question(of, Bytes(name), period) else {
        place.operations.finish(slot, GW_E_ARGUMENT)
        return number
    }
    let mailbox = place.loop.mailbox
    balances.ask(question) { result in
        mailbox.submit { loop in
            guard let operations = loop.numberHandler as? OperationTable else { return }
            switch result {
            case .success(let balance):
                var usage = gw_usage(balance.sums)
                withUnsafeBytes(of: &usage) {
                    _ = operations.finish(operation: number, GW_OK, number: Int64(balance.time), bytes: Bytes($0))
                }
            case .failure(let fault):
                Array(fault.description.utf8).withUnsafeBytes {
                    _ = operations.finish(operation: number, GW_E_UNAVAILABLE, bytes: Bytes($0))
                }
            }
        }
    }
    return number
}

func ledgerCurrent(_ request: UnsafeMutablePointer<gw_request>, _ out: UnsafeMutablePointer<gw_usage>) -> gw_error {
    guard Int(out.pointee.size) >= MemoryLayout<gw_usage>.size else { return GW_E_ARGUMENT }
    return HostCall.with(request, elsewhere: GW_E_STATE) { _, exchange in
        guard let driver = exchange.driver, let usage = driver.currentUsage() else { return GW_E_ABSENT }
        out.pointee = usage
        return GW_OK
    }
}

func ledgerPrice(
    _ request: UnsafeMutablePointer<gw_request>, _ model: gw_str, _ usage: UnsafeMutablePointer<gw_usage>
) -> gw_error {
    guard let call = HostCall(request) else { return GW_E_STATE }
    guard Int(usage.pointee.size) >= MemoryLayout<gw_usage>.size else { return GW_E_ARGUMENT }
    guard let pen = call.place.pen, let cost = pen.prices.cost(Bytes(model), Usage(usage.pointee)) else { return GW_E_ABSENT }
    usage.pointee.cost_nano_usd = cost
    return GW_OK
}

extension LedgerBalances.Question {
    /// Nil if it is none.
    fileprivate init?(_ of: gw_ledger_of, _ name: Bytes, _ period: UInt64) {
        let dimension: UsageDimension
        switch of {
        case GW_LEDGER_KEY: dimension = .key
        case GW_LEDGER_TENANT: dimension = .group
        case GW_LEDGER_ACCOUNT: dimension = .account
        case GW_LEDGER_MODEL: dimension = .model
        default: return nil
        }
        var unit: CalendarUnit?
        if period != 0 {
            unit = CalendarUnit(rawValue: period ^ CalendarClock.calendarFlag)
            if unit == nil { return nil }
        }
        self.init(dimension: dimension, name: name.string, unit: unit)
    }
}

extension gw_usage {
    init(_ usage: Usage, requests: Int64, flags: UInt32, cost: Int64) {
        self.init(
            size: UInt32(MemoryLayout<gw_usage>.size), flags: flags, requests: requests, input_tokens: usage.inputTokens,
            output_tokens: usage.outputTokens, cache_read_tokens: usage.cacheReadTokens, cache_write_5m_tokens: usage.cacheWrite5mTokens,
            cache_write_1h_tokens: usage.cacheWrite1hTokens, cost_nano_usd: cost)
    }

    fileprivate init(_ sums: RollupSums) {
        self.init(
            size: UInt32(MemoryLayout<gw_usage>.size), flags: sums[.unpriced] > 0 ? GW_USAGE_UNPRICED : 0,
            requests: sums[.requests] - sums[.refused], input_tokens: sums[.inputTokens], output_tokens: sums[.outputTokens],
            cache_read_tokens: sums[.cacheReadTokens], cache_write_5m_tokens: sums[.cacheWrite5mTokens],
            cache_write_1h_tokens: sums[.cacheWrite1hTokens], cost_nano_usd: sums[.cost])
    }
}

extension Usage {
    fileprivate init(_ usage: gw_usage) {
        self.init()
        inputTokens = max(0, usage.input_tokens)
        outputTokens = max(0, usage.output_tokens)
        cacheReadTokens = max(0, usage.cache_read_tokens)
        cacheWrite5mTokens = max(0, usage.cache_write_5m_tokens)
        cacheWrite1hTokens = max(0, usage.cache_write_1h_tokens)
    }
}
