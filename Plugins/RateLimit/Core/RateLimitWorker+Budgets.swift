// Budgets of one request: reserved when its body is there, settled when its exchange ends.
//
//   estimate ─► take all ─► granted ─────────────────────────► settle with what was used, and learn
//                  ▲  │ what was spent before is not known ─► ask the ledger ─┐
//                  └──┴───────────────────────────────────────────────────────┘
//                  ▲  │ only the rest is too little, and nobody else has reserved of it ─► reserve the rest
//                  └──┘
//
// The last arrow lets all of a budget be used: when nobody else's request can spend of it, one may begin with less than
// its estimate. So what is spent in the end exceeds the limit by one estimate's error at most, and only of one request.

import PluginKit

extension RateLimitWorker {
    func reserve(_ request: Request, _ plan: LimitPlan) -> Verdict {
        guard let names = names(request, plan) else { return isTooLong(request) }
        let model = request.text(services.model)
        let tag = names[Limit.Subject.key.rawValue].withUnsafeBufferPointer { estimates.tag(owner: Bytes($0), model: model) }
        let claim = Claim(plan, names: names, tag: tag, bodyBytes: request.body.count, model: Array(model.buffer))
        if !model.isEmpty, let refusal = estimate(request, claim, model) {
            request.log(GW_LOG_INFO, "refused: \(refusal.message)")
            return request.refuse(refusal)
        }
        if plan.limits.isEmpty { return .continue }
        if plan.stopsStreams, !request.flag(services.stream) { request.unsubscribe(GW_ON_CHUNK) }
        return takeOrWait(request, claim)
    }

    /// Says how much of each limit the request will use; or why it may not.
    private func estimate(_ request: Request, _ claim: Claim, _ model: Bytes) -> Refusal? {
        let learned = estimates[claim.tag]
        let body = request.body
        var maxTokens: Int?
        if let value = services.documents?.value(request, in: body, at: "/max_tokens"), value.type == GW_INT, value.i > 0 {
            maxTokens = Int(value.i)
        }
        let input = learned.inputTokens(bytes: body.count)
        let output = learned.outputTokens(maxTokens: maxTokens)
        var cost = 0
        if claim.plan.needsPrice {
            guard let price = price(request, model, learned, body.count, input, output) else {
                if !claim.plan.refusesUnpriced { return fill(claim, input: input, output: output, cost: 1) }
                return Refusal(
                    .notFound,
                    "model: \(model.slice(0, min(model.count, 200)).string) has no price at this gateway, and this API key may not use such models",
                    shouldRetry: false)
            }
            cost = price
        }
        return fill(claim, input: input, output: output, cost: cost)
    }

    private func fill(_ claim: Claim, input: Int, output: Int, cost: Int) -> Refusal? {
        for (index, limit) in claim.plan.limits.enumerated() {
            guard let (measure, _) = limit.budget else { continue }
            let amount =
                switch measure {
                case .requests: 1
                case .inputTokens: input
                case .outputTokens: output
                case .tokens: input + output
                case .usd: cost
                }
            claim.costs[index] = min(max(1, amount), limit.amount)
        }
        return nil
    }

    private func price(
        _ request: Request, _ model: Bytes, _ learned: Estimate, _ bytes: Int, _ input: Int, _ output: Int
    ) -> Int? {
        guard let ledger = services.ledger else { return nil }
        var usage = LedgerUsage()
        usage.raw.output_tokens = Int64(output)
        guard let inputCost = learned.inputCost(bytes: bytes) else {
            usage.raw.input_tokens = Int64(input)
            return ledger.price(request, model: model, usage)
        }
        return ledger.price(request, model: model, usage).map { $0 + inputCost }
    }

    // MARK: Taking

    func take(_ request: Request, _ claim: Claim) -> Verdict {
        claim.rounds += 1
        return claim.withDemands(claim.plan.limits.indices, cost: { claim.costs[$0] }) { demands in
            let user = Unmanaged.passRetained(claim).toOpaque()
            if services.limiter.take(request, demands, count: demands.count, user: user, claimTaken) != nil { return .suspend }
            Unmanaged<Claim>.fromOpaque(user).release()
            leave(request, claim, .left)
            return .fail
        }
    }

    fileprivate func taken(_ request: Request, _ claim: Claim, _ result: OperationResult) -> Verdict {
        switch result.error {
        case GW_OK:
            leave(request, claim, .granted)
            return granted(request, claim, result)
        case GW_E_ABSENT where claim.plan.limits.indices.contains(result.number) && claim.mayTakeAgain:
            return lookUp(request, claim, claim.plan.limits[result.number])
        case GW_E_LIMIT where claim.plan.limits.indices.contains(result.number) && claim.plan.limits[result.number].waits != nil:
            return placeRefused(request, claim, result.number)
        case GW_E_LIMIT where takesTheRest(claim, result) && claim.mayTakeAgain: return take(request, claim)
        case GW_E_LIMIT:
            leave(request, claim, .refused)
            return refuse(request, result, claim.plan)
        case GW_E_CANCELLED:
            leave(request, claim, .left)
            return .continue
        default:
            leave(request, claim, .left)
            return failed(request, result, claim.plan)
        }
    }

    /// Whether something is left of the budget that refused, and nobody else has reserved of it.
    private func takesTheRest(_ claim: Claim, _ result: OperationResult) -> Bool {
        let index = result.number
        guard claim.plan.limits.indices.contains(index), claim.plan.limits[index].isReserved, let grant = result.grant(index)
        else { return false }
        let limit = claim.plan.limits[index].amount
        let remaining = Int(grant.remaining)
        guard remaining > 0, remaining < claim.costs[index], Int(grant.spent) + remaining == limit else { return false }
        claim.costs[index] = remaining
        return true
    }

    private func granted(_ request: Request, _ claim: Claim, _ result: OperationResult) -> Verdict {
        let standings =
            announces
            ? LimitStandings(claim.plan.limits, result, wallNanoseconds: request.clock(GW_CLOCK_WALL)) : LimitStandings()
        let isMetered = claim.plan.stopsStreams && request.flag(services.stream)
        if isMetered { meter(request, claim) }
        if !standings.isEmpty || isMetered { request.makeState(LimitState(standings, metered: isMetered ? claim : nil)) }
        // The end of the exchange ends this operation, when its usage is known and its reservations are still there.
        let operation = request.expect { [unowned self] request, _ in
            if claim.plan.isReserving { settle(request, claim) }
            if claim.plan.waits { givePlacesBack(request, claim) }
            return .continue
        }
        return operation == nil ? .fail : .continue
    }

    // MARK: What was spent before

    private func lookUp(_ request: Request, _ claim: Claim, _ limit: Limit) -> Verdict {
        guard let ledger = services.ledger, let (_, span) = limit.budget else { return startAtNothing(request, claim) }
        // The ledger knows keys by their name, not by their record.
        let isKey = limit.subject == .key
        let name = isKey ? request.text(services.principal) : tenantName(request, claim.plan)
        let operation = ledger.sums(request, of: isKey ? GW_LEDGER_KEY : GW_LEDGER_TENANT, name, in: span.period) { [unowned self] in
            found($0, claim, limit, $1)
        }
        return operation == nil ? .fail : .suspend
    }

    private func found(_ request: Request, _ claim: Claim, _ limit: Limit, _ result: OperationResult) -> Verdict {
        switch result.error {
        case GW_OK:
            guard let usage = result.ledgerUsage, let (_, span) = limit.budget else { return .fail }
            for (index, other) in claim.plan.limits.enumerated() {
                guard other.subject == limit.subject, let (measure, otherSpan) = other.budget, otherSpan.period == span.period else {
                    continue
                }
                claim.before[index] = SpentBefore(usage.amount(of: measure), lookedUpAt: UInt64(max(0, result.number)))
            }
            return take(request, claim)
        case GW_E_ABSENT: return startAtNothing(request, claim)
        case GW_E_CANCELLED:
            leave(request, claim, .left)
            return .continue
        default:
            leave(request, claim, .left)
            request.log(GW_LOG_ERROR, result.bytes.string)
            return .fail
        }
    }

    /// A host without a ledger.
    private func startAtNothing(_ request: Request, _ claim: Claim) -> Verdict {
        claim.before = claim.plan.limits.map { _ in .nothing }
        return take(request, claim)
    }

    // MARK: The end

    private func settle(_ request: Request, _ claim: Claim) {
        let usage = services.ledger?.current(request) ?? usageByAttributes(request)
        for limit in claim.plan.limits {
            guard let (measure, _) = limit.budget else { continue }
            // Once for each bucket; the second period of the same finds nothing left to settle, which is right.
            // Of a stream that was stopped what was seen, because its provider does not say it any more.
            let stopped = claim.meter.flatMap { $0.isStopped ? $0.used(measure) : nil }
            claim.withBucket(limit) { _ = services.limiter.settle(request, $0, amount: max(stopped ?? 0, usage.amount(of: measure))) }
        }
        if claim.meter?.isStopped == true { return }
        guard usage.isReported, !claim.model.isEmpty else { return }
        var outputOnly = LedgerUsage()
        outputOnly.raw.output_tokens = usage.raw.output_tokens
        let outputCost = claim.model.withUnsafeBufferPointer { services.ledger?.price(request, model: Bytes($0), outputOnly) }
        estimates.update(claim.tag) {
            $0.learn(
                bytes: claim.bodyBytes, inputTokens: usage.allInputTokens, outputTokens: usage.outputTokens,
                cost: usage.isUnpriced ? nil : usage.costNanoDollars, outputCost: outputCost ?? 0)
        }
    }

    private func usageByAttributes(_ request: Request) -> LedgerUsage {
        var usage = LedgerUsage()
        let counts = services.tokens.map { Int64(request.integer($0) ?? 0) }
        usage.raw.requests = 1
        (usage.raw.input_tokens, usage.raw.output_tokens, usage.raw.cache_read_tokens) = (counts[0], counts[1], counts[2])
        (usage.raw.cache_write_5m_tokens, usage.raw.cache_write_1h_tokens) = (counts[3], counts[4])
        return usage
    }
}

private func claimTaken(
    _ raw: UnsafeMutablePointer<gw_request>, _ user: UnsafeMutableRawPointer?, _ result: UnsafePointer<gw_result>
) -> gw_verdict {
    guard let user else { return .fail }
    let claim = Unmanaged<Claim>.fromOpaque(user).takeRetainedValue()
    let request = Request(completing: raw)
    return request.withWorker(RateLimitWorker.self) { $0.taken(request, claim, OperationResult(raw: result)) }
}
