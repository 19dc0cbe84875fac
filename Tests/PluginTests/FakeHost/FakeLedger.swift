// gw.ledger/1 for tests: what was used before by name, what an exchange uses as the test says, and prices of $3 and $15 a
// million tokens for models that begin with "claude".
//
// Kind: constant table over the state of its host.

import PluginKit

nonisolated(unsafe) let fakeLedgerTable: UnsafePointer<gw_ledger> = {
    let table = UnsafeMutablePointer<gw_ledger>.allocate(capacity: 1)
    table.initialize(
        to: gw_ledger(
            size: UInt32(MemoryLayout<gw_ledger>.size), reserved: 0,
            sums: { raw, of, name, period, done, user in
                let exchange = exchange(raw)
                let what = "\(of == GW_LEDGER_KEY ? "key" : "tenant"):\(Bytes(name).string)"
                exchange.host.ledgerQuestions.append("\(what):\(period)")
                var usage = exchange.host.ledgerSums[what] ?? LedgerUsage().raw
                return exchange.start(
                    done, user, error: exchange.host.ledgerFailure, number: Int64(exchange.host.clock.wall / 1_000_000),
                    bytes: withUnsafeBytes(of: &usage) { Array($0) })
            },
            current: { raw, out in
                guard let usage = exchange(raw).usage else { return GW_E_ABSENT }
                out.pointee = usage.raw
                return GW_OK
            },
            price: { raw, model, usage in
                guard Bytes(model).hasPrefix("claude") else { return GW_E_ABSENT }
                let input = usage.pointee.input_tokens + usage.pointee.cache_read_tokens / 10
                usage.pointee.cost_nano_usd = input * 3000 + usage.pointee.output_tokens * 15_000
                return GW_OK
            }))
    return UnsafePointer(table)
}()

extension LedgerUsage {
    /// Of one request that was answered.
    static func used(input: Int, output: Int, cost: Int? = nil) -> LedgerUsage {
        var usage = LedgerUsage()
        usage.raw.flags = GW_USAGE_REPORTED
        usage.raw.requests = 1
        usage.raw.input_tokens = Int64(input)
        usage.raw.output_tokens = Int64(output)
        usage.raw.cost_nano_usd = Int64(cost ?? input * 3000 + output * 15_000)
        return usage
    }
}
