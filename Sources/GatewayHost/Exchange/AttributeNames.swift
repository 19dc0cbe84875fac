// The process-wide table of attribute names: a name becomes a small number once, and the request
// path only sees numbers. The host's own names come first and are compile-time constants.
//
// Kind: shared; the table is behind one lock that is taken only while plugins are created.

import PluginABI

/// The attributes of the host, in the order in which `AttributeNames` interns them.
enum HostAttribute: UInt32, CaseIterable {
    case clientIP = 1, requestID, route, model, stream, session, principal, tenant, account, egress
    case tokensInput, tokensOutput, cacheRead, cacheWrite5m, cacheWrite1h, deniedBy
    case clientGone, accountReason, endReason

    var name: String {
        switch self {
        case .clientIP: GW_ATTR_CLIENT_IP
        case .requestID: GW_ATTR_REQUEST_ID
        case .route: GW_ATTR_ROUTE
        case .model: GW_ATTR_MODEL
        case .stream: GW_ATTR_STREAM
        case .session: GW_ATTR_SESSION
        case .principal: GW_ATTR_PRINCIPAL
        case .tenant: GW_ATTR_TENANT
        case .account: GW_ATTR_ACCOUNT
        case .egress: GW_ATTR_EGRESS
        case .tokensInput: GW_ATTR_TOKENS_INPUT
        case .tokensOutput: GW_ATTR_TOKENS_OUTPUT
        case .cacheRead: GW_ATTR_CACHE_READ
        case .cacheWrite5m: GW_ATTR_CACHE_WRITE_5M
        case .cacheWrite1h: GW_ATTR_CACHE_WRITE_1H
        case .deniedBy: GW_ATTR_DENIED_BY
        case .clientGone: GW_ATTR_CLIENT_GONE
        case .accountReason: GW_ATTR_ACCOUNT_REASON
        case .endReason: GW_ATTR_END_REASON
        }
    }

    /// Attributes that plugins only read: the host says what they are.
    var isReadOnly: Bool {
        switch self {
        case .principal, .tenant, .account, .egress, .session, .clientGone, .accountReason, .endReason: false
        default: true
        }
    }
}

enum AttributeNames {
    /// Enough for a chain of 64 plugins with a dozen names each; a leak of names stops here.
    static let limit: UInt32 = 1024

    private static let table = Locked<[String: UInt32]>(
        Dictionary(uniqueKeysWithValues: HostAttribute.allCases.map { ($0.name, $0.rawValue) }))

    /// The number of a name, the same for the life of the process; nil when `limit` is reached.
    /// - Thread: any.
    static func intern(_ name: String) -> UInt32? {
        table.withLock { table in
            if let id = table[name] { return id }
            let id = UInt32(table.count) + 1
            guard id <= limit else { return nil }
            table[name] = id
            return id
        }
    }

    /// The name of a number, for diagnostics.
    static func name(of id: UInt32) -> String? {
        table.withLock { $0.first { $0.value == id }?.key }
    }
}
