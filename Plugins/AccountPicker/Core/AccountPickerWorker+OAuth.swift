// What OAuth accounts add to an exchange: the token instead of the key, and a refusal that is answered by refreshing: a 401,
// or a stream that begins with the event that says the same.
//
//     401 ──► a newer token is there ────────────────────────────► the same account once more
//         ├─► it can be refreshed: waits, bounded ── came ───────► the same account once more
//         │                                       └─ did not ───► another account, or the 401 as it is
//         └─► neither: as any refused credential
//
// An exchange has a credential refreshed once; the next 401 is the account's own trouble.
//
// Kind: part of AccountPickerWorker, confined to its worker.

import PluginKit

extension AccountPickerWorker {
    /// How long a request waits for a refresh; it may take the attempt's turn at the token endpoint and a proxy's.
    private static let renewalLimitMilliseconds: UInt32 = 15_000

    func setCredential(_ account: Account, _ pick: UnsafeMutablePointer<Pick>, _ request: Request) -> Bool {
        if !pick.pointee.stated.isEmpty { pick.pointee.stated.takeBack(request) }
        guard let grant = account.grant else {
            pick.pointee.token = 0
            return account.credential.withUnsafeBufferPointer { request.setHeader("x-api-key", Bytes($0)) }
        }
        guard let token = grant.token, let provider = account.provider else { return false }
        pick.pointee.token = token.number
        request.setHeader("x-api-key", .absent)
        return token.header.withUnsafeBufferPointer { request.setHeader("authorization", Bytes($0)) }
            && pick.pointee.stated.put(provider, request)
    }

    /// The upstream refused an access token; nil: nothing can be done about that here.
    /// - Parameter how: the words for the log.
    func renew(_ request: Request, _ pick: UnsafeMutablePointer<Pick>, _ how: StaticString) -> Verdict? {
        guard let standing = pick.pointee.standing?.takeUnretainedValue(), let held = plugin.oauth.known(standing.id),
            let keeper = directory.keeper, !pick.pointee.wasRenewed
        else { return nil }
        switch held.reject(pick.pointee.token, HeldGrant.Moment(request)) {
        case .none: return nil
        case .newer: return pick.pointee.mayRetry ? again(request, pick) : nil
        case .refresh: break
        }
        plugin.pool.changes.happened()
        request.log(GW_LOG_INFO, "account '\(label(standing))': its access token was rejected (\(how)), it is refreshed")
        guard pick.pointee.mayRetry else {
            keeper.refresh(standing.id)
            return nil
        }
        pick.pointee.wasRenewed = true
        pick.pointee.awaitsToken = true
        guard let (_, signal) = request.expect({ [self] request, result in renewed(request, held, result) }) else { return nil }
        held.wait(signal)
        _ = request.after(milliseconds: Self.renewalLimitMilliseconds) { [self] request, result in
            renewed(request, held, result, isLate: true)
        }
        keeper.refresh(standing.id)
        return .suspend
    }

    /// Something happened to the credential, or the time is over. Called also when nobody waits any more.
    private func renewed(_ request: Request, _ held: HeldGrant, _ result: OperationResult, isLate: Bool = false) -> Verdict {
        guard result.error == GW_OK, let pick = request.state(Pick.self), pick.pointee.awaitsToken else { return .suspend }
        let number = pick.pointee.token
        if held.hasNewer(than: number, at: Self.now(request)) { return again(request, pick) }
        if !isLate, held.isAtWork || held.grant.state == .refreshing {
            // Another process has it, or it has only begun.
            guard let (_, signal) = request.expect({ [self] request, result in renewed(request, held, result) }) else {
                return elsewhere(request, pick)
            }
            held.wait(signal)
            return .suspend
        }
        return elsewhere(request, pick)
    }

    private func again(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) -> Verdict {
        let serial = pick.pointee.serial
        pick.pointee.token = 0
        pick.pointee.awaitsToken = false
        picking.left(&pick.pointee, now: { Self.now(request) })
        giveBack(request, pick)
        pick.pointee.tried.remove(serial)
        pick.pointee.renewed = serial
        return .retry
    }

    /// The account has no credential now, which its own state says; the request goes on without it.
    private func elsewhere(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) -> Verdict {
        pick.pointee.token = 0
        pick.pointee.awaitsToken = false
        picking.left(&pick.pointee, now: { Self.now(request) })
        guard picking.hasAnother(pick.pointee, route(request), now: Self.now(request)) else {
            // What was held back while it waited goes to the client, first event or answer, and nothing after it is judged.
            request.unsubscribe(GW_ON_CHUNK)
            return .continue
        }
        giveBack(request, pick)
        return .retry
    }

    /// A credential may be sent again: what its account was refused for is over, and who waits for it goes on.
    func credentialCame(to held: HeldGrant, _ background: Request) {
        held.standing.change(.account) { if $0.trouble == .unauthorised { $0 = .healthy } }
        plugin.pool.changes.happened()
        plugin.metrics?.state(of: held.standing, label(held.standing))
        plugin.pool.room.offer(held.standing, now: Self.now(background))
    }
}
