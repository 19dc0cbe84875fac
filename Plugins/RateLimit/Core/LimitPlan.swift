// What a request is asked for, all in order: the limits of its key, of its tenant and of its address.
//
// A key's own limits take the place of those that the configuration has for each key, measure by measure; so do a
// tenant's. Plans are made once for each text of gw.limits and kept.
//
// Kind: LimitPlan: constant. PlanBook: confined to its worker.

import PluginKit

final class LimitPlan: Sendable {
    let limits: [Limit]
    /// What they ask where nothing is reserved, in the same order.
    let places: [PlaceDemand]
    /// Of the key's buckets; empty: the principal's.
    let owner: [UInt8]
    let tenant: [UInt8]
    let refusesUnpriced: Bool
    let limitsTenants: Bool
    let limitsAddresses: Bool
    /// What a request costs has to be known.
    let needsPrice: Bool
    /// Something is reserved when the body is there; then everything is taken there.
    let isReserving: Bool
    /// A request may wait for a place, and whoever ends lets the next one in.
    let waits: Bool
    /// A stream may be ended while it runs.
    let stopsStreams: Bool
    /// Which limit the announced requests are about, and its place; nil if none is.
    let announced: (index: Int, limit: Limit)?

    init(_ limits: [Limit], owner: [UInt8] = [], tenant: [UInt8] = [], refusesUnpriced: Bool = false, announces: Bool) {
        self.limits = limits
        places = limits.map { PlaceDemand($0) }
        self.owner = owner
        self.tenant = tenant
        self.refusesUnpriced = refusesUnpriced
        limitsTenants = limits.contains { $0.subject == .tenant }
        limitsAddresses = limits.contains { $0.subject == .address }
        needsPrice = refusesUnpriced || limits.contains { $0.budget?.measure == .usd }
        isReserving = limits.contains(where: \.isReserved) || refusesUnpriced
        waits = limits.contains { $0.waits != nil }
        stopsStreams = limits.contains(where: \.stopsStreams)
        let announced = announces ? limits.firstIndex { $0.subject == .key && $0.measure == .requestsPerMinute } : nil
        self.announced = announced.map { ($0, limits[$0]) }
    }

    /// Nil if the text is none of gw.limits.
    /// - Parameter configured: that hold on this route.
    convenience init?(_ text: Bytes, over configured: [Limit], _ terms: LimitTerms, announces: Bool) {
        let lines = text.buffer.split(separator: 0x0a, omittingEmptySubsequences: false)
        guard lines.count <= 2 else { return nil }
        var own: [KeyLimits] = []
        for line in lines {
            guard let limits = KeyLimits(Bytes(UnsafeBufferPointer(rebasing: line))) else { return nil }
            own.append(limits)
        }
        let key = own[0].limits(of: .key, terms)
        let tenant = own.count > 1 ? own[1].limits(of: .tenant, terms) : []
        let said = key + tenant
        let rest = configured.filter { limit in !said.contains { $0.replaces(limit) } }
        self.init(
            key + tenant + rest, owner: own[0].owner, tenant: own.count > 1 ? own[1].owner : [],
            refusesUnpriced: own.contains(where: \.refusesUnpriced), announces: announces)
    }
}

extension Limit {
    /// The configuration's limit does not hold where the record says something of the same.
    fileprivate func replaces(_ other: Limit) -> Bool {
        guard subject == other.subject else { return false }
        if measure == other.measure { return true }
        guard let (mine, _) = budget, let (theirs, _) = other.budget else { return false }
        return mine == theirs
    }
}

final class PlanBook {
    /// Texts that are remembered; one is a few hundred bytes, and an operator has so many different ones at most.
    private static let planLimit = 4096

    private var plans: [SipTag: LimitPlan] = [:]
    private let hash: SipHash
    private let configured: [Limit]
    private let terms: LimitTerms
    private let announces: Bool

    init(_ configured: [Limit], _ terms: LimitTerms, announces: Bool, secret: (UInt64, UInt64)) {
        self.configured = configured
        self.terms = terms
        self.announces = announces
        hash = SipHash(key0: secret.0, key1: secret.1)
    }

    /// - Parameter isLimited: the configuration's limits hold on this route.
    func plan(_ text: Bytes, isLimited: Bool) -> LimitPlan? {
        var tag = hash.tag(of: text)
        if !isLimited { tag.low = ~tag.low }
        if let plan = plans[tag] { return plan }
        guard let plan = LimitPlan(text, over: isLimited ? configured : [], terms, announces: announces) else { return nil }
        if plans.count >= Self.planLimit { plans.removeAll(keepingCapacity: true) }
        plans[tag] = plan
        return plan
    }
}
