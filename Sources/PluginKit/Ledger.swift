// gw.ledger/1 in Swift words: what was used and what it cost.
//
// Kind: value over the host's constant table; [worker].

/// Counts as the provider reports them, and nano-dollars.
public struct LedgerUsage: BitwiseCopyable {
    public var raw: gw_usage

    public init() {
        raw = gw_usage()
        raw.size = UInt32(MemoryLayout<gw_usage>.size)
    }

    public init(raw: gw_usage) { self.raw = raw }

    /// All that went in: tokens that were read from the cache and written to it included.
    public var allInputTokens: Int {
        let sum = raw.input_tokens &+ raw.cache_read_tokens &+ raw.cache_write_5m_tokens &+ raw.cache_write_1h_tokens
        return Int(max(0, sum))
    }
    public var outputTokens: Int { Int(max(0, raw.output_tokens)) }
    public var requests: Int { Int(raw.requests) }
    public var costNanoDollars: Int { Int(max(0, raw.cost_nano_usd)) }
    /// The provider has said something.
    public var isReported: Bool { raw.flags & GW_USAGE_REPORTED != 0 }
    public var isUnpriced: Bool { raw.flags & GW_USAGE_UNPRICED != 0 }
}

public struct Ledger: @unchecked Sendable {
    // The table is constant and lives as long as the process.
    let table: UnsafePointer<gw_ledger>

    /// What was used in the period that runs; `completion` gets GW_OK with `ledgerUsage` and `lookedUpAt`.
    public func sums(
        _ request: Request, of what: gw_ledger_of, _ name: Bytes, in period: BudgetPeriod, _ completion: @escaping Completion
    ) -> Operation? {
        CompletionBox.start(completion) { table.pointee.sums(request.raw, what, name.abi, period.raw, $0, $1) }
    }

    /// What this exchange used so far; nil if that is not known.
    public func current(_ request: Request) -> LedgerUsage? {
        var usage = LedgerUsage()
        return table.pointee.current(request.raw, &usage.raw) == GW_OK ? usage : nil
    }

    /// Nano-dollars; nil if the model, or something of it, has no price.
    public func price(_ request: Request, model: Bytes, _ usage: LedgerUsage) -> Int? {
        var usage = usage
        return table.pointee.price(request.raw, model.abi, &usage.raw) == GW_OK ? usage.costNanoDollars : nil
    }
}

extension OperationResult {
    /// Of `Ledger.sums`.
    public var ledgerUsage: LedgerUsage? {
        guard let base = bytes.base, bytes.count >= MemoryLayout<gw_usage>.size else { return nil }
        return LedgerUsage(raw: UnsafeRawPointer(base).loadUnaligned(as: gw_usage.self))
    }
}

extension Instance {
    public func ledger() throws -> Ledger {
        Ledger(table: try query(GW_LEDGER, as: gw_ledger.self))
    }
}
