// One account: what is said about it, in the configuration or in its record as it is now.
//
// How it stands is a Standing of the pool, found by the account's id, so that an account that is edited keeps its
// health and its load. The count of requests in flight belongs to this generation of the chain: for as long as an old
// one drains after a reload, an account may carry up to its concurrency once in each.
//
// Kind: constant; each worker has its own object of a stored record.

import PluginKit

final class Account: Sendable {
    /// `config:` and the name, or the id of its record.
    let id: String
    let name: [UInt8]
    /// Sent as `x-api-key`; empty for an account with a grant.
    let credential: [UInt8]
    /// Of an OAuth account: what is sent instead.
    let grant: HeldGrant?
    let provider: OAuthProvider?
    /// Where it is served; nil for the host's configured upstream.
    let baseURL: [UInt8]?
    /// The proxies it demands, as gw.egress has them: URLs in order, a blank between; nil if it goes out directly.
    let egress: [UInt8]?
    /// Smaller comes first; a larger one is used when no smaller one is usable.
    let priority: Int
    let weight: Int
    /// Requests at a time; nil without limit.
    let concurrency: Int?
    let models: ModelPatterns
    let isEnabled: Bool
    /// Ids of groups, by which a key may ask for it.
    let groups: [String]
    /// Only keys that name it by its id may use it.
    let isDedicated: Bool

    init(
        id: String, name: String, credential: String, baseURL: String? = nil, egress: [ProxyURL] = [],
        priority: Int = 50, weight: Int = 1, concurrency: Int? = nil, models: ModelPatterns,
        isEnabled: Bool = true, groups: [String] = [], isDedicated: Bool = false, grant: HeldGrant? = nil,
        provider: OAuthProvider? = nil
    ) {
        self.id = id
        self.groups = groups
        self.isDedicated = isDedicated
        self.grant = grant
        self.provider = provider
        self.name = Array(name.utf8)
        self.credential = Array(credential.utf8)
        self.baseURL = baseURL.map { Array($0.utf8) }
        self.egress = egress.isEmpty ? nil : Array(egress.map(\.text).joined(separator: " ").utf8)
        self.priority = priority
        self.weight = weight
        self.concurrency = concurrency
        self.models = models
        self.isEnabled = isEnabled
    }

    /// The first of its proxies, for requests of our own.
    var firstProxy: ProxyURL? { egress.flatMap { $0.withUnsafeBufferPointer { ProxyURL.list(Bytes($0))?.first } } }

    var label: String { String(decoding: name, as: UTF8.self) }

    /// What the choice needs of it.
    func member(_ pool: AccountPool) -> Member {
        Member(
            standing: pool.standing(id, concurrency: concurrency ?? Standing.unlimited), label: label, priority: priority,
            weight: weight, groups: groups, isDedicated: isDedicated, isEnabled: isEnabled, models: models)
    }
}
