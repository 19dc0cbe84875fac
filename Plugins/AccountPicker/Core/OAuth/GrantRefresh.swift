// One refresh of one account's credential, by one worker of one process:
//
//     claim ──► send ──► store what came of it
//       │         │         └ the store is away: the new token is used, and storing it is tried until it works
//       │         └ once, whatever happens
//       └ somebody else was faster: nothing is sent
//
// The claim is durable before anything is sent. What came of it is stored as long as the record has the refresh token
// that was sent, also if others have given the claim up meanwhile.
//
// Kind: confined to its worker.

import PluginKit

final class GrantRefresh {
    enum Ending: Equatable {
        case refreshed
        case notUsed(String)
        case refused(String)
        case unclear(String)
        /// Somebody else refreshes it, or there is nothing to refresh.
        case others
        /// It could not begin, or its record is gone.
        case failed(String)
    }

    struct Order {
        let held: HeldGrant
        let provider: OAuthProvider
        let proxies: [ProxyURL]
        let owner: String
        let chance: UInt64
        /// The operator wants it, whatever the gateway thinks of the refresh token.
        let isOrdered: Bool
    }

    private let order: Order
    private let record: GrantRecord
    private let fetch: Fetch
    private let background: Request
    private let becameReady: () -> Void
    private let done: (Ending) -> Void
    /// The refresh token that the claim is for, and the grant as it was claimed.
    private var sent = ""
    private var claim = Grant()
    private var storeTries = 0

    init(
        _ order: Order, _ record: GrantRecord, _ fetch: Fetch, _ background: Request, becameReady: @escaping () -> Void,
        done: @escaping (Ending) -> Void
    ) {
        self.order = order
        self.record = record
        self.fetch = fetch
        self.background = background
        self.becameReady = becameReady
        self.done = done
    }

    private var moment: HeldGrant.Moment { HeldGrant.Moment(background) }

    // MARK: Claim

    func begin(_ document: JSON, revision: Int) {
        record.change(background, from: document, revision: revision) { [self] in
            claimed($0)
        } _: { [self] _, ending in
            switch ending {
            case .stored(let document, let revision): send(document, revision)
            case .unwanted: done(.others)
            case .failed(let words): done(.failed(words))
            }
        }
    }

    private func claimed(_ document: JSON) -> JSON? {
        let now = moment.wall
        guard var grant = try? GrantDocument.grant(Settings(document)), let token = grant.refreshToken, wants(grant, at: now)
        else { return nil }
        sent = token
        grant.claimed(
            by: order.owner, at: now,
            until: now + order.provider.timeoutSeconds * max(1, order.proxies.count) + OAuthProvider.claimSlackSeconds)
        claim = grant
        return GrantDocument.setting(grant, in: document)
    }

    private func wants(_ grant: Grant, at now: Int) -> Bool {
        if order.isOrdered { return grant.state == .valid || grant.state == .needsOperator }
        let isRejected = order.held.isRejected && order.held.grant.accessToken == grant.accessToken
        return grant.step(at: now, chance: order.chance, isRejected: isRejected) == .refresh
    }

    // MARK: Send

    private func send(_ document: JSON, _ revision: Int) {
        hold(document, revision)
        TokenRequest.start(
            background, fetch, order.provider, proxies: order.proxies,
            [("grant_type", "refresh_token"), ("refresh_token", sent)], secrets: ["refresh_token"]
        ) { [self] _, reply in store(reply, document, revision) }
    }

    // MARK: Store

    private func store(_ reply: TokenReply, _ document: JSON?, _ revision: Int) {
        record.change(background, from: document, revision: revision) { [self] in
            settled($0, reply)
        } _: { [self] _, ending in
            switch ending {
            case .stored(let document, let revision):
                hold(document, revision)
                done(Self.ending(reply))
            case .unwanted(let document):
                done(document == nil ? .failed("the account was deleted meanwhile") : .others)
            case .failed(let words): tryAgain(reply, words)
            }
        }
    }

    private func settled(_ document: JSON, _ reply: TokenReply) -> JSON? {
        guard var grant = try? GrantDocument.grant(Settings(document)), grant.refreshToken == sent else { return nil }
        let isOurs = grant.state == .refreshing && grant.claim?.owner == order.owner
        let now = moment.wall
        switch reply {
        case .granted(let tokens): grant.refreshed(tokens, at: now)
        case .refused(let words): grant.refused(words)
        case .notUsed(let words, let wait):
            guard isOurs || grant.state == .needsOperator else { return nil }
            grant.notUsed(words, at: now, wait: wait, chance: order.chance)
        case .unclear(let words):
            guard isOurs else { return nil }
            grant.lost(
                "\(words), so the refresh token may be used up; the access token is used until it expires: authorize it again")
        }
        return GrantDocument.setting(grant, in: document)
    }

    /// What was granted exists nowhere else: it is used at once, and kept until the store takes it.
    private func tryAgain(_ reply: TokenReply, _ words: String) {
        if case .granted(let tokens) = reply, storeTries == 0 {
            var grant = claim
            grant.refreshed(tokens, at: moment.wall)
            if order.held.hold(grant, inPlaceOf: claim, moment) { becameReady() }
            background.log(GW_LOG_ERROR, "a refreshed credential cannot be stored and is kept in memory until it can: \(words)")
        }
        storeTries += 1
        let wait = UInt32(min(10_000, 250 << min(storeTries, 6)))
        let timer = background.after(milliseconds: wait) { [self] _, result in
            if result.error == GW_OK { store(reply, nil, 0) } else { done(.failed("the gateway stopped before it could be stored")) }
            return .suspend
        }
        if timer == nil { done(.failed("the gateway stopped before it could be stored")) }
    }

    private func hold(_ document: JSON, _ revision: Int) {
        guard let grant = try? GrantDocument.grant(Settings(document)) else { return }
        if order.held.hold(grant, revision: revision, moment) { becameReady() }
    }

    private static func ending(_ reply: TokenReply) -> Ending {
        switch reply {
        case .granted: .refreshed
        case .refused(let words): .refused(words)
        case .notUsed(let words, _): .notUsed(words)
        case .unclear(let words): .unclear(words)
        }
    }
}

extension HeldGrant.Moment {
    init(_ request: Request) {
        self.init(
            wall: Timestamp(nanoseconds: request.clock(GW_CLOCK_WALL)).seconds, now: request.clock(GW_CLOCK_MONOTONIC) / 1_000_000)
    }
}
