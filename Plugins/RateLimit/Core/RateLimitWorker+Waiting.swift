// Waiting for a place instead of being refused: bounded in number and in time, first come first served.
//
//     no place, or others wait already ──► joins the line
//        behind others          sleeps until it is first, or its time is over
//        first                  looks: takes everything it needs ─► granted ─► wakes the next
//                                 │ still no place ─► sleeps until one is given back, or looks by its own clock
//        another limit refuses, its time is over, the client leaves ─► leaves the line, wakes the next
//
// Its own clock is for places that it does not hear of: those of other gateways over Redis. It looks after 25 to 50 ms, then
// less and less often, at last each half to whole second, so that gateways which wait for one place take turns by chance.
//
// Kind: part of RateLimitWorker, confined to its worker.

import PluginKit

/// A request in a line.
final class Waiting {
    let bucket: [UInt8]
    let number: UInt64
    /// Of the plan's limits: the one it waits for.
    let limit: Int
    let since: UInt64
    /// What was begun before it looked last says nothing any more.
    fileprivate var looks = 0
    /// Looks since it was woken.
    fileprivate var looksInVain = 0
    fileprivate var operations: [Operation] = []

    fileprivate init(_ bucket: [UInt8], _ number: UInt64, limit: Int, since: UInt64) {
        self.bucket = bucket
        self.number = number
        self.limit = limit
        self.since = since
    }
}

extension RateLimitWorker {
    /// Takes what a request of a plan with waiting needs, or waits for it.
    func takeOrWait(_ request: Request, _ claim: Claim) -> Verdict {
        if claim.plan.waits, !room.isEmpty, let busy = busyPlace(claim) { return queue(request, claim, for: busy) }
        return take(request, claim)
    }

    /// Where others wait already, who must not be overtaken.
    private func busyPlace(_ claim: Claim) -> Int? {
        claim.plan.limits.indices.first { claim.plan.limits[$0].waits != nil && room.isBusy(claim.bucket(claim.plan.limits[$0])) }
    }

    /// All places of the limit are taken.
    func placeRefused(_ request: Request, _ claim: Claim, _ index: Int) -> Verdict {
        if let waiting = claim.waiting {
            if waiting.limit == index { return waitOn(request, claim, waiting) }
            // It has found this place, and now waits for the other.
            leave(request, claim)
        }
        return queue(request, claim, for: index)
    }

    private func queue(_ request: Request, _ claim: Claim, for index: Int) -> Verdict {
        let limit = claim.plan.limits[index]
        guard let terms = limit.waits else { return .fail }
        let now = Self.milliseconds(request)
        if claim.waitsUntil == 0 { claim.waitsUntil = now + terms.milliseconds }
        let waiting = Waiting(claim.bucket(limit), room.newNumber(), limit: index, since: now)
        guard let wake = listen(request, claim, waiting) else { return .fail }
        switch room.join(waiting.bucket, waiting.number, most: terms.requests, wake: wake) {
        case .full(let ahead):
            stopListening(request, waiting)
            metrics?.waitEnded(.full)
            return refuse(request, limit, claim.plan, reason: "and \(ahead) more wait for a place already")
        case .behind:
            claim.waiting = waiting
            metrics?.waits(room.waiting)
            return sleep(request, claim, waiting, milliseconds: claim.waitsUntil - min(now, claim.waitsUntil))
        case .first:
            claim.waiting = waiting
            metrics?.waits(room.waiting)
            return look(request, claim, waiting)
        }
    }

    private func look(_ request: Request, _ claim: Claim, _ waiting: Waiting) -> Verdict {
        let now = Self.milliseconds(request)
        guard room.look(waiting.bucket, waiting.number) else {
            return sleep(request, claim, waiting, milliseconds: claim.waitsUntil - min(now, claim.waitsUntil))
        }
        stopListening(request, waiting)
        claim.rounds = 0
        return take(request, claim)
    }

    private func waitOn(_ request: Request, _ claim: Claim, _ waiting: Waiting) -> Verdict {
        let now = Self.milliseconds(request)
        guard now < claim.waitsUntil else { return giveUp(request, claim, waiting) }
        guard let wake = listen(request, claim, waiting) else {
            leave(request, claim, .left)
            return .fail
        }
        guard room.wait(waiting.bucket, waiting.number, wake: wake) else { return look(request, claim, waiting) }
        let pause = UInt64(50) << UInt64(min(waiting.looksInVain, 4)) + UInt64(waiting.looksInVain > 4 ? 200 : 0)
        waiting.looksInVain += 1
        return sleep(
            request, claim, waiting, milliseconds: min(.random(in: pause / 2...pause), claim.waitsUntil - now))
    }

    // MARK: Being woken

    /// What wakes it; nil if the host has no room for that.
    private func listen(_ request: Request, _ claim: Claim, _ waiting: Waiting) -> WaitingLine.Wake? {
        let looks = waiting.looks
        let expected = request.expect { [unowned self] request, result in
            woken(request, claim, waiting, looks, result) {
                waiting.looksInVain = 0
                return look(request, claim, waiting)
            }
        }
        guard let (operation, signal) = expected else { return nil }
        waiting.operations.append(operation)
        return { signal.send() }
    }

    private func sleep(_ request: Request, _ claim: Claim, _ waiting: Waiting, milliseconds: UInt64) -> Verdict {
        let looks = waiting.looks
        let timer = request.after(milliseconds: UInt32(clamping: max(1, milliseconds))) { [unowned self] request, result in
            woken(request, claim, waiting, looks, result) {
                if Self.milliseconds(request) >= claim.waitsUntil { return giveUp(request, claim, waiting) }
                return look(request, claim, waiting)
            }
        }
        // Without a timer whoever gives a place back still wakes it, or the host's own limit ends it.
        if let timer { waiting.operations.append(timer) }
        return .suspend
    }

    private func woken(
        _ request: Request, _ claim: Claim, _ waiting: Waiting, _ looks: Int, _ result: OperationResult, _ act: () -> Verdict
    ) -> Verdict {
        guard claim.waiting === waiting, waiting.looks == looks else { return .suspend }
        guard result.error == GW_OK else {
            // The exchange is over.
            leave(request, claim, .left)
            return .continue
        }
        return act()
    }

    private func stopListening(_ request: Request, _ waiting: Waiting) {
        waiting.looks += 1
        for operation in waiting.operations { request.cancel(operation) }
        waiting.operations.removeAll(keepingCapacity: true)
    }

    // MARK: The end

    /// It waits no longer; the next one is woken.
    /// - Parameter outcome: nil: it goes to another line.
    func leave(_ request: Request, _ claim: Claim, _ outcome: WaitOutcome? = nil) {
        guard let waiting = claim.waiting else { return }
        claim.waiting = nil
        stopListening(request, waiting)
        room.leave(waiting.bucket, waiting.number)
        metrics?.waits(room.waiting)
        guard let outcome else { return }
        let now = Self.milliseconds(request)
        metrics?.waitEnded(outcome, milliseconds: now - min(waiting.since, now))
    }

    private func giveUp(_ request: Request, _ claim: Claim, _ waiting: Waiting) -> Verdict {
        let limit = claim.plan.limits[waiting.limit]
        leave(request, claim, .refused)
        let seconds = (limit.waits?.milliseconds ?? 0) / 1000
        return refuse(request, limit, claim.plan, reason: "and no place came free in the \(seconds) s that this one waited")
    }

    private func refuse(_ request: Request, _ limit: Limit, _ plan: LimitPlan, reason: String) -> Verdict {
        let refusal = limit.placesTaken(name: name(of: limit.subject, request, plan), reason)
        request.log(GW_LOG_INFO, "refused: \(refusal.message)")
        return request.refuse(refusal)
    }

    /// The exchange ends: its places go back now, and whoever waits for them looks.
    func givePlacesBack(_ request: Request, _ claim: Claim) {
        for limit in claim.plan.limits where limit.waits != nil {
            claim.withBucket(limit) { _ = services.limiter.release(request, $0) }
            if !room.isEmpty { room.placeIsFree(claim.bucket(limit)) }
        }
    }

    private static func milliseconds(_ request: Request) -> UInt64 { request.clock(GW_CLOCK_MONOTONIC) / 1_000_000 }
}
