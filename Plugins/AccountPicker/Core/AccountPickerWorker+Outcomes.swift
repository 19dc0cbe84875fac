// What an outcome means: for the account, for the request, for what is known of both.
//
//     the answer's headers   limits ──► Standing's forecast
//     status, first event    Diagnosis ──► cools, is spared, is well again; another account or the client's answer
//     the end                tokens ──► what a request usually uses; what of the conversation is cached there
//
// Kind: part of AccountPickerWorker, confined to its worker.

import PluginKit

extension AccountPickerWorker {
    /// What the answer says of limits, and what that means for the account.
    func read(_ request: Request, _ pick: UnsafeMutablePointer<Pick>, into report: inout LimitReport) {
        request.forEachHeader(of: GW_RESPONSE) { report.take($0, $1) }
        guard !report.isEmpty, let standing = pick.pointee.standing else { return }
        standing._withUnsafeGuaranteedRef {
            $0.reported(
                report, pick.pointee.scope, startedThen: pick.pointee.started, wall: Self.wall(request),
                now: Self.now(request))
        }
        pick.pointee.hasReport = true
    }

    func wasFine(_ request: Request, _ pick: UnsafeMutablePointer<Pick>, _ attempt: Attempt) {
        let isHealed = picking.succeeded(&pick.pointee, now: { Self.now(request) })
        if attempt.status == 200, request.isEventStream, let seconds = attempt.secondsToFirstByte, request.flag(plugin.stream) {
            observed(seconds * 1_000, pick)
        }
        guard isHealed, let standing = pick.pointee.standing?.takeUnretainedValue() else { return }
        plugin.metrics?.state(of: standing, label(standing))
        request.log(GW_LOG_INFO, "account '\(label(standing))' is well again")
    }

    /// Milliseconds to the first byte of a stream.
    private func observed(_ milliseconds: Double, _ pick: UnsafeMutablePointer<Pick>) {
        let scope = pick.pointee.scope
        plugin.pool.peers.observed(milliseconds, scope)
        pick.pointee.standing?._withUnsafeGuaranteedRef { $0.observed(milliseconds, peers: plugin.pool.peers[scope]) }
    }

    func judgeFirstEvent(_ request: Request, _ chunk: Chunk) -> Verdict {
        guard !request.isCommitted, chunk.event.equals("error"),
            let pick = request.state(Pick.self), pick.pointee.serial != 0,
            let document = try? JSON(parsing: chunk.data),
            case .text(let type) = document["error"]["type"]
        else { return .continue }
        let diagnosis = Diagnosis(errorType: type, request: pick.pointee.scope)
        guard let trouble = diagnosis.trouble else { return .continue }
        trail.firstEvent(pick.pointee.trail, request: request.id, attempt: pick.pointee.attempt, said: trouble)
        if trouble == .unauthorised, pick.pointee.token != 0, let verdict = renew(request, pick, "an error as first event") {
            return verdict
        }
        return failed(request, pick, diagnosis)
    }

    /// What becomes of the account, and whether another one gets the request.
    func failed(_ request: Request, _ pick: UnsafeMutablePointer<Pick>, _ diagnosis: Diagnosis) -> Verdict {
        let now = Self.now(request)
        let route = route(request)
        chance = chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let consequence = picking.failed(&pick.pointee, diagnosis, route, now: now, chance: chance >> 32)
        report(consequence, diagnosis, request, pick, now)
        guard pick.pointee.mayRetry else { return .continue }
        if picking.hasAnother(pick.pointee, route, now: now) {
            giveBack(request, pick)
            return .retry
        }
        // Nothing reached the upstream, so the same account may be dialled once more.
        if diagnosis.trouble == .unreachable, consequence == .spared,
            !pick.pointee.proxyFailed || pick.pointee.unreached < Self.unreachedLimit
        {
            giveBack(request, pick)
            return .retry
        }
        return .continue
    }

    private func report(
        _ consequence: Picking.Consequence, _ diagnosis: Diagnosis, _ request: Request,
        _ pick: UnsafeMutablePointer<Pick>, _ now: UInt64
    ) {
        guard let trouble = diagnosis.trouble, let standing = pick.pointee.standing?.takeUnretainedValue() else { return }
        switch consequence {
        case .none: return
        case .spared:
            request.log(GW_LOG_WARN, "account '\(label(standing))': \(trouble.sentence); spared, being the last")
        case .rests(let health):
            plugin.metrics?.rests(trouble, diagnosis.scope)
            let what = diagnosis.scope == .account ? "" : " for \(diagnosis.scope.word)"
            let until = "for \((health.until - min(now, health.until) + 999) / 1000) s"
            let state =
                switch health.phase {
                case .needsOperator: "needs the operator"
                case .disabled: "is disabled \(until)"
                default: "cools \(until)"
                }
            let source = diagnosis.asked?.source.header.map { ", end from \($0)" } ?? ""
            request.log(GW_LOG_WARN, "account '\(label(standing))' \(state)\(what): \(trouble.sentence)\(source)")
        }
        plugin.metrics?.state(of: standing, label(standing))
    }

    /// What the request used of the account, and what of its conversation is cached there now.
    func learn(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) {
        guard pick.pointee.hasReport || pick.pointee.hasConversation, let standing = pick.pointee.standing,
            let input = request.integer(plugin.inputTokens)
        else { return }
        let long = request.integer(plugin.cacheWriteLong) ?? 0
        let written = (request.integer(plugin.cacheWriteShort) ?? 0) + long
        let read = request.integer(plugin.cacheRead) ?? 0
        if pick.pointee.hasReport {
            // What is read from the cache does not count against the limits.
            let output = request.integer(plugin.outputTokens) ?? 0
            standing._withUnsafeGuaranteedRef { $0.used(inputTokens: input + written, outputTokens: output) }
        }
        guard pick.pointee.hasConversation else { return }
        if pick.pointee.isSticky, read > 0 { plugin.metrics?.cacheKept(read) }
        plugin.pool.lent.sticky._withUnsafeGuaranteedRef {
            $0.cached(
                pick.pointee.conversation, on: pick.pointee.serial, tokens: read + written, isLong: long > 0,
                at: Self.now(request))
        }
    }
}
