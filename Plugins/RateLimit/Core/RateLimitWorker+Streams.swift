// Streams that end when a budget is used up while they run, where a limit says so.
//
//     event ─► used more than is reserved? ─ no ─► passes
//                  │ yes
//                  ▼
//              reserve more ─ granted ─► passes          less than wished is left ─► reserve what is left
//                  │ refused
//                  ▼
//              an error event in the API's shape instead of this event; the upstream is let go
//
// Only between two events. What the provider has not reported is not billed; the budget counts what was seen of it, so
// that a stream which is stopped and asked for again comes nearer to the end each time.
//
// Kind: part of RateLimitWorker, confined to its worker.

import PluginKit

/// A demand for more under way.
private final class Growing {
    let claim: Claim
    var growth: StreamGrowth

    init(_ claim: Claim, _ growth: StreamGrowth) {
        self.claim = claim
        self.growth = growth
    }
}

extension RateLimitWorker {
    /// Everything is reserved, and a stream is asked for: it is looked at as it comes.
    func meter(_ request: Request, _ claim: Claim) {
        var million = LedgerUsage()
        million.raw.output_tokens = 1_000_000
        let price = claim.model.withUnsafeBufferPointer { services.ledger?.price(request, model: Bytes($0), million) }
        claim.meter = StreamMeter(reserved: claim.costs, outputPrice: price ?? 0)
        // Events that are packed together cannot be told apart.
        request.setHeader("accept-encoding", "identity")
    }

    public func onChunk(_ request: Request, _ chunk: Chunk) -> Verdict {
        guard chunk.isEvent, let claim = request.state(LimitState.self)?.pointee.metered, claim.meter != nil else { return .continue }
        if chunk.event.equals("content_block_delta") {
            claim.meter!.wrote(textLength(request, chunk.data))
        } else if chunk.event.equals("message_start") {
            guard let usage = services.ledger?.current(request) else { return .continue }
            claim.meter!.report(usage)
        } else {
            // What ends by itself is left to end.
            if chunk.event.equals("message_delta") { request.unsubscribe(GW_ON_CHUNK) }
            return .continue
        }
        guard let growth = claim.meter!.shortage(claim.plan.limits) else { return .continue }
        return grow(request, Growing(claim, growth))
    }

    private func textLength(_ request: Request, _ data: Bytes) -> Int {
        guard let documents = services.documents else { return 0 }
        for place in ["/delta/text", "/delta/partial_json", "/delta/thinking"] as [Bytes] {
            let text = documents.text(request, in: data, at: place)
            if !text.isAbsent { return text.count }
        }
        return 0
    }

    private func grow(_ request: Request, _ growing: Growing) -> Verdict {
        let (claim, growth) = (growing.claim, growing.growth)
        var costs = growth.costs[...]
        return claim.withDemands(growth.indices, cost: { _ in costs.removeFirst() }) { demands in
            let user = Unmanaged.passRetained(growing).toOpaque()
            if services.limiter.take(request, demands, count: demands.count, user: user, streamGrew) != nil { return .suspend }
            Unmanaged<Growing>.fromOpaque(user).release()
            return .continue
        }
    }

    fileprivate func grew(_ request: Request, _ growing: Growing, _ result: OperationResult) -> Verdict {
        switch result.error {
        case GW_E_CANCELLED: return .continue
        case GW_E_LIMIT where growing.growth.indices.indices.contains(result.number):
            let grant = result.grant(result.number) ?? gw_grant()
            if growing.growth.settleForLess(result.number, remaining: Int(grant.remaining)) { return grow(request, growing) }
            return stop(request, growing.claim, growing.claim.plan.limits[growing.growth.indices[result.number]], grant)
        default:
            // Granted; or nobody can be asked now, and what runs is not cut for that.
            for (index, cost) in zip(growing.growth.indices, growing.growth.costs) { growing.claim.meter?.reserved(cost, more: index) }
            return .continue
        }
    }

    private func stop(_ request: Request, _ claim: Claim, _ limit: Limit, _ grant: gw_grant) -> Verdict {
        guard let (measure, _) = limit.budget else { return .continue }
        claim.meter?.isStopped = true
        let refusal = limit.streamStopped(
            name: name(of: limit.subject, request, claim.plan), grant: grant, wallNanoseconds: request.clock(GW_CLOCK_WALL))
        request.log(GW_LOG_INFO, "stopped a stream: \(refusal.message)")
        metrics?.streamStopped(measure)
        "\(limit.spoken) used up".withBytes { _ = request.set(services.endReason, text: $0) }
        let id = request.text(services.requestID)
        "event: error\ndata: \(refusal.body(requestID: id.isAbsent ? nil : id.string))\n\n".withBytes { _ = request.emit($0) }
        return .finish
    }
}

private func streamGrew(
    _ raw: UnsafeMutablePointer<gw_request>, _ user: UnsafeMutableRawPointer?, _ result: UnsafePointer<gw_result>
) -> gw_verdict {
    guard let user else { return .continue }
    let growing = Unmanaged<Growing>.fromOpaque(user).takeRetainedValue()
    let request = Request(completing: raw)
    return request.withWorker(RateLimitWorker.self) { $0.grew(request, growing, OperationResult(raw: result)) }
}
