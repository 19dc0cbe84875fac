// Waiting for a place instead of refusing: bounded in number and in time, fair between tenants.
//
//     nobody can ──► joins the line, looks once more ──► suspended
//        woken with a place ──► on with it
//        its time to look again (somebody who rests may be tried) ──► picks, or waits on
//        its time is over ──► 529
//        the exchange ends ──► leaves; what it was handed goes to the next
//
// A request waits only for what may come while it does: a place, a probe's result, or the end of a rest.
//
// Kind: part of AccountPickerWorker, confined to its worker.

import PluginKit

extension AccountPickerWorker {
    func waitOrRefuse(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) -> Verdict {
        let shortage = picking.selection.shortage
        let now = Self.now(request)
        if pick.pointee.waitsUntil == 0 { pick.pointee.waitsUntil = now + plugin.options.waitLimit }
        let end = pick.pointee.waitsUntil
        guard now < end, shortage.mayChange || shortage.soonest <= end else { return refuse(request, pick) }
        let owner = tenantTag(request)
        pick.pointee.ticket = plugin.pool.room.newNumber()
        guard let (_, signal) = request.expect({ [self] request, _ in woken(request) }) else {
            pick.pointee.ticket = 0
            return refuse(request, pick)
        }
        let waiter = WaitingLine.Waiter(
            number: pick.pointee.ticket, audience: route(request).audience, scope: pick.pointee.scope,
            tried: pick.pointee.tried, wake: { signal.send() })
        guard plugin.pool.room.join(owner, waiter) else {
            pick.pointee.ticket = 0
            return refuse(request, pick)
        }
        plugin.metrics?.waits(plugin.pool.room.waiting)
        // A place that came free before the line knew of us.
        return look(request, pick) ?? lookAgainLater(request, pick)
    }

    /// One more look at the accounts for a request in the line; nil if it has to wait on.
    private func look(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) -> Verdict? {
        guard let verdict = select(request, pick) else { return nil }
        leaveLine(request, pick)
        return verdict
    }

    private func lookAgainLater(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) -> Verdict {
        let now = Self.now(request)
        let next = min(max(picking.selection.shortage.soonest, now + 1), max(pick.pointee.waitsUntil, now + 1))
        let timer = request.after(milliseconds: UInt32(clamping: next - now)) { [self] request, _ in looksAgain(request) }
        // Without a timer the place that somebody gives back still wakes it, or the host's own limit ends it.
        _ = timer
        return .suspend
    }

    private func looksAgain(_ request: Request) -> Verdict {
        guard let pick = request.state(Pick.self), pick.pointee.ticket != 0 else { return .suspend }
        if let verdict = handedOver(request, pick) ?? look(request, pick) { return verdict }
        if Self.now(request) < pick.pointee.waitsUntil { return lookAgainLater(request, pick) }
        if let handed = plugin.pool.room.leave(pick.pointee.ticket, tenantTag(request)) {
            return accept(handed, request, pick)
        }
        pick.pointee.ticket = 0
        plugin.metrics?.waits(plugin.pool.room.waiting)
        return refuse(request, pick)
    }

    /// A place was handed over, or the exchange has ended.
    private func woken(_ request: Request) -> Verdict {
        guard let pick = request.state(Pick.self), pick.pointee.ticket != 0 else { return .suspend }
        return handedOver(request, pick) ?? .suspend
    }

    private func handedOver(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) -> Verdict? {
        plugin.pool.room.take(pick.pointee.ticket).map { accept($0, request, pick) }
    }

    private func accept(_ handed: Handed, _ request: Request, _ pick: UnsafeMutablePointer<Pick>) -> Verdict {
        pick.pointee.ticket = 0
        plugin.metrics?.waits(plugin.pool.room.waiting)
        var decision = Decision()
        let fate = picking.accept(handed, &pick.pointee, route(request), now: Self.now(request), &decision)
        return went(request, pick, fate, &decision)
    }

    /// The request waits no longer; a place that it was handed goes back.
    func leaveLine(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) {
        guard pick.pointee.ticket != 0 else { return }
        let handed = plugin.pool.room.leave(pick.pointee.ticket, tenantTag(request))
        pick.pointee.ticket = 0
        plugin.metrics?.waits(plugin.pool.room.waiting)
        guard let handed, let standing = plugin.pool.standing(serial: handed.serial) else { return }
        plugin.pool.room.giveBack(standing, now: { Self.now(request) })
    }

    private func tenantTag(_ request: Request) -> SipTag {
        plugin.pool.sticky.tag(tenant: tenant(request), conversation: .absent)
    }

    // MARK: Refusing

    private func refuse(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) -> Verdict {
        let refusal = picking.selection.shortage.refusal(counts: route(request).counts, now: Self.now(request))
        request.log(GW_LOG_WARN, "refused: \(refusal.message)")
        return request.refuse(refusal)
    }
}

extension Shortage {
    /// Counts accounts by reason, and names none.
    func refusal(counts: [Int], now: UInt64) -> Refusal {
        func count(_ reason: PassedOver) -> Int { counts[Int(reason.rawValue)] }
        var parts: [String] = []
        if cooling > 0 { parts.append("\(cooling) cooling after failures") }
        if probing > 0 { parts.append("\(probing) being tried again") }
        if refreshing > 0 { parts.append("\(refreshing) whose access token is being refreshed") }
        if withoutCredential > 0 { parts.append("\(withoutCredential) without a credential that could be sent") }
        if full > 0 { parts.append("\(full) at full concurrency") }
        if count(.otherModels) > 0 { parts.append("\(count(.otherModels)) not for this model") }
        if count(.otherGroups) + count(.dedicated) > 0 {
            parts.append("\(count(.otherGroups) + count(.dedicated)) not for this key")
        }
        if count(.switchedOff) > 0 { parts.append("\(count(.switchedOff)) disabled") }
        var message = "no account can take this request now: "
        message += parts.isEmpty ? "none is configured" : parts.joined(separator: ", ")
        // A full account may have a place at any moment; a cooling one says when.
        var seconds: Int? = full + probing + refreshing > 0 ? 1 : nil
        if seconds == nil, cooling > 0, soonest != .max {
            seconds = max(1, Int((soonest - min(now, soonest) + 999) / 1000))
            message += "; the first may be tried in \(seconds!) s"
        }
        return Refusal(.overloaded, message, retryAfter: seconds, shouldRetry: seconds != nil)
    }
}
