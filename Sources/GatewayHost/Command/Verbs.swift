// All commands, in the order in which help lists them.
//
// Kind: value.

enum Verbs {
    static let version = "gateway 0.1.0"

    static let all: [Verb] = [
        .run, .serve, .check, .reload, .status, .stop,
        .configShow, .configDiff, .configDocs, .configSchema,
        .demoUpstream,
        Verb(name: "version", summary: "Prints the version.") { invocation in
            invocation.terminal.out(version)
            return .done
        },
    ]
}

extension Invocation {
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

    func report(_ faults: [ConfigFault]) {
        for fault in faults { terminal.problem("\(fault)") }
        terminal.problem(
            faults.count == 1
                ? "gateway: \(configPath) is not valid"
                : "gateway: \(configPath) is not valid: \(faults.count) faults")
    }

    /// The value of `--timeout`; nil after a complaint.
    func timeout(_ initial: Duration) -> Duration? {
        guard let text = flags["timeout"] else { return initial }
        if let duration = Measure.duration(text) { return duration }
        terminal.problem("gateway: --timeout \(text) is no duration. Write it like 30s.")
        return nil
    }
}
