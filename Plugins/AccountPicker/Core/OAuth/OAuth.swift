// What all workers share of OAuth: the providers of the configuration, the held credentials, who this process is.
//
// Kind: shared.

import Glibc
import PluginKit

final class OAuth: Sendable {
    let providers: [OAuthProvider]
    let metrics: OAuthMetrics?
    /// This generation of this process, for claims: "host/1234/9f3c…".
    let owner: String
    private let seed: (UInt64, UInt64)
    private let pool: AccountPool
    private let grants = Locked<[String: HeldGrant]>([:])

    init(_ providers: [OAuthProvider], _ pool: AccountPool, _ instance: Instance) {
        self.providers = providers
        self.pool = pool
        metrics = providers.isEmpty ? nil : try? OAuthMetrics(instance)
        var seed: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &seed) { instance.random($0) }
        self.seed = seed
        var name = [CChar](repeating: 0, count: 65)
        let host = gethostname(&name, 64) == 0 ? String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
        owner = "\(host.isEmpty ? "host" : host)/\(getpid())/\(String(seed.0 ^ seed.1, radix: 16))"
    }

    /// Of the account of that id; it lives as long as this generation.
    func held(_ id: String) -> HeldGrant {
        grants.withLock { grants in
            if let held = grants[id] { return held }
            let held = HeldGrant(pool.standing(id))
            grants[id] = held
            return held
        }
    }

    /// nil: it is no OAuth account.
    func known(_ id: String) -> HeldGrant? { grants.withLock { $0[id] } }

    /// The same for an account as long as the process lives, another in the next process.
    func chance(_ id: String) -> UInt64 { id.withBytes { SipHash(key0: seed.0, key1: seed.1).tag(of: $0).low } }
}

final class OAuthMetrics: Sendable {
    private let refreshes: Metric

    init(_ instance: Instance) throws {
        refreshes = try instance.metrics().define(
            instance, GW_COUNTER, "gateway_oauth_refreshes_total",
            help: "Refreshes of OAuth accounts that ended: refreshed, not_used, refused, unclear, failed.", labels: ["outcome"])
    }

    func ended(_ ending: GrantRefresh.Ending) {
        let outcome: StaticString
        switch ending {
        case .refreshed: outcome = "refreshed"
        case .notUsed: outcome = "not_used"
        case .refused: outcome = "refused"
        case .unclear: outcome = "unclear"
        case .failed: outcome = "failed"
        case .others: return
        }
        refreshes.series(Bytes(stringLiteral: outcome)).add()
    }
}
