// One limit: of whom, of what, how much, in which period.
//
//   requests a minute (smooth) and at once     taken before the body is read, and never settled
//   everything else                            reserved when the body is there, by an estimate, and settled at the end
//
// Kind: pure value.

import PluginKit

struct Limit: Sendable {
    enum Subject: Int, Sendable { case key, tenant, address }
    enum Measure: Equatable, Sendable {
        case requestsPerMinute, concurrency
        case budget(BudgetText.Measure, BudgetText.Span)
    }

    let subject: Subject
    let measure: Measure
    let amount: Int
    /// What becomes of it while the store that limits are shared through does not answer.
    let withoutRedis: BudgetText.WithoutRedis
    /// Of places: how a request waits for one; nil: it is refused at once.
    let waits: WaitTerms?
    /// Of a budget: a stream is ended when it is used up.
    let stopsStreams: Bool

    /// Begins the name of its bucket; what follows is the key's name, the tenant's or the address. The limiter counts
    /// each period under it apart.
    fileprivate let prefix: StaticString
    /// Bytes of the longest prefix.
    static var prefixLimit: Int { 17 }

    init(
        subject: Subject, measure: Measure, amount: Int, withoutRedis: BudgetText.WithoutRedis = .refuse, waits: WaitTerms? = nil,
        stopsStreams: Bool = false
    ) {
        self.subject = subject
        self.measure = measure
        self.amount = amount
        self.withoutRedis = withoutRedis
        self.waits = waits
        self.stopsStreams = stopsStreams
        prefix = Self.prefix(subject, measure)
    }

    private static func prefix(_ subject: Subject, _ measure: Measure) -> StaticString {
        switch (subject, measure) {
        case (.key, .requestsPerMinute): "key:rate:"
        case (.key, .concurrency): "key:held:"
        case (.tenant, .requestsPerMinute): "tenant:rate:"
        case (.tenant, .concurrency): "tenant:held:"
        case (.address, .requestsPerMinute): "address:rate:"
        case (.address, .concurrency): "address:held:"
        case (.key, .budget(let measure, _)):
            switch measure {
            case .requests: "key:requests:"
            case .inputTokens: "key:input:"
            case .outputTokens: "key:output:"
            case .tokens: "key:tokens:"
            case .usd: "key:usd:"
            }
        case (.tenant, .budget(let measure, _)):
            switch measure {
            case .requests: "tenant:requests:"
            case .inputTokens: "tenant:input:"
            case .outputTokens: "tenant:output:"
            case .tokens: "tenant:tokens:"
            case .usd: "tenant:usd:"
            }
        case (.address, .budget(let measure, _)):
            switch measure {
            case .requests: "address:requests:"
            case .inputTokens: "address:input:"
            case .outputTokens: "address:output:"
            case .tokens: "address:tokens:"
            case .usd: "address:usd:"
            }
        }
    }

    /// It is reserved by an estimate and settled at the end.
    var isReserved: Bool {
        if case .budget = measure { return true }
        return false
    }

    var budget: (measure: BudgetText.Measure, span: BudgetText.Span)? {
        guard case .budget(let measure, let span) = measure else { return nil }
        return (measure, span)
    }

    /// Writes the name of its bucket for that key, tenant or address; there must be room for `prefixLimit` bytes more.
    @inline(__always)
    func writeBucket(_ name: Bytes, to memory: UnsafeMutablePointer<UInt8>) -> Bytes { Self.write(prefix, name, to: memory) }

    @inline(__always)
    fileprivate static func write(_ prefix: StaticString, _ name: Bytes, to memory: UnsafeMutablePointer<UInt8>) -> Bytes {
        let start = prefix.utf8CodeUnitCount
        memory.update(from: prefix.utf8Start, count: start)
        if let base = name.base { (memory + start).update(from: base, count: name.count) }
        return Bytes(base: memory, count: start + name.count)
    }

    /// What is asked of the limiter.
    /// - Parameter cost: of a reservation.
    @inline(__always)
    func demand(_ bucket: Bytes, cost: Int = 1, before: SpentBefore = .nothing) -> gw_demand {
        let demand = bareDemand(bucket, cost: cost, before: before)
        switch withoutRedis {
        case .refuse: return demand
        case .allow: return demand.without(GW_WITHOUT_STORE_ALLOW)
        case .localShare: return demand.without(GW_WITHOUT_STORE_SHARE)
        }
    }

    @inline(__always)
    private func bareDemand(_ bucket: Bytes, cost: Int, before: SpentBefore) -> gw_demand {
        switch measure {
        case .requestsPerMinute: .rate(bucket, limit: amount, periodMilliseconds: 60_000)
        case .concurrency: .lease(bucket, limit: amount)
        case .budget(_, .minute): .window(bucket, cost: cost, limit: amount, periodMilliseconds: 60_000)
        case .budget(_, let span): .budget(bucket, cost: cost, limit: amount, per: span.period, before: before)
        }
    }
}

/// What a limit that reserves nothing asks of the limiter, but for the name of the bucket: every request asks it.
struct PlaceDemand: Sendable {
    let subject: Limit.Subject
    private let prefix: StaticString
    private let kind: gw_demand_kind
    private let limit: Int64
    private let periodMilliseconds: UInt64
    private let withoutStore: gw_without_store

    init(_ limit: Limit) {
        let demand = limit.demand(.absent)
        subject = limit.subject
        prefix = limit.prefix
        kind = demand.kind
        self.limit = demand.limit
        periodMilliseconds = demand.period_ms
        withoutStore = demand.without_store
    }

    /// Asks it of that key, tenant or address. The name of its bucket is written to `memory`, where `Limit.prefixLimit` bytes
    /// more than the name's must be.
    @inline(__always)
    func demand(_ name: Bytes, writing memory: UnsafeMutablePointer<UInt8>) -> gw_demand {
        gw_demand(
            size: UInt32(MemoryLayout<gw_demand>.size), kind: kind, key: Limit.write(prefix, name, to: memory).abi, cost: 1,
            limit: limit, period_ms: periodMilliseconds, spent: 0, spent_at_ms: 0, without_store: withoutStore, reserved: 0)
    }
}

extension BudgetText.Span {
    /// Of the operator's calendar; a minute has none.
    var period: BudgetPeriod {
        switch self {
        case .minute, .forEver: .forEver
        case .hour: .hour
        case .day: .day
        case .week: .week
        case .month: .month
        }
    }
}
