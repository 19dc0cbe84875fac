// RateLimit: how often, how many at once, how many tokens, and for how much money.
//
// One operation of the host's limiter takes everything that a request needs, or nothing. What it takes depends:
//
//     only requests a minute and at once      in onRequest, before the body is read
//     budgets too                             in onBody, reserved by an estimate (RateLimitWorker+Budgets)
//
// Where the operator wants it a request waits for its place (RateLimitWorker+Waiting), and a stream ends when its budget is
// used up (RateLimitWorker+Streams).
//
// The host gives back what is held when the exchange ends, however it ends, so nothing can leak. Reloads change nothing of
// what is taken, because the buckets belong to the name of this entry of the chain and not to a generation.
//
//     RateLimit          constant: limits in order
//     RateLimitWorker    confined: plans of keys, estimates; the limiter keeps the books
//
// The limits are per key (gw.principal, which Auth sets), per tenant (gw.tenant) and per client address. A key may bring
// its own along (gw.limits): they take the place of those for each key.

import PluginKit

public final class RateLimit: Plugin {
    public static let about = PluginDescription(
        id: "gw.ratelimit", version: "1.2.0", summary: "Limits requests, tokens and money, in periods and at once",
        schema: RateLimitOptions.schema)

    fileprivate let options: RateLimitOptions
    fileprivate let services: RateLimitServices
    fileprivate let metrics: LimitMetrics?
    fileprivate let room: WaitingRoom

    public init(_ instance: Instance) throws {
        options = try RateLimitOptions(try instance.settings())
        services = try RateLimitServices(instance)
        metrics = try? LimitMetrics(instance)
        room = WaitingRoom.of(entry: instance.name)
        if options.limits.isEmpty {
            instance.log(GW_LOG_INFO, "no limit is configured: requests are limited by what their keys say, or not at all")
        }
    }

    public func makeWorker(_ worker: WorkerScope) -> RateLimitWorker { RateLimitWorker(self, worker) }
}

/// What is kept for an exchange.
struct LimitState: BitwiseCopyable {
    let standings: LimitStandings
    /// A claim whose stream is looked at; kept by the operation that settles it.
    private let claim: UnsafeMutableRawPointer?

    init(_ standings: LimitStandings, metered claim: Claim? = nil) {
        self.standings = standings
        self.claim = claim.map { Unmanaged.passUnretained($0).toOpaque() }
    }

    var metered: Claim? { claim.map { Unmanaged<Claim>.fromOpaque($0).takeUnretainedValue() } }
}

public final class RateLimitWorker: RequestHook, BodyHook, ResponseHook, ChunkHook {
    let services: RateLimitServices
    let metrics: LimitMetrics?
    let room: WaitingRoom
    let announces: Bool
    let estimates: Estimates
    private let plans: PlanBook
    /// Of requests whose key says nothing.
    private let configured: LimitPlan
    private let routes: [[UInt8]]

    fileprivate init(_ plugin: RateLimit, _ worker: WorkerScope) {
        var secret: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &secret) { worker.random($0) }
        services = plugin.services
        metrics = plugin.metrics
        room = plugin.room
        announces = plugin.options.announces
        routes = plugin.options.routes
        configured = LimitPlan(plugin.options.limits, announces: announces)
        plans = PlanBook(plugin.options.limits, plugin.options.terms, announces: announces, secret: secret)
        estimates = Estimates(secret: secret)
    }

    public func onRequest(_ request: Request) -> Verdict {
        let own = request.text(services.keyLimits)
        if !own.isAbsent { return takeOwn(request, own) }
        guard !configured.limits.isEmpty, isLimited(request) else {
            request.unsubscribe(GW_ON_BODY | GW_ON_CHUNK)
            return .continue
        }
        if configured.isReserving { return awaitBody(request, configured) }
        request.unsubscribe(GW_ON_BODY | GW_ON_CHUNK)
        if configured.waits { return takePlaces(request, configured) }
        return take(request, configured, key: request.text(services.principal), limitsTaken)
    }

    public func onBody(_ request: Request) -> Verdict {
        guard let plan = plan(of: request), plan.isReserving else { return .continue }
        return reserve(request, plan)
    }

    private func awaitBody(_ request: Request, _ plan: LimitPlan) -> Verdict {
        if !plan.stopsStreams { request.unsubscribe(GW_ON_CHUNK) }
        return .continue
    }

    /// Requests a minute and at once, where it may wait for a place.
    private func takePlaces(_ request: Request, _ plan: LimitPlan) -> Verdict {
        guard let names = names(request, plan) else { return isTooLong(request) }
        return takeOrWait(request, Claim(plan, names: names))
    }

    /// Of the subjects' buckets; nil if one is too long.
    func names(_ request: Request, _ plan: LimitPlan) -> [[UInt8]]? {
        let key = plan.owner.isEmpty ? Array(request.text(services.principal).buffer) : plan.owner
        let names = [key, Array(tenantName(request, plan).buffer), Array(request.text(services.clientAddress).buffer)]
        return names.allSatisfy { $0.count + Limit.prefixLimit <= Self.bucketLimit } ? names : nil
    }

    /// Nil if nothing is asked of the request.
    private func plan(of request: Request) -> LimitPlan? {
        let own = request.text(services.keyLimits)
        if !own.isAbsent { return plans.plan(own, isLimited: isLimited(request)) }
        return isLimited(request) ? configured : nil
    }

    /// Of a key with limits of its own, whatever the route: they are the key's.
    private func takeOwn(_ request: Request, _ own: Bytes) -> Verdict {
        guard let plan = plans.plan(own, isLimited: isLimited(request)) else {
            request.log(GW_LOG_ERROR, "gw.limits is not three numbers, an owner and budgets")
            return .fail
        }
        if plan.isReserving { return awaitBody(request, plan) }
        request.unsubscribe(GW_ON_BODY | GW_ON_CHUNK)
        if plan.limits.isEmpty { return .continue }
        if plan.waits { return takePlaces(request, plan) }
        return plan.owner.withUnsafeBufferPointer { take(request, plan, key: Bytes($0), ownLimitsTaken) }
    }

    /// Requests a minute and at once.
    @inline(__always)
    private func take(_ request: Request, _ plan: LimitPlan, key: Bytes, _ taken: RawCompletion) -> Verdict {
        let places = plan.places
        let address = plan.limitsAddresses ? request.text(services.clientAddress) : .absent
        let tenant = hasTenant(plan) ? tenantName(request, plan) : .absent
        let longest = max(key.count, address.count, tenant.count)
        guard longest <= Self.bucketLimit else { return isTooLong(request) }
        // Each limit writes the name of its bucket; the views stay good until `take` has copied.
        let room = Limit.prefixLimit + longest
        return withUnsafeTemporaryAllocation(of: gw_demand.self, capacity: places.count) { demands in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room * places.count) { memory in
                for index in places.indices {
                    let name: Bytes =
                        switch places[index].subject {
                        case .key: key
                        case .address: address
                        case .tenant: tenant
                        }
                    let demand = places[index].demand(name, writing: memory.baseAddress! + index &* room)
                    if demand.key.len > Self.bucketLimit { return isTooLong(request) }
                    demands.initializeElement(at: index, to: demand)
                }
                return services.limiter.take(request, demands, count: places.count, taken) == nil ? .fail : .suspend
            }
        }
    }

    public func onResponse(_ request: Request) -> Verdict {
        guard let state = request.state(LimitState.self) else { return .continue }
        if !state.pointee.standings.isEmpty, !upstreamSpokeOfLimits(request) {
            state.pointee.standings.forEachHeader { request.setHeader($0, $1, of: GW_RESPONSE) }
        }
        if state.pointee.metered != nil, !request.isEventStream { request.unsubscribe(GW_ON_CHUNK) }
        return .continue
    }

    /// What the provider says of the account's limits passes unchanged; the key's take its place only
    /// where there is nothing to replace.
    private func upstreamSpokeOfLimits(_ request: Request) -> Bool {
        !request.isLocal
            && (!request.header("anthropic-ratelimit-requests-remaining", of: GW_RESPONSE).isAbsent
                || !request.header("anthropic-ratelimit-requests-limit", of: GW_RESPONSE).isAbsent)
    }

    fileprivate func taken(_ request: Request, _ result: OperationResult) -> Verdict { judge(request, result, configured) }

    fileprivate func ownTaken(_ request: Request, _ result: OperationResult) -> Verdict {
        guard let plan = plan(of: request) else { return .fail }
        return judge(request, result, plan)
    }

    @inline(__always)
    private func judge(_ request: Request, _ result: OperationResult, _ plan: LimitPlan) -> Verdict {
        switch result.error {
        case GW_OK:
            if let announced = plan.announced, let grant = result.grant(announced.index) {
                let standing = LimitStanding(announced.limit, grant: grant, wallNanoseconds: request.clock(GW_CLOCK_WALL))
                request.makeState(LimitState(LimitStandings(requests: standing)))
            }
            return .continue
        case GW_E_LIMIT: return refuse(request, result, plan)
        case GW_E_CANCELLED: return .continue  // the exchange is over; nobody waits for this
        default:
            return failed(request, result, plan)
        }
    }

    /// The operator's `on_error` decides what the client is told.
    func failed(_ request: Request, _ result: OperationResult, _ plan: LimitPlan) -> Verdict {
        if result.error == GW_E_UNAVAILABLE, services.limiter.isShared, plan.limits.indices.contains(result.number) {
            let limit = plan.limits[result.number]
            request.log(GW_LOG_ERROR, "\(limit.spoken) cannot be counted without Redis, and its without_redis says refuse")
        } else if result.error == GW_E_UNAVAILABLE {
            request.log(GW_LOG_ERROR, "the limiter has no room for another key")
        } else {
            request.log(GW_LOG_ERROR, "the limiter answered \(result.error.rawValue)")
        }
        return .fail
    }

    // MARK: Shared with budgets

    /// The contract allows 256 bytes to a bucket's name.
    static var bucketLimit: Int { 256 }

    func isTooLong(_ request: Request) -> Verdict {
        request.log(GW_LOG_ERROR, "a key's name is too long: a bucket may have \(Self.bucketLimit) bytes")
        return .fail
    }

    private func hasTenant(_ plan: LimitPlan) -> Bool { plan.limitsTenants }

    /// Who pays: as its limits say, or else the attribute; a key without a tenant pays for itself.
    func tenantName(_ request: Request, _ plan: LimitPlan) -> Bytes {
        let tenant = request.text(services.tenant)
        return tenant.isEmpty ? request.text(services.principal) : tenant
    }

    private func isLimited(_ request: Request) -> Bool {
        if routes.isEmpty { return true }
        let route = request.text(services.route)
        return routes.contains { $0.withUnsafeBufferPointer { Bytes($0).equals(route) } }
    }

    func refuse(_ request: Request, _ result: OperationResult, _ plan: LimitPlan) -> Verdict {
        guard plan.limits.indices.contains(result.number) else { return .fail }
        let limit = plan.limits[result.number]
        let now = request.clock(GW_CLOCK_WALL)
        var refusal = limit.refusal(
            name: name(of: limit.subject, request, plan), grant: result.grant(result.number) ?? gw_grant(), wallNanoseconds: now)
        if announces {
            LimitStandings(plan.limits, result, wallNanoseconds: now).forEachHeader {
                refusal.headers.append((name: $0.string, value: $1.string))
            }
        }
        request.log(GW_LOG_INFO, "refused: \(refusal.message)")
        return request.refuse(refusal)
    }

    /// As people know it.
    func name(of subject: Limit.Subject, _ request: Request, _ plan: LimitPlan) -> String {
        switch subject {
        case .key: request.text(services.principal).string
        case .tenant: tenantName(request, plan).string
        case .address: request.text(services.clientAddress).string
        }
    }
}

/// The end of every `take` without budgets. A free function, because C cannot hold a Swift closure.
private func limitsTaken(
    _ raw: UnsafeMutablePointer<gw_request>, _ user: UnsafeMutableRawPointer?,
    _ result: UnsafePointer<gw_result>
) -> gw_verdict {
    let request = Request(completing: raw)
    return request.withWorker(RateLimitWorker.self) { $0.taken(request, OperationResult(raw: result)) }
}

private func ownLimitsTaken(
    _ raw: UnsafeMutablePointer<gw_request>, _ user: UnsafeMutableRawPointer?,
    _ result: UnsafePointer<gw_result>
) -> gw_verdict {
    let request = Request(completing: raw)
    return request.withWorker(RateLimitWorker.self) { $0.ownTaken(request, OperationResult(raw: result)) }
}
