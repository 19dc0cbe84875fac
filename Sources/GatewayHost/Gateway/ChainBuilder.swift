// Makes a chain of a configuration: plugins loaded, their configurations checked against their
// schemas, instances created.
//
// Start, reload and `gateway check` all come here, so they agree on what is valid.
//
// Kind: control thread; create() of a plugin may block.

enum ChainBuilder {
    /// - Throws: `ConfigFaults` for what the operator can mend in the file, with line and column;
    ///   `PluginFault` for a plugin that cannot be loaded or refuses its configuration.
    static func build(
        _ config: GatewayConfig, number: UInt64, workers: Int, host: PluginHost, previous: ChainGeneration? = nil
    ) throws -> ChainGeneration {
        let entries = config.chain.filter(\.enabled)
        var faults: ConfigFaults?
        do {
            return try ChainGeneration.build(
                number: number, plans: entries.map { InstancePlan($0) }, workers: workers, host: host,
                previous: previous
            ) { index, plugin throws(PluginFault) in
                do throws(ConfigFaults) {
                    return try PluginConfig.json(of: entries[index], schema: plugin.configSchema, file: config.file)
                } catch {
                    faults = error
                    throw PluginFault(entries[index].name, "its configuration is not valid")
                }
            }
        } catch {
            if let faults { throw faults }
            throw error
        }
    }

    /// Checks a configuration as a start would, without starting: what was created is destroyed again.
    static func check(_ config: GatewayConfig) throws {
        let folder = config.data + "/plugins"
        try DataFolder.make(folder)
        try build(config, number: 0, workers: 1, host: PluginHost(directory: folder)).destroy()
    }
}
