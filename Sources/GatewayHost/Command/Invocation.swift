// A verb with what was written behind it, and what it may touch.
//
// Kind: value.

/// The words behind a verb, sorted.
struct Arguments: Sendable, Equatable {
    /// By the flag's own name, in the order given; a switch has "" or, turned off, "false".
    var flags: [String: [String]] = [:]
    var operands: [String] = []
}

struct Invocation: Sendable {
    let verb: String
    let arguments: Arguments
    let terminal: Terminal
    let services: CommandServices
    /// Open already, because the verb was found through it.
    var administration: MainThreadOnly<Administration>?

    var configPath: String { self["config"] ?? Invocation.usualConfig }
    static let usualConfig = "gateway.yaml"

    /// The value of a flag; nil when it is not given.
    subscript(flag: String) -> String? { arguments.flags[flag]?.last }

    func has(_ flag: String) -> Bool { arguments.flags[flag] != nil }

    var wantsJSON: Bool { has("json") }
    var paint: Paint { terminal.paint }

    /// Reads the configuration, or prints what is wrong with it.
    func loadConfig() -> GatewayConfig? {
        do {
            let config = try ConfigLoader.load(configPath)
            for warning in config.warnings { terminal.problem("warning: \(warning)") }
            return config
        } catch {
            report(error.faults)
            return nil
        }
    }

    /// Reads the configuration as the gateway beside this command has it (see `Demonstration`), or prints what is wrong with it.
    func loadSharedConfig() -> GatewayConfig? {
        do throws(ConfigFaults) {
            return try Invocation.sharedConfig(configPath)
        } catch {
            report(error.faults)
            return nil
        }
    }

    static func sharedConfig(_ path: String) throws(ConfigFaults) -> GatewayConfig {
        try ConfigLoader.load(path, environment: Demonstration.environment(for: path))
    }

    /// For those who only look something up in it.
    func quietConfig() -> GatewayConfig? { try? Invocation.sharedConfig(configPath) }

    func report(_ faults: [ConfigFault]) {
        for fault in faults { terminal.problem("\(fault)") }
        terminal.problem(
            faults.count == 1
                ? "gateway: \(configPath) is not valid"
                : "gateway: \(configPath) is not valid: \(faults.count) faults")
    }

    /// Says what went wrong.
    func fail(_ sentence: String, _ code: ExitCode = .failed) -> ExitCode {
        terminal.problem("gateway: \(sentence)")
        return code
    }

    /// The value of a flag that takes a duration; nil after a complaint.
    func duration(_ flag: String, unless initial: Duration) -> Duration? {
        guard let text = self[flag] else { return initial }
        if let duration = Measure.duration(text) { return duration }
        terminal.problem("gateway: --\(flag) \(text) is no duration. Write it like 30s.")
        return nil
    }

    /// The value of a flag that takes a count; nil after a complaint.
    func count(_ flag: String, _ range: ClosedRange<Int>, unless initial: Int) -> Int? {
        guard let text = self[flag] else { return initial }
        if let number = Int(text), range.contains(number) { return number }
        terminal.problem(
            "gateway: --\(flag) \(ConfigFault.printable(text, limit: 60)) is no number from \(range.lowerBound) to \(range.upperBound).")
        return nil
    }

    func printJSON(_ value: JSONValue) {
        terminal.out(String(decoding: value.pretty.dropLast(), as: UTF8.self))
    }

    /// Asks on a terminal; nil when there is none to ask.
    func confirms(_ question: String) -> Bool? {
        guard let answer = terminal.ask("\(question) [y/N] ") else { return nil }
        return ["y", "yes"].contains(answer.lowercased())
    }
}
