// Which of the provider's endpoints a path names.
//
// Everything below `/v1/` is the provider's, known or not, also behind `/api`, which the seed's clients
// put in front. A path that climbs (`..`, also encoded) is nobody's: what the upstream would make of
// it, with our credential, is not for a client to choose.
//
// Kind: value.

struct AnthropicPath: Equatable, Sendable {
    enum Route: UInt8, Sendable, CaseIterable {
        case messages, countTokens, batches, files, models, other

        /// For logs, metrics and plugins.
        var name: StaticString {
            switch self {
            case .messages: "messages"
            case .countTokens: "count_tokens"
            case .batches: "batches"
            case .files: "files"
            case .models: "models"
            case .other: "other"
            }
        }

        /// The largest request body, in bytes, as the provider documents it.
        var bodyLimit: Int {
            switch self {
            case .batches: 256 << 20
            case .files: 500 << 20
            case .messages, .countTokens, .models, .other: 32 << 20
            }
        }
    }

    var route: Route
    /// How many bytes of the path to leave out for the upstream: 4 for `/api`, else 0.
    var prefixBytes: Int

    /// - Parameter path: of the request target, without the query.
    /// - Returns: nil when the path is not the provider's.
    init?(_ path: Bytes) {
        prefixBytes = path.hasPrefix(Bytes("/api/v1/")) ? 4 : 0
        let rest = path.slice(prefixBytes, path.count)
        guard rest.hasPrefix(Bytes("/v1/")), rest.count > 4, !Self.climbs(rest) else { return nil }
        let name = rest.slice(4, rest.count)
        route =
            if name.equals(Bytes("messages")) {
                .messages
            } else if name.equals(Bytes("messages/count_tokens")) {
                .countTokens
            } else if Self.isAtOrBelow(name, "messages/batches") {
                .batches
            } else if Self.isAtOrBelow(name, "files") {
                .files
            } else if Self.isAtOrBelow(name, "models") {
                .models
            } else {
                .other
            }
    }

    private static func isAtOrBelow(_ name: Bytes, _ folder: StaticString) -> Bool {
        let folder = Bytes(folder)
        return name.hasPrefix(folder) && (name.count == folder.count || name[folder.count] == 0x2f)
    }

    /// Whether a segment is `.` or `..`, with `%2e` counting as a dot, and `%2f`, `\` and `%5c` as a slash.
    private static func climbs(_ path: Bytes) -> Bool {
        guard path.buffer.contains(where: { $0 == 0x2e || $0 == 0x25 }) else { return false }
        var dots = 0
        var others = 0
        var at = 0
        while at <= path.count {
            var byte: UInt8 = at < path.count ? path[at] : 0x2f
            at += 1
            if byte == 0x25, at + 2 <= path.count {
                switch (path[at], path[at + 1] | 0x20) {
                case (0x32, 0x65): byte = 0x2e
                case (0x32, 0x66), (0x35, 0x63): byte = 0x2f
                default: break
                }
                if byte != 0x25 { at += 2 }
            }
            switch byte {
            case 0x2f, 0x5c:
                if others == 0, dots == 1 || dots == 2 { return true }
                dots = 0
                others = 0
            case 0x2e: dots += 1
            default: others += 1
            }
        }
        return false
    }
}
