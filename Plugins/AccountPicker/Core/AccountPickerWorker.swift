// One worker of AccountPicker: the hooks of an exchange, around the rules of Picking.
//
//     onSelect    pick, or wait for a place, or refuse with 529; set credential, upstream, account, egress
//     onAttempt   judge: a failure may cool the account and moves the request to another one, as long as
//                 nothing has been sent to the client
//     onResponse  only event streams are looked at further
//     onChunk     a first event that is an error is a failure too; later ones pass unseen
//     onComplete  give the place back, learn what the request used
//
// A retry is asked for only if there is another account to retry with: otherwise the client gets the
// upstream's own answer, which says more than ours would.
//
// Kind: confined to its worker. What an outcome means is in AccountPickerWorker+Outcomes, waiting in AccountPickerWorker+Waiting.

import PluginKit

public final class AccountPickerWorker: SelectHook, AttemptHook, ResponseHook, ChunkHook, CompleteHook {
    let plugin: AccountPicker
    let directory: AccountDirectory
    /// Its own of the pool's.
    let trail: DecisionRing
    let background: Request
    var picking: Picking
    /// In the order of the roster's members.
    private(set) var accounts: [Account] { didSet { lent = accounts.map { .passUnretained($0) } } }
    /// The same without references to count: accounts change between two hooks, never in one.
    private var lent: [Unmanaged<Account>]
    /// Accounts have changed since the roster was made: records come one by one, and one roster is enough.
    private var isStale = false
    var chance: UInt64
    /// So many attempts that a proxy failed are enough to know it of the last account that is left.
    static let unreachedLimit: UInt8 = 3

    init(_ plugin: AccountPicker, _ directory: AccountDirectory, _ worker: WorkerScope) {
        self.plugin = plugin
        self.directory = directory
        trail = plugin.pool.decisions[worker.index]
        background = worker.background
        accounts = plugin.options.accounts
        lent = accounts.map { .passUnretained($0) }
        picking = Picking(
            plugin.pool, Roster(accounts.map { $0.member(plugin.pool) }), plugin.options.strategy, start: worker.index)
        var seed: UInt64 = 0
        withUnsafeMutableBytes(of: &seed) { worker.random($0) }
        chance = seed
    }

    // MARK: Hooks

    public func onSelect(_ request: Request) -> Verdict {
        if isStale { renew() }
        let pick = request.state(Pick.self) ?? request.makeState(Pick())
        if pick.pointee.attempt == 0 {
            begin(request, pick)
        } else {
            if let account = another(way: request, pick) { return apply(account, pick, to: request) ? .continue : .fail }
            giveBack(request, pick)
        }
        return select(request, pick) ?? waitOrRefuse(request, pick)
    }

    public func onAttempt(_ request: Request, _ attempt: Attempt) -> Verdict {
        guard let pick = request.state(Pick.self), pick.pointee.serial != 0 else { return .continue }
        pick.pointee.mayRetry = !attempt.isLast
        pick.pointee.proxyFailed = attempt.proxyFailed
        if attempt.proxyFailed { pick.pointee.unreached = min(pick.pointee.unreached + 1, Self.unreachedLimit) }
        if attempt.error == GW_E_CANCELLED {  // the client left; nobody failed
            picking.left(&pick.pointee, now: { Self.now(request) })
            return .continue
        }
        trace(pick, request, attempt)
        if attempt.status == 401, pick.pointee.token != 0, let verdict = renew(request, pick, "401") { return verdict }
        guard attempt.error == GW_OK else { return failed(request, pick, Diagnosis(error: attempt.error)) }
        var report = LimitReport()
        read(request, pick, into: &report)
        let diagnosis = Diagnosis(
            status: attempt.status, request: pick.pointee.scope, report: report,
            retryAfterMilliseconds: attempt.retryAfterMilliseconds, errorBody: attempt.errorBody,
            wall: Self.wall(request))
        if diagnosis.isFine {
            wasFine(request, pick, attempt)
            return .continue
        }
        return failed(request, pick, diagnosis)
    }

    public func onResponse(_ request: Request) -> Verdict {
        if !request.isEventStream || request.isLocal { request.unsubscribe(GW_ON_CHUNK) }
        return .continue
    }

    public func onChunk(_ request: Request, _ chunk: Chunk) -> Verdict {
        let verdict = judgeFirstEvent(request, chunk)
        // Only the first event of a stream can be taken back; another attempt has a first one again, and whether there
        // is one is not known yet while a credential is refreshed.
        if verdict != .retry, verdict != .suspend { request.unsubscribe(GW_ON_CHUNK) }
        return verdict
    }

    public func onComplete(_ request: Request, _ summary: Summary) {
        guard let pick = request.state(Pick.self) else { return }
        leaveLine(request, pick)
        picking.left(&pick.pointee, now: { Self.now(request) })
        if summary.status == 200 { learn(request, pick) }
        giveBack(request, pick)
    }

    // MARK: Records

    /// A record changed: `changed` says which accounts are as of now. An account that cannot be used is removed.
    func change(_ background: Request, _ id: Bytes, _ changed: () throws -> [Account]) {
        let id = id.string
        isStale = true
        do {
            let changed = try changed()
            if !changed.contains(where: { $0.id == id }) { accounts.removeAll { $0.id == id } }
            for account in changed {
                if let grant = account.grant { plugin.metrics?.state(of: grant.standing, account.label) }
                if let place = accounts.firstIndex(where: { $0.id == account.id }) {
                    accounts[place] = account
                } else {
                    accounts.append(account)
                }
            }
        } catch {
            accounts.removeAll { $0.id == id }
            background.log(GW_LOG_ERROR, "the record \(id) is not used: \(error)")
        }
    }

    /// The accounts as they are now, also between requests.
    var current: Roster {
        if isStale { renew() }
        return picking.roster
    }

    private func renew() {
        isStale = false
        picking.use(Roster(accounts.map { $0.member(plugin.pool) }))
    }

    /// The label of an account, for people.
    func label(_ standing: Standing) -> String {
        picking.roster.place(of: standing.serial).map { picking.roster.members[$0].label } ?? standing.id
    }

    // MARK: Choosing

    /// Monotonic milliseconds.
    static func now(_ request: Request) -> UInt64 { request.clock(GW_CLOCK_MONOTONIC) / 1_000_000 }
    /// Seconds since 1970.
    static func wall(_ request: Request) -> Int { Timestamp(nanoseconds: request.clock(GW_CLOCK_WALL)).seconds }

    private func begin(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) {
        let kind = request.text(plugin.route)
        pick.pointee.scope = LimitScope(route: kind, model: request.text(plugin.model))
        guard plugin.options.isSticky, accounts.count > 1, kind.equals("messages") else { return }
        guard let conversation = conversation(request) else { return }
        pick.pointee.conversation = conversation
        pick.pointee.hasConversation = true
    }

    func tenant(_ request: Request) -> Bytes {
        let tenant = request.text(plugin.tenant)
        return tenant.isAbsent ? request.text(plugin.principal) : tenant
    }

    private func conversation(_ request: Request) -> SipTag? {
        let session = request.text(plugin.session)
        if !session.isEmpty { return plugin.pool.sticky.key.tag(tenant: tenant(request), conversation: session) }
        guard let documents = plugin.documents else { return nil }
        let body = request.body
        guard let first = documents.value(request, in: body, at: "/messages/0") else { return nil }
        let system = documents.value(request, in: body, at: "/system").map { Bytes($0.text) } ?? .absent
        return plugin.pool.sticky.key.tag(tenant: tenant(request), system: system, firstMessage: Bytes(first.text))
    }

    func route(_ request: Request) -> Route {
        // Who waits has picked before the last change.
        if isStale { renew() }
        return picking.route(wanted: request.text(plugin.wanted), model: request.text(plugin.model))
    }

    /// Picks and applies; nil if nobody can take the request now.
    func select(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) -> Verdict? {
        var decision = Decision()
        let fate = picking.pick(&pick.pointee, route(request), now: { Self.now(request) }, &decision)
        guard let fate else {
            // Who waits looks again and again; what counts is what it got in the end.
            if pick.pointee.ticket == 0 { record(&decision, request, pick) }
            return nil
        }
        return went(request, pick, fate, &decision)
    }

    /// The pick has an account: makes it the exchange's.
    func went(
        _ request: Request, _ pick: UnsafeMutablePointer<Pick>, _ fate: StickyFate, _ decision: inout Decision
    ) -> Verdict {
        let place = Int(pick.pointee.place)
        guard place >= 0 else {
            // It was deleted while the request waited for its place.
            giveBack(request, pick)
            return select(request, pick) ?? waitOrRefuse(request, pick)
        }
        record(&decision, request, pick)
        plugin.lentMetrics?._withUnsafeGuaranteedRef { $0.sticky(fate) }
        request.set(plugin.reason, text: Bytes(stringLiteral: decision.why.word))
        return lent[place]._withUnsafeGuaranteedRef { apply($0, pick, to: request) } ? .continue : .fail
    }

    private func apply(_ account: Account, _ pick: UnsafeMutablePointer<Pick>, to request: Request) -> Bool {
        account.name.withUnsafeBufferPointer { name in
            var upstream = gw_upstream()
            upstream.account = Bytes(name).abi
            let isSet = withOptional(account.baseURL) { url in
                upstream.url = url.abi
                return request.setUpstream(upstream)
            }
            return isSet
                && setCredential(account, pick, request)
                && request.set(plugin.account, text: Bytes(name))
                // Also for an account without a proxy: the one before it may have had one.
                && withOptional(account.egress) { request.set(plugin.egress, text: $0) }
        }
    }

    private func withOptional(_ bytes: [UInt8]?, _ body: (Bytes) -> Bool) -> Bool {
        guard let bytes else { return body(.absent) }
        return bytes.withUnsafeBufferPointer { body(Bytes($0)) }
    }

    /// The account of the attempt that failed, if only its proxy did and it has another: nobody has blamed it.
    private func another(way request: Request, _ pick: UnsafeMutablePointer<Pick>) -> Account? {
        guard !request.text(plugin.egressAgain).isAbsent else { return nil }
        _ = request.set(plugin.egressAgain, text: .absent)
        guard pick.pointee.holdsPlace, let place = picking.roster.place(of: pick.pointee.serial), accounts[place].isEnabled else {
            return nil
        }
        return accounts[place]
    }

    func giveBack(_ request: Request, _ pick: UnsafeMutablePointer<Pick>) {
        picking.giveBack(&pick.pointee, now: { Self.now(request) })
    }

    // MARK: The trail

    private func record(_ decision: inout Decision, _ request: Request, _ pick: UnsafeMutablePointer<Pick>) {
        decision.request = request.id
        decision.time = Self.wall(request)
        pick.pointee.trail = trail.append(decision)
    }

    private func trace(_ pick: UnsafeMutablePointer<Pick>, _ request: Request, _ attempt: Attempt) {
        trail.finish(
            pick.pointee.trail, request: request.id, attempt: pick.pointee.attempt, status: attempt.status,
            mayHaveRun: attempt.mayHaveRun)
    }
}
