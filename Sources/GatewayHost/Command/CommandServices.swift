// What the commands need of the gateway itself; tests bring their own.
//
// Kind: value.

struct CommandServices: Sendable {
    /// Serves until it is told to end; the exit status of the process. Calls the second argument once, with
    /// the addresses that clients can reach, when it listens.
    /// - Throws: what kept it from starting.
    var serve: @Sendable (GatewayConfig, @escaping @Sendable ([String]) -> Void) throws -> Int32
    /// Loads the plugins of the chain and holds their configuration against their schemas, without serving.
    /// - Throws: what is wrong with them, `ConfigFaults` where a line of the file is to blame.
    var checkPlugins: @Sendable (GatewayConfig) throws -> Void

    /// Starts the admin interface of a configuration in this process.
    /// - Throws: what kept it from starting.
    var administration: @Sendable (GatewayConfig) throws -> Administration

    static let gateway = CommandServices(
        serve: { config, whenListening in
            try Gateway.run(config, whenReady: { whenListening($0.map(\.description)) })
        },
        checkPlugins: { try ChainBuilder.check($0) },
        administration: { config in
            let local = try Gateway.administration(config)
            do {
                return Administration(
                    resources: local.resources, client: AdministrationClient(try local.connect()), folder: config.data,
                    close: { local.end() })
            } catch {
                local.end()
                throw error
            }
        })
}
