// A command of the gateway, as the command line knows it: its words, flags, help and function.
//
// Kind: value.

import CLinux

struct Verb: Sendable {
    struct Flag: Sendable {
        let name: String
        /// What stands behind it, in capitals; nil for a switch.
        let value: String?
        let help: String
    }

    /// `serve`, or two words: `config show`.
    let name: String
    /// One line for the list of verbs.
    let summary: String
    /// Sentences for `--help`, broken into lines.
    var details = ""
    var flags: [Flag] = []
    let run: @Sendable (Invocation) -> ExitCode
}

extension Verb.Flag {
    static let config = Verb.Flag(
        name: "config", value: "FILE", help: "the configuration; gateway.yaml unless given")
    static let data = Verb.Flag(
        name: "data", value: "FOLDER", help: "the data folder, instead of reading it from the configuration")
    static let json = Verb.Flag(name: "json", value: nil, help: "print JSON for programs")
    static let timeout = Verb.Flag(
        name: "timeout", value: "DURATION", help: "how long to wait, as 30s")
}

/// A verb with what was written behind it.
struct Invocation: Sendable {
    let verb: String
    /// Flags with their values; a switch has an empty one.
    let flags: [String: String]
    let terminal: Terminal
    let services: CommandServices

    var configPath: String { flags["config"] ?? "gateway.yaml" }

    func has(_ flag: String) -> Bool { flags[flag] != nil }
}

/// Where a command writes: standard output and standard error, or a test's memory.
struct Terminal: Sendable {
    /// One line, without its line break.
    let out: @Sendable (String) -> Void
    let problem: @Sendable (String) -> Void

    /// Unbuffered, because `serve` and `run` print and then go on for months.
    static let standard = Terminal(
        out: { Terminal.write($0, to: 1) },
        problem: { Terminal.write($0, to: 2) })

    private static func write(_ line: String, to descriptor: Int32) {
        var bytes = Array((line + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { CLinux.write(descriptor, $0.baseAddress, $0.count) }
            // Nobody is left to tell when the terminal is gone.
            guard count > 0 || gwl_errno() == EINTR else { return }
            bytes = bytes.dropFirst(max(count, 0))
        }
    }
}
