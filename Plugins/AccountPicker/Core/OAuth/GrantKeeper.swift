// The credentials of one worker's OAuth accounts: told of their records, and on one worker of each process that serves
// clients the one who looks when something is due.
//
//     told ──► held (shared by all workers) ──► step: rest, a timer, a refresh, or given up
//
// Kind: confined to its worker.

import PluginKit

final class GrantKeeper {
    private struct Kept {
        let held: HeldGrant
        let provider: OAuthProvider
        var document: JSON
        var revision: Int
        var timer: PluginKit.Operation?
        /// Of the timer that counts; earlier ones may still fire.
        var look = 0
    }

    private let oauth: OAuth
    private let background: Request
    private let store: RecordStore
    private let fetch: Fetch
    /// It looks when something is due.
    private let keepsTime: Bool
    /// The way out of an account, or why there is none now.
    private let egress: (Settings) throws -> [ProxyURL]
    /// A credential may be sent again that could not be before.
    var becameReady: (HeldGrant) -> Void = { _ in }
    private var kept: [String: Kept] = [:]
    private var jobs: [String: GrantRefresh] = [:]

    /// What keeps it from trying is looked at again after so long.
    private static let pause = 1

    init(
        _ oauth: OAuth, _ worker: WorkerScope, _ store: RecordStore, _ fetch: Fetch, egress: @escaping (Settings) throws -> [ProxyURL]
    ) {
        self.oauth = oauth
        background = worker.background
        self.store = store
        self.fetch = fetch
        self.egress = egress
        keepsTime = worker.servesClients && worker.index == 0
    }

    private var moment: HeldGrant.Moment { HeldGrant.Moment(background) }

    /// The record of an OAuth account, as it is now.
    /// - Throws: what is wrong with it; then it is not used.
    func told(_ id: String, _ account: Settings, revision: Int) throws(PluginError) -> HeldGrant {
        let provider = try GrantCheck.provider(account["oauth"]["provider"], oauth.providers)
        let grant = try GrantDocument.grant(account)
        let held = oauth.held(id)
        let old = kept[id]
        kept[id] = Kept(
            held: held, provider: provider, document: account.value, revision: revision, timer: old?.timer, look: old?.look ?? 0)
        if held.hold(grant, revision: revision, moment) { becameReady(held) }
        schedule(id)
        return held
    }

    func forget(_ id: String) {
        if let timer = kept[id]?.timer { background.cancel(timer) }
        kept[id] = nil
    }

    func provider(of id: String) -> OAuthProvider? { kept[id]?.provider }

    // MARK: Time

    private func schedule(_ id: String) {
        guard keepsTime, var entry = kept[id] else { return }
        if let timer = entry.timer { background.cancel(timer) }
        entry.timer = nil
        entry.look += 1
        kept[id] = entry
        let now = moment.wall
        if entry.held.isAtWork { return look(id, in: Self.pause) }
        let grant = (try? GrantDocument.grant(Settings(entry.document))) ?? Grant()
        if grant.state == .refreshing, grant.claim?.owner == oauth.owner {
            // Nobody of this process is at it: the claim was stored, and its answer was lost before anything was sent.
            return change(id) {
                guard $0.state == .refreshing, $0.claim?.owner == self.oauth.owner else { return false }
                $0.notUsed("the store did not say that it was claimed", at: now, wait: nil, chance: self.oauth.chance(id))
                return true
            }
        }
        switch grant.step(at: now, chance: oauth.chance(id), isRejected: entry.held.isRejected) {
        case .rest: return
        case .look(let time): look(id, in: time - now)
        case .refresh: refresh(id)
        case .giveUp(let words): giveUp(id, words)
        }
    }

    private func look(_ id: String, in seconds: Int) {
        guard var entry = kept[id] else { return }
        let number = entry.look
        let milliseconds = UInt32(clamping: max(1, min(seconds, 86_400)) * 1000)
        entry.timer = background.after(milliseconds: milliseconds) { [weak self] _, result in
            if result.error == GW_OK, let self, kept[id]?.look == number {
                kept[id]?.timer = nil
                schedule(id)
            }
            return .suspend
        }
        kept[id] = entry
    }

    private func giveUp(_ id: String, _ words: String) {
        background.log(GW_LOG_WARN, "account '\(label(id))' needs the operator: \(words)")
        let (chance, now) = (oauth.chance(id), moment.wall)
        change(id) {
            guard case .giveUp(let words) = $0.step(at: now, chance: chance) else { return false }
            $0.lost(words)
            return true
        }
    }

    /// Changes the stored grant, if `body` still wants to.
    private func change(_ id: String, _ body: @escaping (inout Grant) -> Bool) {
        guard let entry = kept[id] else { return }
        GrantRecord(store: store, id: id).change(background, from: entry.document, revision: entry.revision) { document in
            guard var grant = try? GrantDocument.grant(Settings(document)), body(&grant) else { return nil }
            return GrantDocument.setting(grant, in: document)
        } _: { [weak self] _, ending in
            // What was stored is told; what could not be is looked at again.
            if case .failed = ending { self?.look(id, in: Self.pause) }
        }
    }

    // MARK: Refreshing

    /// - Parameters:
    ///   - isOrdered: the operator wants it.
    ///   - ended: called once, maybe at once.
    func refresh(_ id: String, isOrdered: Bool = false, _ ended: @escaping (GrantRefresh.Ending) -> Void = { _ in }) {
        guard let entry = kept[id] else { return ended(.failed("there is no such account")) }
        let proxies: [ProxyURL]
        do {
            proxies = try egress(Settings(entry.document))
        } catch {
            if keepsTime { look(id, in: Self.pause) }
            return ended(.failed("its proxy cannot be used now: \(error)"))
        }
        guard entry.held.beginWork() else {
            if keepsTime { look(id, in: Self.pause) }
            return ended(.others)
        }
        let job = GrantRefresh(
            .init(
                held: entry.held, provider: entry.provider, proxies: proxies, owner: oauth.owner, chance: oauth.chance(id),
                isOrdered: isOrdered), GrantRecord(store: store, id: id), fetch, background,
            becameReady: { [weak self] in self?.becameReady(entry.held) },
            done: { [weak self] ending in
                entry.held.endWork()
                self?.over(id, ending)
                ended(ending)
            })
        jobs[id] = job
        job.begin(entry.document, revision: entry.revision)
    }

    private func over(_ id: String, _ ending: GrantRefresh.Ending) {
        jobs[id] = nil
        oauth.metrics?.ended(ending)
        let label = label(id)
        switch ending {
        case .refreshed: background.log(GW_LOG_INFO, "account '\(label)': its access token was refreshed")
        case .notUsed(let words): background.log(GW_LOG_WARN, "account '\(label)' was not refreshed and will be tried again: \(words)")
        case .refused(let words): background.log(GW_LOG_ERROR, "account '\(label)' needs the operator: \(words); authorize it again")
        case .unclear(let words):
            background.log(
                GW_LOG_ERROR, "account '\(label)' needs the operator: \(words), so its refresh token may be used up; authorize it again")
        case .failed(let words): background.log(GW_LOG_WARN, "account '\(label)' could not be refreshed: \(words)")
        case .others: break
        }
        // What was stored is told, and looked at then; what was not is looked at again.
        switch ending {
        case .failed, .others: if keepsTime { look(id, in: Self.pause) }
        default: break
        }
    }

    private func label(_ id: String) -> String {
        if case .text(let name)? = kept[id]?.document["name"] { return name }
        return id
    }
}
