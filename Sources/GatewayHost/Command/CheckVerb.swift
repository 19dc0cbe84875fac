// `gateway check`: everything that a start would find wrong, without starting.
//
// Kind: the main thread's.

extension Verb {
    static let check = Verb(
        name: "check", summary: "Says everything that is wrong with a configuration, plugins included.",
        details: """
            Reads the file, resolves its references, loads each plugin of the chain and holds its configuration
            against the plugin's schema. Serves nothing; the data folder gets the copies that plugins are loaded from. Exits
            with 3 when something is wrong.
            """,
        flags: [.config]
    ) { invocation in
        guard let config = invocation.loadConfig() else { return .invalid }
        // Loading logs each plugin; here only what is wrong is of interest. Standard error needs no opening that could fail.
        var quiet = LogConfig()
        quiet.level = .warning
        try? log.configure(quiet)
        defer { log.stop() }
        do {
            try invocation.services.checkPlugins(config)
        } catch let faults as ConfigFaults {
            invocation.report(faults.faults)
            return .invalid
        } catch {
            invocation.report([ConfigFault(file: config.file, mark: nil, path: "chain", sentence: "\(error)")])
            return .invalid
        }
        let plugins = config.activeChain.map(\.name)
        let addresses = config.listeners.map { "\($0.tls == nil ? "http" : "https")://\($0.address)" }
        invocation.terminal.out("\(config.file) is valid")
        invocation.terminal.out("  listens on  \(addresses.joined(separator: ", "))")
        invocation.terminal.out("  upstream    \(config.upstream.url)")
        invocation.terminal.out("  chain       \(plugins.isEmpty ? "empty" : plugins.joined(separator: ", "))")
        return .done
    }
}
