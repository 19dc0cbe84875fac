// Makes a chain of a configuration: plugins loaded, their configurations checked against their
// schemas, instances created.
//
// Start, reload and `gateway check` all come here, so they agree on what is valid.
//
// Kind: control thread; create() of a plugin may block.

import Glibc

enum ChainBuilder {
    /// - Throws: `ConfigFaults`, at the line of the entry that is at fault; `PluginFault` for the chain as a whole.
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
            throw placed(error, entries, config) ?? error
        }
    }

    /// The fault at the line of the entry that it is about; nil when it is about none.
    private static func placed(_ fault: PluginFault, _ entries: [ChainEntry], _ config: GatewayConfig) -> ConfigFaults? {
        let directory = ExecutablePath.directory
        if let entry = entries.first(where: { $0.name == fault.subject }) {
            return ConfigFaults(entry.fault(in: config.file, fault.sentence))
        }
        guard
            let entry = entries.first(where: {
                PluginFile.path(of: $0.plugin, executableDirectory: directory) == fault.subject
            })
        else { return nil }
        let near = SpellingSuggestion.question(for: entry.plugin, in: pluginNames(in: directory))
        var placed = entry.fault(in: config.file, fault.description, suggestion: near)
        placed.path += ".plugin"
        return ConfigFaults(placed)
    }

    /// `Auth` for each libAuth.so of the folder.
    private static func pluginNames(in directory: String) -> [String] {
        guard let folder = opendir(directory) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix("lib"), name.hasSuffix(".so") { names.append(String(name.dropFirst(3).dropLast(3))) }
        }
        return names.sorted()
    }

    /// Checks a configuration as a start would, without starting: what was created is destroyed again.
    static func check(_ config: GatewayConfig) throws {
        let folder = config.data + "/plugins"
        try DataFolder.make(folder)
        let host = PluginHost(directory: folder)
        do {
            try build(config, number: 0, workers: 1, host: host).destroy()
        } catch {
            // A start ends at the first bad entry; whoever checks wants to know them all.
            let faults = config.activeChain.flatMap { entry in faultsOf(entry, in: config, host) }
            throw faults.isEmpty ? error : ConfigFaults(faults)
        }
    }

    private static func faultsOf(_ entry: ChainEntry, in config: GatewayConfig, _ host: PluginHost) -> [ConfigFault] {
        var alone = config
        alone.chain = [entry]
        do {
            try build(alone, number: 0, workers: 1, host: host).destroy()
            return []
        } catch let faults as ConfigFaults {
            return faults.faults
        } catch {
            return [entry.fault(in: config.file, "\(error)")]
        }
    }
}
