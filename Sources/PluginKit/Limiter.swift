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
    /// first demand that refused as its number; `grants` of the result has one entry per demand.
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
            limit: Int64(limit), period_ms: UInt64(periodMilliseconds))
    }

    /// One place of at most `limit` that are held at once; the host gives it back.
    @inlinable
    public static func lease(_ key: Bytes, limit: Int) -> gw_demand {
        gw_demand(
            size: UInt32(MemoryLayout<gw_demand>.size), kind: GW_DEMAND_LEASE, key: key.abi,
            cost: 1, limit: Int64(limit), period_ms: 0)
    }
}

extension gw_demand {
    /// One of at most `limit`, for ever; `settle` says later how many it really were.
    public static func budget(_ key: Bytes, limit: Int) -> gw_demand {
        gw_demand(
            size: UInt32(MemoryLayout<gw_demand>.size), kind: GW_DEMAND_BUDGET, key: key.abi,
            cost: 1, limit: Int64(limit), period_ms: 0)
    }
}

extension OperationResult {
    /// What became of demand `index` of a `take`; nil if the host says nothing about it.
    @inlinable
    public func grant(_ index: Int) -> gw_grant? {
        // Grants are consumed at the producer's stride: a newer host may have grown the struct.
        guard let base = bytes.base, bytes.count >= MemoryLayout<gw_grant>.size else { return nil }
        let stride = Int(UnsafeRawPointer(base).loadUnaligned(as: UInt32.self))
        guard stride >= MemoryLayout<gw_grant>.size, index >= 0,
            (index + 1) * stride <= bytes.count
        else { return nil }
        return UnsafeRawPointer(base + index * stride).loadUnaligned(as: gw_grant.self)
    }
}

extension Instance {
    public func limiter() throws -> Limiter {
        Limiter(try query(GW_LIMITER, as: gw_limiter.self))
    }
}
