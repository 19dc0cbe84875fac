// What the commands need of the gateway itself; tests bring their own.
//
// Kind: value.

struct CommandServices: Sendable {
    /// Serves until it is told to end; the exit status of the process. Calls the second argument once, with
    /// the addresses that clients can reach, when it listens.
    var serve: @Sendable (GatewayConfig, @escaping @Sendable ([String]) -> Void) -> Int32
    /// Loads the plugins of the chain and holds their configuration against their schemas, without serving.
    var checkPlugins: @Sendable (GatewayConfig) -> [ConfigFault]

    static let gateway = CommandServices(
        serve: { Gateway.run(config: $0, whenListening: $1) },
        checkPlugins: { Gateway.check(config: $0) })
}
