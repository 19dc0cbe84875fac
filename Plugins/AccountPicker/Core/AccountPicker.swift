// AccountPicker: which account carries a request, and what happens when it fails.
//
//     AccountPicker         shared: options, the pool (AccountPool.swift), what hooks need by name
//     AccountPickerWorker   confined: the hooks
//     Picking               the rules: Selection, StickyTable, Health, WaitingRoom
//
// Kind: shared.

import PluginKit

public final class AccountPicker: Plugin, StateHandover, FixedRecords {
    public static let about = PluginDescription(
        id: "gw.accountpicker", version: "1.2.0",
        summary: "Spreads requests over upstream accounts and moves on when one fails",
        schema: AccountPickerOptions.schema, keepsState: true, resources: AccountResources.declaration)

    let options: AccountPickerOptions
    let pool: AccountPool
    let oauth: OAuth
    let fetch: Fetch?
    let metrics: AccountMetrics?
    /// The same for what every request does, without a reference to count.
    let lentMetrics: Unmanaged<AccountMetrics>?
    let documents: Documents?
    let records: RecordStore?

    let route: Attribute
    let model: Attribute
    let stream: Attribute
    let session: Attribute
    let tenant: Attribute
    let principal: Attribute
    let wanted: Attribute
    let account: Attribute
    let reason: Attribute
    let egress: Attribute
    let egressAgain: Attribute
    let inputTokens: Attribute
    let outputTokens: Attribute
    let cacheRead: Attribute
    let cacheWriteShort: Attribute
    let cacheWriteLong: Attribute

    public init(_ instance: Instance) throws {
        let settings = try instance.settings()
        // A host without records has the accounts of the configuration only.
        records = try? instance.records()
        pool = AccountPool(
            try AccountPickerOptions.limits(settings), workers: instance.workers, key: Self.key(instance, records))
        options = try AccountPickerOptions(settings)
        oauth = OAuth(options.providers, pool, instance)
        fetch = try? instance.fetch()
        metrics = try? AccountMetrics(instance)
        lentMetrics = metrics.map { .passUnretained($0) }
        documents = try? instance.documents()
        route = instance.attribute(GW_ATTR_ROUTE)
        model = instance.attribute(GW_ATTR_MODEL)
        stream = instance.attribute(GW_ATTR_STREAM)
        session = instance.attribute(GW_ATTR_SESSION)
        tenant = instance.attribute(GW_ATTR_TENANT)
        principal = instance.attribute(GW_ATTR_PRINCIPAL)
        wanted = instance.attribute(GW_ATTR_ACCOUNTS)
        account = instance.attribute(GW_ATTR_ACCOUNT)
        reason = instance.attribute(GW_ATTR_ACCOUNT_REASON)
        egress = instance.attribute(GW_ATTR_EGRESS)
        egressAgain = instance.attribute(GW_ATTR_EGRESS_AGAIN)
        inputTokens = instance.attribute(GW_ATTR_TOKENS_INPUT)
        outputTokens = instance.attribute(GW_ATTR_TOKENS_OUTPUT)
        cacheRead = instance.attribute(GW_ATTR_CACHE_READ)
        cacheWriteShort = instance.attribute(GW_ATTR_CACHE_WRITE_5M)
        cacheWriteLong = instance.attribute(GW_ATTR_CACHE_WRITE_1H)
        if records == nil, !options.accounts.contains(where: \.isEnabled) {
            instance.log(GW_LOG_WARN, "no account is enabled: every request will be refused")
        }
    }

    /// Of the table of conversations: the same in every generation, so that they survive a reload.
    private static func key(_ instance: Instance, _ records: RecordStore?) -> (UInt64, UInt64) {
        var key: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &key) { key in
            if let derived = try? records?.derive(instance, "conversations") {
                key.copyBytes(from: derived[..<16])
            } else {
                instance.random(key)
            }
        }
        return key
    }

    public func makeWorker(_ worker: WorkerScope) throws -> AccountPickerWorker {
        let directory = AccountDirectory()
        if let records, let fetch {
            directory.keeper = GrantKeeper(oauth, worker, records, fetch) { [unowned directory] in try directory.egress(of: $0) }
        }
        let made = AccountPickerWorker(self, directory, worker)
        directory.keeper?.becameReady = { [unowned made] in made.credentialCame(to: $0, worker.background) }
        // The worker object outlives what is watched for it.
        try records?.watch(worker, "proxies") { [unowned made] record in
            made.change(worker.background, record.id) { try directory.proxyChanged(record) }
        }
        try records?.watch(worker, "accounts") { [unowned made] record in
            made.change(worker.background, record.id) { try directory.accountChanged(record).map { [$0] } ?? [] }
        }
        return made
    }

    public func saveState() -> [UInt8] { PoolSnapshot.save(pool) }
    public func loadState(_ bytes: Bytes) throws { try PoolSnapshot.load(bytes, into: pool) }

    public func fixedRecords(of resource: Bytes) -> [JSON] {
        guard resource.equals("accounts") else { return [] }
        return zip(options.accounts, options.fixed).map { account, written in
            written.setting("api_key", nil).setting("proxy", nil).setting("id", .text(account.label))
        }
    }
}
