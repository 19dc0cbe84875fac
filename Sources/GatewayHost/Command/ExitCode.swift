// What a command's exit status means, for scripts. `gateway help exit-codes` prints this table, and nothing else says it.
//
// Kind: value.

enum ExitCode: Int32, Sendable, CaseIterable {
    case done = 0
    case failed = 1
    case usage = 2
    case invalid = 3
    case notRunning = 4
    case absent = 5
    case refused = 6

    var meaning: String {
        switch self {
        case .done: "done"
        case .failed: "tried and did not work, or found a fault or a difference; standard error says which"
        case .usage: "the command line is wrong; nothing was tried"
        case .invalid: "the configuration is invalid, or the running gateway refused it"
        case .notRunning: "no gateway runs with this configuration"
        case .absent: "there is no such record"
        case .refused: "the change was refused: a value is not valid, is taken, was changed meanwhile, or is still named by others"
        }
    }
}
