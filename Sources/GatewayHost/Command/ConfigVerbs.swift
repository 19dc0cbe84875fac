// `gateway config show`, `diff`, `docs` and `schema`.
//
// Kind: the main thread's.

extension Verb {
    static let configShow = Verb(
        name: "config show", summary: "Prints the configuration with all defaults, secrets redacted.",
        details: """
            What came through a reference, or stands under a key that speaks of a secret, is printed as [redacted], so the
            output can be pasted into a question.
            """,
        flags: [.config]
    ) { invocation in
        guard let config = invocation.loadConfig() else { return .invalid }
        invocation.terminal.out(String(ConfigListing.text(config).dropLast()))
        return .done
    }

    static let configDiff = Verb(
        name: "config diff", summary: "Prints what a reload would change.",
        details: """
            Compares the configuration in force, or FILE, with the one on disk. Secrets are compared but not shown; references of
            both are resolved now. Prints nothing and exits with 0 when they say the same, else exits with 1.
            """,
        flags: [.config, Verb.Flag(name: "against", value: "FILE", help: "compare with this file instead")]
    ) { invocation in
        guard let new = invocation.loadConfig() else { return .invalid }
        let old: GatewayConfig
        do throws(ConfigFaults) {
            if let other = invocation.flags["against"] {
                old = try ConfigLoader.load(other)
            } else {
                old = try AppliedConfig.read(
                    from: new.data, file: new.file, environment: Environment.current())
            }
        } catch {
            for fault in error.faults { invocation.terminal.problem("\(fault)") }
            return .invalid
        }
        let lines = ConfigDifference.lines(from: old, to: new)
        for line in lines { invocation.terminal.out(line) }
        return lines.isEmpty ? .done : .failed
    }

    static let configDocs = Verb(
        name: "config docs", summary: "Prints what can stand in gateway.yaml, as Markdown."
    ) { invocation in
        invocation.terminal.out(String(ConfigDocument.markdown.dropLast()))
        return .done
    }

    static let configSchema = Verb(
        name: "config schema", summary: "Prints the JSON Schema of gateway.yaml, for editors."
    ) { invocation in
        invocation.terminal.out(String(ConfigDocument.schema.dropLast()))
        return .done
    }
}
