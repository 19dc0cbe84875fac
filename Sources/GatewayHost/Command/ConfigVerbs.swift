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
        flags: [.config, .json]
    ) { invocation in
        guard let config = invocation.loadConfig() else { return .invalid }
        let text = ConfigListing.text(config)
        if invocation.wantsJSON, let tree = try? YAMLReader.read(Array(text.utf8), file: config.file) {
            invocation.printJSON(PluginConfig.value(of: tree, nil))
        } else {
            invocation.terminal.out(String(text.dropLast()))
        }
        return .done
    }

    static let configDiff = Verb(
        name: "config diff", summary: "Prints what a reload would change.",
        details: """
            Compares the configuration in force, or FILE, with the one on disk. Secrets are compared but not shown; references of
            both are resolved now. Prints nothing and exits with 0 when they say the same, else exits with 1.
            """,
        flags: [.config, .json, Verb.Flag(name: "against", value: "FILE", help: "compare with this file instead", offers: .files)]
    ) { invocation in
        guard let new = invocation.loadConfig() else { return .invalid }
        let old: GatewayConfig
        do throws(ConfigFaults) {
            if let other = invocation["against"] {
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
        if invocation.wantsJSON {
            invocation.printJSON(["differs": .bool(!lines.isEmpty), "lines": .array(lines.map { .string($0) })])
        } else {
            for line in lines { invocation.terminal.out(invocation.paint(line.hasPrefix("+") ? .good : .bad, line)) }
        }
        return lines.isEmpty ? .done : .failed
    }

    static let configDocs = Verb(
        name: "config docs", section: .trying, summary: "Prints what can stand in gateway.yaml, as Markdown."
    ) { invocation in
        invocation.terminal.out(String(ConfigDocument.markdown.dropLast()))
        return .done
    }

    static let configSchema = Verb(
        name: "config schema", section: .trying, summary: "Prints the JSON Schema of gateway.yaml, for editors."
    ) { invocation in
        invocation.terminal.out(String(ConfigDocument.schema.dropLast()))
        return .done
    }
}
