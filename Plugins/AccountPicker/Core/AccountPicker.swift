// AccountPicker: which account carries a request, and what happens when it fails.
//
//     AccountPicker         shared: the accounts (Account.swift)
//     AccountPickerWorker   confined: turns (AccountChoice.swift), and one `Pick` per exchange
//
//     onSelect    choose, take a place, set credential, upstream, gw.account, gw.egress; or 529
//     onAttempt   judge: a failure cools the account (Cooling.swift) and moves the request to
//                 another one, as long as nothing has been sent to the client
//     onResponse  only event streams are looked at further
//     onChunk     a first event that is an error is a failure too; later ones pass unseen
//     onComplete  give the place back
//
// A retry is asked for only if there is another account to retry with: otherwise the client gets the
// upstream's own answer, which says more than ours would.

import PluginKit

public final class AccountPicker: Plugin, StateHandover, FixedRecords {
    public static let about = PluginDescription(
        id: "gw.accountpicker", version: "1.1.0",
        summary: "Spreads requests over upstream accounts and moves on when one fails",
        schema: AccountPickerOptions.schema, resources: AccountResources.declaration)

    let options: AccountPickerOptions
    let registry = AccountRegistry()
    let fetch: Fetch?
    private let records: RecordStore?
    fileprivate let model: Attribute
    fileprivate let account: Attribute
    fileprivate let egress: Attribute
    fileprivate let wanted: Attribute

    public init(_ instance: Instance) throws {
        options = try AccountPickerOptions(try instance.settings(), registry)
        // A host without records has the accounts of the configuration only.
        records = try? instance.records()
        fetch = try? instance.fetch()
        model = instance.attribute(GW_ATTR_MODEL)
        account = instance.attribute(GW_ATTR_ACCOUNT)
        egress = instance.attribute(GW_ATTR_EGRESS)
        wanted = instance.attribute(GW_ATTR_ACCOUNTS)
        if records == nil, !options.accounts.contains(where: \.isEnabled) {
            instance.log(GW_LOG_WARN, "no account is enabled: every request will be refused")
        }
    }

    public func makeWorker(_ worker: WorkerScope) throws -> AccountPickerWorker {
        let directory = AccountDirectory(registry)
        let made = AccountPickerWorker(self, directory, index: worker.index)
        // The worker object outlives what is watched for it.
        try records?.watch(worker, "proxies") { [unowned made] record in
            made.change(worker.background, record.id) { try directory.proxyChanged(record) }
        }
        try records?.watch(worker, "accounts") { [unowned made] record in
            made.change(worker.background, record.id) { try directory.accountChanged(record).map { [$0] } ?? [] }
        }
        return made
    }

    public func saveState() -> [UInt8] { AccountSnapshot.save(registry) }

    public func loadState(_ bytes: Bytes) throws {
        try AccountSnapshot.load(bytes, into: registry, fixed: Set(options.accounts.map(\.id)))
    }

    public func fixedRecords(of resource: Bytes) -> [JSON] {
        guard resource.equals("accounts") else { return [] }
        return zip(options.accounts, options.fixed).map { account, written in
            written.setting("api_key", nil).setting("proxy", nil).setting("id", .text(account.label))
        }
    }
}

public final class AccountPickerWorker: SelectHook, AttemptHook, ResponseHook, ChunkHook, CompleteHook {
    /// What is known of one exchange.
    private struct Pick: BitwiseCopyable {
        var tried = TriedAccounts()
        /// The account of the current attempt.
        var current = -1
        /// A place of it is taken.
        var holdsPlace = false
        /// The host would accept a retry of the current attempt.
        var mayRetry = false
    }

    let plugin: AccountPicker
    let directory: AccountDirectory
    private var choice: AccountChoice

    fileprivate init(_ plugin: AccountPicker, _ directory: AccountDirectory, index: Int) {
        self.plugin = plugin
        self.directory = directory
        choice = AccountChoice(plugin.options.accounts, plugin.options.strategy, start: index)
    }

    public func onSelect(_ request: Request) -> Verdict {
        let pick = request.state(Pick.self) ?? request.makeState(Pick())
        giveBack(pick)
        let chosen = choice.take(
            model: request.text(plugin.model), wanted: request.text(plugin.wanted), tried: &pick.pointee.tried, now: { Self.now(request) })
        guard let chosen else {
            let refusal = choice.census.refusal
            request.log(GW_LOG_WARN, "refused: \(refusal.message)")
            return request.refuse(refusal)
        }
        pick.pointee.current = chosen
        pick.pointee.holdsPlace = true
        pick.pointee.tried.insert(chosen)
        return choice.withAccount(chosen) { apply($0, to: request) } ? .continue : .fail
    }

    public func onAttempt(_ request: Request, _ attempt: Attempt) -> Verdict {
        guard let pick = request.state(Pick.self), pick.pointee.current >= 0 else { return .continue }
        pick.pointee.mayRetry = !attempt.isLast
        if attempt.error == GW_E_CANCELLED { return .continue }  // the client left; nobody failed
        let reason = attempt.error == GW_OK ? CoolingReason(status: attempt.status) : .unreachable
        guard let reason else {
            choice.withAccount(pick.pointee.current) { account in
                if !account.isHealthy { account.changeCooling { $0.succeeded(at: Self.now(request)) } }
            }
            return .continue
        }
        return failed(request, pick, reason, retryAfterMilliseconds: attempt.retryAfterMilliseconds)
    }

    public func onResponse(_ request: Request) -> Verdict {
        if !request.isEventStream || request.isLocal { request.unsubscribe(GW_ON_CHUNK) }
        return .continue
    }

    public func onChunk(_ request: Request, _ chunk: Chunk) -> Verdict {
        let verdict = judgeFirstEvent(request, chunk)
        // Only the first event of a stream can be taken back; another attempt has a first one again.
        if verdict != .retry { request.unsubscribe(GW_ON_CHUNK) }
        return verdict
    }

    public func onComplete(_ request: Request, _ summary: Summary) {
        if let pick = request.state(Pick.self) { giveBack(pick) }
    }

    // MARK: Records

    /// A record changed: `accounts` says which accounts are as of now. An account that cannot be used is removed.
    fileprivate func change(_ background: Request, _ id: Bytes, _ accounts: () throws -> [Account]) {
        let id = id.string
        do {
            let changed = try accounts()
            if !changed.contains(where: { $0.id == id }) { choice.remove(id) }
            for account in changed { choice.set(account) }
        } catch {
            choice.remove(id)
            background.log(GW_LOG_ERROR, "the record \(id) is not used: \(error)")
        }
    }

    // MARK: Private

    /// Monotonic milliseconds.
    private static func now(_ request: Request) -> UInt64 { request.clock(GW_CLOCK_MONOTONIC) / 1_000_000 }

    private func judgeFirstEvent(_ request: Request, _ chunk: Chunk) -> Verdict {
        guard !request.isCommitted, chunk.event.equals("error"),
            let pick = request.state(Pick.self), pick.pointee.current >= 0,
            let document = try? JSON(parsing: chunk.data),
            case .text(let type) = document["error"]["type"],
            let reason = CoolingReason(errorType: type)
        else { return .continue }
        return failed(request, pick, reason, retryAfterMilliseconds: 0)
    }

    private func giveBack(_ pick: UnsafeMutablePointer<Pick>) {
        guard pick.pointee.holdsPlace else { return }
        pick.pointee.holdsPlace = false
        choice.giveBack(pick.pointee.current)
    }

    private func apply(_ account: Account, to request: Request) -> Bool {
        account.name.withUnsafeBufferPointer { name in
            var upstream = gw_upstream()
            upstream.account = Bytes(name).abi
            let isSet = withOptional(account.baseURL) { url in
                upstream.url = url.abi
                return request.setUpstream(upstream)
            }
            return isSet
                && account.credential.withUnsafeBufferPointer {
                    request.setHeader("x-api-key", Bytes($0))
                }
                && request.set(plugin.account, text: Bytes(name))
                // Also for an account without a proxy: the one before it may have had one.
                && withOptional(account.egress) { request.set(plugin.egress, text: $0) }
        }
    }

    private func withOptional(_ bytes: [UInt8]?, _ body: (Bytes) -> Bool) -> Bool {
        guard let bytes else { return body(.absent) }
        return bytes.withUnsafeBufferPointer { body(Bytes($0)) }
    }

    /// Cools the account of the current attempt and decides whether another one gets the request.
    private func failed(
        _ request: Request, _ pick: UnsafeMutablePointer<Pick>, _ reason: CoolingReason,
        retryAfterMilliseconds: Int
    ) -> Verdict {
        let index = pick.pointee.current
        let model = request.text(plugin.model)
        let now = Self.now(request)
        let isSpared = !cool(
            request, index, reason, model: model, now: now, retryAfterMilliseconds: retryAfterMilliseconds)
        guard pick.pointee.mayRetry else { return .continue }
        if choice.hasAnother(model: model, wanted: request.text(plugin.wanted), tried: pick.pointee.tried, now: { now }) {
            giveBack(pick)
            return .retry
        }
        // Nothing reached the upstream, so the same account may be dialled once more.
        if reason == .unreachable, isSpared {
            giveBack(pick)
            return .retry
        }
        return .continue
    }

    /// False if the account was spared because no other one is healthy.
    private func cool(
        _ request: Request, _ index: Int, _ reason: CoolingReason, model: Bytes, now: UInt64,
        retryAfterMilliseconds: Int
    ) -> Bool {
        func isLast() -> Bool {
            reason.sparesTheLast && !choice.isHealthyWithout(index, model: model, now: { now })
        }
        let account = choice.accounts[index]
        guard !isLast() else {
            request.log(GW_LOG_WARN, "account '\(account.label)': \(reason.words); spared, being the last")
            return false
        }
        let asked = ResetTime(
            request, retryAfterMilliseconds: retryAfterMilliseconds, reason: reason,
            wall: Timestamp(nanoseconds: request.clock(GW_CLOCK_WALL)).seconds)
        let cooling = account.changeCooling {
            $0.failed(reason, at: now, asked: asked?.milliseconds, cap: plugin.options.coolingCap)
        }
        // Two workers may cool two accounts at once, each taking the other for healthy.
        if isLast() {
            account.changeCooling { $0 = .healthy }
            return false
        }
        request.log(
            GW_LOG_WARN,
            "account '\(account.label)' cools for \((cooling.until - now + 999) / 1000) s: \(reason.words)"
                + (asked.map { ", end from \($0.source)" } ?? ""))
        return true
    }
}
