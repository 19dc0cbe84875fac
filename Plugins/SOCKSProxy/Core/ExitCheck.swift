// What the last check of a proxy found, for people.
//
// Kind: value.

import PluginKit

struct ExitCheck: Sendable {
    enum Outcome: Sendable {
        case connected
        /// The proxy is to blame.
        case failed
        /// What is behind it is, as far as can be told.
        case unclear

        init(_ result: OperationResult) {
            self = result.error == GW_OK ? .connected : result.proxyFailed ? .failed : .unclear
        }

        var word: StaticString {
            switch self {
            case .connected: "connected"
            case .failed: "failed"
            case .unclear: "unclear"
            }
        }
    }

    let outcome: Outcome
    /// Seconds since 1970.
    let time: Int
    let milliseconds: Int
    let target: String

    var json: JSON {
        .object([
            ("outcome", .text("\(outcome.word)")), ("at", .text(Timestamp(seconds: time).text)),
            ("latency_ms", .integer(Int64(milliseconds))), ("target", .text(target)),
        ])
    }
}
