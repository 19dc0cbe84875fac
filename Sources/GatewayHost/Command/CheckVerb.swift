// `gateway check`: everything that a start would find wrong, without starting.
//
// Kind: the main thread's.

extension Verb {
    static let check = Verb(
        name: "check", section: .serving, summary: "Says everything that is wrong with a configuration, plugins included.",
        details: """
            Reads the file, resolves its references, loads each plugin of the chain and holds its configuration
            against the plugin's schema. Serves nothing; the data folder gets the copies that plugins are loaded from. Exits
            with 3 when something is wrong.
            """,
        flags: [.config, .json]
    ) { invocation in
        guard let config = invocation.loadConfig() else { return .invalid }
        guard invocation.pluginsAreValid(config) else { return .invalid }
        let plugins = config.activeChain.map(\.name)
        let addresses = config.listeners.map { "\($0.tls == nil ? "http" : "https")://\($0.address)" }
        if invocation.wantsJSON {
            invocation.printJSON([
                "valid": true, "file": .string(config.file), "upstream": .string("\(config.upstream.url)"),
                "listen": .array(addresses.map { .string($0) }), "chain": .array(plugins.map { .string($0) }),
                "warnings": .array(config.warnings.map { .string("\($0)") }),
            ])
            return .done
        }
        invocation.terminal.out("\(config.file) is valid")
        invocation.terminal.out("  listens on  \(addresses.joined(separator: ", "))")
        invocation.terminal.out("  upstream    \(config.upstream.url)")
        invocation.terminal.out("  chain       \(plugins.isEmpty ? "empty" : plugins.joined(separator: ", "))")
        return .done
    }
}

extension Invocation {
    /// Loads the plugins of the chain and holds their configuration against their schemas; false after a complaint.
    func pluginsAreValid(_ config: GatewayConfig) -> Bool {
        // Loading logs each plugin; here only what is wrong is of interest. Standard error needs no opening that could fail.
        var quiet = LogConfig()
        quiet.level = .warning
        try? log.configure(quiet)
        defer { log.stop() }
        do {
            try services.checkPlugins(config)
            return true
        } catch let faults as ConfigFaults {
            report(faults.faults)
        } catch {
            report([ConfigFault(file: config.file, mark: nil, path: "chain", sentence: "\(error)")])
        }
        return false
    }
}
