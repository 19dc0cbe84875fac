// `gateway serve`: reads the configuration, starts the log, and hands over to the gateway.
//
// Kind: the main thread's, which becomes the control thread.

extension Verb {
    static let serve = Verb(
        name: "serve", section: .serving, summary: "Serves until SIGTERM, which lets running exchanges end first.",
        details: """
            SIGHUP applies a changed configuration, as "gateway reload" does; SIGTERM and SIGINT drain, the second one ends
            at once. Exits with 3 when the configuration is invalid, plugins included, and with 1 when it cannot serve.
            """,
        flags: [.config]
    ) { invocation in
        guard let config = invocation.loadConfig() else { return .invalid }
        return invocation.serve(config) { _ in }
    }
}

extension Invocation {
    /// Serves `config` in this process until the end.
    func serve(_ config: GatewayConfig, whenListening: @escaping @Sendable ([String]) -> Void) -> ExitCode {
        do {
            try log.configure(config.log)
            // What is still queued when it ends is worth waiting for; later lines go to standard error.
            defer { log.stop() }
            let status = try services.serve(config, whenListening)
            return ExitCode(rawValue: status) ?? .failed
        } catch let faults as ConfigFaults {
            report(faults.faults)
            return .invalid
        } catch {
            terminal.problem("gateway: \(error)")
            return .failed
        }
    }
}
