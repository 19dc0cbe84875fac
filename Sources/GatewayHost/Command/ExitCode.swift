// What a command's exit status means, for scripts. docs/CONFIG.md lists them.
//
// Kind: value.

enum ExitCode: Int32, Sendable {
    case done = 0
    /// Tried and did not work; standard error says why.
    case failed = 1
    /// The command line is wrong.
    case usage = 2
    /// The configuration is invalid, or the running gateway refused it.
    case invalid = 3
    /// No gateway runs with this configuration.
    case notRunning = 4
}
