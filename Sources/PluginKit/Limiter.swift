// gw.limiter/1 in Swift words: take rates, places and budgets of a request in one operation.
//
// Kind: value over the host's constant table; operations are [worker].

public struct Limiter: @unchecked Sendable {
    // The table is constant and lives as long as the process.
    @usableFromInline let table: UnsafePointer<gw_limiter>
    init(_ table: UnsafePointer<gw_limiter>) { self.table = table }

    /// Other gateway processes see the same limits.
    public var isShared: Bool { table.pointee.flags & GW_KV_SHARED != 0 }

    /// Takes all of `demands` or none. `completion` gets GW_OK, or GW_E_LIMIT with the index of the
    /// first demand that refused as its number; `grants` of the result has one entry per demand. GW_E_ABSENT: what
    /// was spent under the key of that demand is `unknown`, and has to be.
    /// Nil if it could not be started.
    @inlinable @inline(__always)
    public func take(
        _ request: Request, _ demands: UnsafeMutableBufferPointer<gw_demand>, count: Int,
        user: UnsafeMutableRawPointer? = nil, _ completion: RawCompletion
    ) -> Operation? {
        guard let base = demands.baseAddress else { return nil }
        precondition(count <= demands.count)
        let id = table.pointee.take(request.raw, base, count, completion, user)
        return id == 0 ? nil : Operation(id: id)
    }

    /// The real amount of what this exchange reserved under `key`, once.
    @discardableResult
    public func settle(_ request: Request, _ key: Bytes, amount: Int) -> Bool {
        table.pointee.settle(request.raw, key.abi, Int64(amount)) == GW_OK
    }

    /// Gives back now what this exchange leased under `key`.
    @discardableResult
    public func release(_ request: Request, _ key: Bytes) -> Bool {
        table.pointee.release(request.raw, key.abi) == GW_OK
    }
}

extension gw_demand {
    /// `cost` of at most `limit` in any period, smoothly.
    @inlinable
    public static func rate(_ key: Bytes, limit: Int, periodMilliseconds: Int) -> gw_demand {
        gw_demand(
            size: UInt32(MemoryLayout<gw_demand>.size), kind: GW_DEMAND_RATE, key: key.abi, cost: 1,
            limit: Int64(limit), period_ms: UInt64(periodMilliseconds), spent: 0, spent_at_ms: 0, without_store: GW_WITHOUT_STORE_REFUSE,
            reserved: 0)
    }

    /// One place of at most `limit` that are held at once; the host gives it back.
    @inlinable
    public static func lease(_ key: Bytes, limit: Int) -> gw_demand {
        gw_demand(
            size: UInt32(MemoryLayout<gw_demand>.size), kind: GW_DEMAND_LEASE, key: key.abi,
            cost: 1, limit: Int64(limit), period_ms: 0, spent: 0, spent_at_ms: 0, without_store: GW_WITHOUT_STORE_REFUSE, reserved: 0)
    }
}

/// The period of a budget.
public struct BudgetPeriod: Equatable, Sendable {
    /// As in gw_demand.
    public let raw: UInt64
    public static let forEver = BudgetPeriod(raw: 0)
    /// Of the operator's calendar, here and below.
    public static let hour = BudgetPeriod(raw: UInt64(GW_CALENDAR_HOUR))
    public static let day = BudgetPeriod(raw: UInt64(GW_CALENDAR_DAY))
    public static let week = BudgetPeriod(raw: UInt64(GW_CALENDAR_WEEK))
    public static let month = BudgetPeriod(raw: UInt64(GW_CALENDAR_MONTH))
}

/// What was spent before the limiter knew of a budget's key.
public struct SpentBefore: BitwiseCopyable, Sendable {
    let amount: Int64
    let milliseconds: UInt64
    /// It is asked for when it is needed: `take` ends with GW_E_ABSENT.
    public static let unknown = SpentBefore(amount: Int64(GW_SPENT_UNKNOWN), milliseconds: 0)
    public static let nothing = SpentBefore(amount: 0, milliseconds: 0)

    init(amount: Int64, milliseconds: UInt64) {
        self.amount = amount
        self.milliseconds = milliseconds
    }

    /// - Parameter milliseconds: since 1970, when it was looked up.
    public init(_ amount: Int, lookedUpAt milliseconds: UInt64) {
        self.init(amount: Int64(max(0, amount)), milliseconds: milliseconds)
    }
}

extension gw_demand {
    /// `cost` of at most `limit` in a period; `settle` says later how much it really was.
    public static func budget(
        _ key: Bytes, cost: Int = 1, limit: Int, per period: BudgetPeriod = .forEver, before: SpentBefore = .nothing
    ) -> gw_demand {
        gw_demand(
            size: UInt32(MemoryLayout<gw_demand>.size), kind: GW_DEMAND_BUDGET, key: key.abi, cost: Int64(cost), limit: Int64(limit),
            period_ms: period.raw, spent: before.amount, spent_at_ms: before.milliseconds,
            without_store: GW_WITHOUT_STORE_REFUSE, reserved: 0)
    }

    /// `cost` of at most `limit` in any period, wherever it begins; `settle` says later how much it really was.
    public static func window(_ key: Bytes, cost: Int = 1, limit: Int, periodMilliseconds: Int) -> gw_demand {
        gw_demand(
            size: UInt32(MemoryLayout<gw_demand>.size), kind: GW_DEMAND_WINDOW, key: key.abi, cost: Int64(cost), limit: Int64(limit),
            period_ms: UInt64(periodMilliseconds), spent: 0, spent_at_ms: 0, without_store: GW_WITHOUT_STORE_REFUSE, reserved: 0)
    }
}

extension gw_demand {
    /// The same, and what becomes of it while the store that limits are shared through does not answer.
    @inlinable
    public func without(_ store: gw_without_store) -> gw_demand {
        var demand = self
        demand.without_store = store
        return demand
    }
}

extension OperationResult {
    /// What became of demand `index` of a `take`; nil if the host says nothing about it.
    @inlinable @inline(__always)
    public func grant(_ index: Int) -> gw_grant? {
        // Grants are consumed at the producer's stride: an older host has less to say, a newer one more.
        guard let base = bytes.base, bytes.count >= 4 else { return nil }
        let stride = Int(UnsafeRawPointer(base).loadUnaligned(as: UInt32.self))
        guard stride >= 32, index >= 0, (index + 1) * stride <= bytes.count else { return nil }
        if stride >= MemoryLayout<gw_grant>.size { return UnsafeRawPointer(base + index * stride).loadUnaligned(as: gw_grant.self) }
        var grant = gw_grant()
        withUnsafeMutableBytes(of: &grant) { $0.copyMemory(from: UnsafeRawBufferPointer(start: base + index * stride, count: stride)) }
        return grant
    }
}

extension Instance {
    public func limiter() throws -> Limiter {
        Limiter(try query(GW_LIMITER, as: gw_limiter.self))
    }
}
