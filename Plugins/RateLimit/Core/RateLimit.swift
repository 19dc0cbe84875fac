// RateLimit: how often, and how many at once.
//
// One operation of the host's limiter takes everything that a request needs, or nothing: its place
// in the minute and its place among the running. The host gives places back when the exchange ends,
// however it ends, so none can leak. Reloads change nothing of what is taken, because the buckets
// belong to the name of this entry of the chain and not to a generation.
//
//     RateLimit          constant: limits in order
//     RateLimitWorker    confined: nothing but what it asks at each request; the limiter keeps the books
//
// The limits are per key (gw.principal, which Auth sets) and per client address. A key may bring its own along
// (gw.limits): they take the place of those for each key, and may say how many tokens it has for ever. It refuses before
// the body is read.

import PluginKit

public final class RateLimit: Plugin {
    public static let about = PluginDescription(
        id: "gw.ratelimit", version: "1.0.0", summary: "Limits requests per minute and at once",
        schema: RateLimitOptions.schema)

    fileprivate let options: RateLimitOptions
    fileprivate let limiter: Limiter
    fileprivate let principal: Attribute
    fileprivate let clientAddress: Attribute
    fileprivate let route: Attribute
    fileprivate let keyLimits: Attribute
    fileprivate let tokens: [Attribute]

    public init(_ instance: Instance) throws {
        options = try RateLimitOptions(try instance.settings())
        limiter = try instance.limiter()
        principal = instance.attribute(GW_ATTR_PRINCIPAL)
        clientAddress = instance.attribute(GW_ATTR_CLIENT_IP)
        route = instance.attribute(GW_ATTR_ROUTE)
        keyLimits = instance.attribute(GW_ATTR_LIMITS)
        tokens = [
            GW_ATTR_TOKENS_INPUT, GW_ATTR_TOKENS_OUTPUT, GW_ATTR_CACHE_READ, GW_ATTR_CACHE_WRITE_5M, GW_ATTR_CACHE_WRITE_1H,
        ].map { instance.attribute($0) }
        if options.limits.isEmpty {
            instance.log(GW_LOG_INFO, "no limit is configured: requests are limited by what their keys say, or not at all")
        }
    }

    public func makeWorker(_ worker: WorkerScope) -> RateLimitWorker { RateLimitWorker(self) }
}

public final class RateLimitWorker: RequestHook, ResponseHook {
    private let limiter: Limiter
    private let principal: Attribute
    private let clientAddress: Attribute
    private let route: Attribute
    private let keyLimits: Attribute
    private let tokens: [Attribute]
    private let announces: Bool
    private let routes: [[UInt8]]
    private let limits: [Limit]
    /// Which limit the announced headers are about; nil if none is.
    private let announced: Int?

    fileprivate init(_ plugin: RateLimit) {
        limiter = plugin.limiter
        principal = plugin.principal
        clientAddress = plugin.clientAddress
        route = plugin.route
        keyLimits = plugin.keyLimits
        tokens = plugin.tokens
        announces = plugin.options.announces
        routes = plugin.options.routes
        limits = plugin.options.limits
        announced =
            plugin.options.announces
            ? limits.firstIndex { $0.subject == .key && $0.measure == .requestsPerMinute } : nil
    }

    public func onRequest(_ request: Request) -> Verdict {
        let own = request.text(keyLimits)
        if !own.isAbsent { return takeOwn(request, own) }
        guard !limits.isEmpty, isLimited(request) else { return .continue }
        return take(request, limits, key: request.text(principal), limitsTaken)
    }

    /// Of a key with limits of its own, whatever the route: they are the key's.
    private func takeOwn(_ request: Request, _ own: Bytes) -> Verdict {
        guard let own = KeyLimits(own) else {
            request.log(GW_LOG_ERROR, "gw.limits is not three numbers and an owner")
            return .fail
        }
        return take(request, own.limits(over: isLimited(request) ? limits : []), key: own.owner, ownLimitsTaken)
    }

    @inline(__always)
    private func take(_ request: Request, _ limits: [Limit], key: Bytes, _ taken: RawCompletion) -> Verdict {
        let address = request.text(clientAddress)
        let longest = max(key.count, address.count)
        guard longest <= Self.bucketLimit else { return isTooLong(request) }
        // Each limit writes the name of its bucket; the views stay good until `take` has copied.
        let room = Limit.prefixLimit + longest
        return withUnsafeTemporaryAllocation(of: gw_demand.self, capacity: limits.count) { demands in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room * limits.count) { memory in
                for index in limits.indices {
                    let limit = limits[index]
                    let bucket = limit.writeBucket(
                        limit.subject == .key ? key : address, to: memory.baseAddress! + index * room)
                    if bucket.count > Self.bucketLimit { return isTooLong(request) }
                    let demand: gw_demand =
                        switch limit.measure {
                        case .requestsPerMinute: .rate(bucket, limit: limit.amount, periodMilliseconds: 60_000)
                        case .concurrency: .lease(bucket, limit: limit.amount)
                        case .tokens: .budget(bucket, limit: limit.amount)
                        }
                    demands.initializeElement(at: index, to: demand)
                }
                return limiter.take(request, demands, count: limits.count, taken) == nil ? .fail : .suspend
            }
        }
    }

    public func onResponse(_ request: Request) -> Verdict {
        if let standing = request.state(LimitStanding.self), !upstreamSpokeOfLimits(request) {
            standing.pointee.forEachHeader { request.setHeader($0, $1, of: GW_RESPONSE) }
        }
        return .continue
    }

    /// What the provider says of the account's limits passes unchanged; the key's take its place only
    /// where there is nothing to replace.
    private func upstreamSpokeOfLimits(_ request: Request) -> Bool {
        !request.isLocal
            && (!request.header("anthropic-ratelimit-requests-remaining", of: GW_RESPONSE).isAbsent
                || !request.header("anthropic-ratelimit-requests-limit", of: GW_RESPONSE).isAbsent)
    }

    fileprivate func taken(_ request: Request, _ result: OperationResult) -> Verdict {
        judge(request, result, limits, announced)
    }

    /// The same for a key with limits of its own, which are put together again: that is cheaper than keeping them.
    fileprivate func ownTaken(_ request: Request, _ result: OperationResult) -> Verdict {
        guard let own = KeyLimits(request.text(keyLimits)) else { return .fail }
        let list = own.limits(over: isLimited(request) ? limits : [])
        let announced = announces ? list.firstIndex { $0.subject == .key && $0.measure == .requestsPerMinute } : nil
        let verdict = judge(request, result, list, announced)
        guard verdict == .continue, result.error == GW_OK, own.tokens > 0 else { return verdict }
        return settleAtTheEnd(request, own.owner) ? .continue : .fail
    }

    /// The end of the exchange ends this operation, when its tokens are known and its reservation is still there.
    private func settleAtTheEnd(_ request: Request, _ owner: Bytes) -> Bool {
        let (limiter, tokens, owner) = (self.limiter, self.tokens, owner.string)
        return request.expect { request, _ in
            let used = tokens.reduce(0) { $0 + max(0, request.integer($1) ?? 0) }
            ("key:tokens:" + owner).withBytes { _ = limiter.settle(request, $0, amount: used) }
            return .continue
        } != nil
    }

    @inline(__always)
    private func judge(_ request: Request, _ result: OperationResult, _ limits: [Limit], _ announced: Int?) -> Verdict {
        switch result.error {
        case GW_OK:
            if let standing = standing(request, result, limits, announced) { request.makeState(standing) }
            return .continue
        case GW_E_LIMIT:
            return refuse(request, result, limits, announced)
        case GW_E_CANCELLED:
            return .continue  // the exchange is over; nobody waits for this
        default:
            request.log(GW_LOG_ERROR, "the limiter answered \(result.error.rawValue)")
            return .fail
        }
    }

    // MARK: Private

    /// The contract allows 256 bytes to a bucket's name.
    private static var bucketLimit: Int { 256 }

    private func isTooLong(_ request: Request) -> Verdict {
        request.log(GW_LOG_ERROR, "a key's name is too long: a bucket may have \(Self.bucketLimit) bytes")
        return .fail
    }

    private func isLimited(_ request: Request) -> Bool {
        if routes.isEmpty { return true }
        let route = request.text(self.route)
        return routes.contains { $0.withUnsafeBufferPointer { Bytes($0).equals(route) } }
    }

    @inline(__always)
    private func standing(
        _ request: Request, _ result: OperationResult, _ limits: [Limit], _ announced: Int?
    ) -> LimitStanding? {
        guard let announced, let grant = result.grant(announced) else { return nil }
        return LimitStanding(
            limit: limits[announced].amount, grant: grant,
            wallNanoseconds: request.clock(GW_CLOCK_WALL))
    }

    private func refuse(_ request: Request, _ result: OperationResult, _ limits: [Limit], _ announced: Int?) -> Verdict {
        guard limits.indices.contains(result.number) else { return .fail }
        let limit = limits[result.number]
        let name = request.text(limit.subject == .key ? principal : clientAddress)
        var refusal = limit.refusal(
            name: name.string, retryMilliseconds: result.grant(result.number)?.retry_after_ms ?? 0,
            wallNanoseconds: request.clock(GW_CLOCK_WALL))
        standing(request, result, limits, announced)?.forEachHeader {
            refusal.headers.append((name: $0.string, value: $1.string))
        }
        request.log(GW_LOG_INFO, "refused: \(refusal.message)")
        return request.refuse(refusal)
    }
}

/// The end of every `take`. A free function, because C cannot hold a Swift closure.
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
