// How much a log line matters.
//
// Kind: value.

enum LogLevel: String, Sendable, CaseIterable {
    case trace, debug, info, warning, error

    /// 0 for trace to 4 for error: the numbers of gw_level in the plugin contract.
    @inline(__always)
    var severity: Int {
        switch self {
        case .trace: 0
        case .debug: 1
        case .info: 2
        case .warning: 3
        case .error: 4
        }
    }

    /// The level of a number from the plugin contract; out of range: the nearest.
    init(severity: Int) {
        self = LogLevel.allCases[min(max(severity, 0), 4)]
    }
}
