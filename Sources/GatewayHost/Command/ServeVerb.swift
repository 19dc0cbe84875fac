// `gateway serve`: takes the data folder, starts the log, and hands over to the gateway.
//
// Kind: the main thread's.

extension Verb {
    static let serve = Verb(
        name: "serve", summary: "Serves until SIGTERM, which lets running exchanges end first.",
        details: """
            SIGHUP applies a changed configuration, as "gateway reload" does; SIGTERM and SIGINT drain.
            Exits with 3 when the configuration is invalid and with 1 when it cannot listen.
            """,
        flags: [.config]
    ) { invocation in
        guard let config = invocation.loadConfig() else { return .invalid }
        return invocation.serve(config) { addresses in
            for address in addresses { log.info("listening", .field("address", address)) }
        }
    }
}

extension Invocation {
    /// Serves `config` in this process until the end.
    func serve(_ config: GatewayConfig, whenListening: @escaping @Sendable ([String]) -> Void) -> ExitCode {
        let folder: DataFolder
        do {
            folder = try DataFolder(taking: config.data)
        } catch {
            terminal.problem(
                "gateway: \(error.sentence)."
                    + (error.holder == nil
                        ? "" : " \"gateway stop\" ends it, \"gateway reload\" applies a changed file."))
            return .failed
        }
        do {
            try log.configure(config.log)
        } catch {
            terminal.problem("gateway: \(error)")
            return .failed
        }
        if let failure = AppliedConfig.record(config) {
            log.warning("the configuration in force could not be kept", .field("why", failure.sentence))
        }
        let status = services.serve(config, whenListening)
        log.stop()
        // Not released earlier than the last exchange has ended: until then this process serves.
        withExtendedLifetime(folder) {}
        return ExitCode(rawValue: status) ?? .failed
    }
}
