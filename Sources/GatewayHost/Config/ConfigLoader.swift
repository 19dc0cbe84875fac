// From the path of a file to a GatewayConfig, or to everything that is wrong with it.
//
//     bytes ─ YAMLReader ─► tree ─ References ─► tree ─ Options ─► GatewayConfig ─ checks across options
//
// The same for start, reload and `gateway check`, which adds what only plugins know.
//
// Kind: value; reads files, so for the control thread and the command line.

enum ConfigLoader {
    /// Reads the file at `path`.
    /// - Throws: all faults that could be found; the syntax and unset references end the search early.
    /// - Thread: control.
    static func load(_ path: String) throws(ConfigFaults) -> GatewayConfig {
        try load(path, environment: Environment.current())
    }

    static func load(_ path: String, environment: Environment) throws(ConfigFaults) -> GatewayConfig {
        switch FileBytes.read(path, limit: YAMLReader.byteLimit) {
        case .success(let bytes):
            var config = try read(bytes, file: path, environment: environment)
            if let mode = FileBytes.mode(of: path), mode & 0o044 != 0, let tree = config.tree, holdsSecret(tree) {
                config.warnings.append(
                    ConfigFault(
                        file: path, mark: nil, path: "",
                        sentence: "holds secrets, and other users of this machine may read it",
                        suggestion: "chmod 600 \(path), or put the secrets into the environment."))
            }
            return config
        case .failure(let failure):
            throw ConfigFaults(
                ConfigFault(
                    file: path, mark: nil, path: "", sentence: failure.sentence,
                    suggestion: "Name another with --config, or let \"gateway run\" write one."))
        }
    }

    /// Reads `bytes` as the contents of `file`.
    static func read(_ bytes: [UInt8], file: String, environment: Environment) throws(ConfigFaults)
        -> GatewayConfig
    {
        let written = withoutDisabledEntries(try YAMLReader.read(bytes, file: file))
        let tree = try References.resolve(written, file: file, environment: environment)
        var reading = ConfigReading(file: file)
        var config = GatewayConfig()
        config.file = file
        config.data = FilePath.resolve(config.data, against: FilePath.folder(of: file))
        let isComplete = Options.gateway.read(tree, into: &config, &reading)
        finishChain(&config, tree, &reading)
        // A gateway in the background has no standard error that anybody sees (`gateway start` sets this).
        if config.log.file == nil, let file = environment["GATEWAY_LOG_FILE"], !file.isEmpty { config.log.file = file }
        if isComplete { check(config, tree, &reading) }
        if !reading.faults.isEmpty { throw ConfigFaults(reading.faults) }
        config.source = bytes
        config.tree = tree
        config.warnings = reading.warnings
        return config
    }

    /// Whether something under a key that speaks of a secret is written out instead of referred to.
    private static func holdsSecret(_ node: YAMLNode, under key: String = "") -> Bool {
        switch node.content {
        case .scalar(let scalar):
            guard case .text(let text) = scalar.resolved else { return false }
            return !scalar.fromReference && !text.isEmpty && YAMLWriter.speaksOfSecret(key)
        case .sequence(let items): return items.contains { holdsSecret($0, under: key) }
        // `tls: { key: FILE }` names a file.
        case .mapping(let entries): return entries.contains { $0.key != "tls" && holdsSecret($0.value, under: $0.key) }
        }
    }

    /// Entries with `enabled: false` lose their configuration, so that a reference in it need not be set.
    private static func withoutDisabledEntries(_ root: YAMLNode) -> YAMLNode {
        guard case .mapping(var entries) = root.content,
            let place = entries.firstIndex(where: { $0.key == "chain" }),
            case .sequence(let chain) = entries[place].value.content
        else { return root }
        entries[place].value.content = .sequence(
            chain.map { entry in
                guard case .mapping(let parts) = entry.content,
                    case .scalar(let enabled)? = entry["enabled"]?.content,
                    enabled.resolved == .bool(false)
                else { return entry }
                var reduced = entry
                reduced.content = .mapping(parts.filter { $0.key != "config" && $0.key != "secrets" })
                return reduced
            })
        var result = root
        result.content = .mapping(entries)
        return result
    }

    /// Makes paths of plugins relative to the file, gives entries without a name their plugin's, and refuses a name
    /// that is taken.
    private static func finishChain(
        _ config: inout GatewayConfig, _ tree: YAMLNode, _ reading: inout ConfigReading
    ) {
        var lines: [String: Int] = [:]
        let folder = FilePath.folder(of: config.file)
        for index in config.chain.indices {
            let plugin = config.chain[index].plugin
            if plugin.contains("/") || plugin.hasSuffix(".so") {
                config.chain[index].plugin = FilePath.resolve(plugin, against: folder)
            }
            if config.chain[index].name.isEmpty {
                config.chain[index].name = defaultName(config.chain[index].plugin)
            }
            let entry = config.chain[index]
            if let first = lines.updateValue(entry.mark.line, forKey: entry.name) {
                let shown = ConfigFault.printable(entry.name, limit: 60)
                reading.fail(
                    at: entry.mark, entry.path.appending("name"),
                    "the name \"\(shown)\" is already taken by the entry on line \(first)",
                    "Give one of the two another name: \"name: \(shown)-2\".")
            }
        }
    }

    /// `/opt/plugins/libQuota.so` → `Quota`.
    private static func defaultName(_ plugin: String) -> String {
        var name = plugin.split(separator: "/").last.map(String.init) ?? plugin
        if name.hasSuffix(".so") { name.removeLast(3) }
        if name.hasPrefix("lib"), name.utf8.count > 3 { name.removeFirst(3) }
        return name
    }

    /// What no single option can know.
    private static func check(_ config: GatewayConfig, _ tree: YAMLNode, _ reading: inout ConfigReading) {
        for (index, listener) in config.listeners.enumerated()
        where listener.address.port != 0
            && config.listeners[..<index].contains(where: { $0.address == listener.address })
        {
            reading.fail(tree["listen"] ?? tree, "\(listener.address) is listed twice")
        }
        if config.limits.bufferedBytes < config.limits.bodyMemoryBytes {
            reading.fail(
                tree["limits"] ?? tree,
                "buffered_total (\(Measure.text(bytes: config.limits.bufferedBytes))) is less than body_memory "
                    + "(\(Measure.text(bytes: config.limits.bodyMemoryBytes))): one body alone could never be held",
                "Raise buffered_total or lower body_memory.")
        }
        if config.timeouts.idle <= .seconds(300) {
            reading.warn(
                tree["timeouts"]?["idle"], "timeouts.idle",
                "\(Measure.text(config.timeouts.idle)) is not above the 300 s of silence that clients bear",
                "Clients will see streams break that would have gone on.")
        }
        if config.upstream.caFile != nil, !config.upstream.url.secure {
            reading.warn(tree["upstream"], "upstream.ca_file", "has no effect: the upstream is plain HTTP")
        }
        if config.activeChain.isEmpty {
            reading.warn(
                tree["chain"], "chain",
                "no plugin is enabled: every client is let through, with its own credentials",
                "Put at least Auth into the chain.")
        }
    }
}

extension ConfigLoader {
    /// The data folder that the file at `path` names, without requiring the rest of it to be right: a gateway must
    /// be stoppable while its file is being edited.
    static func dataFolder(of path: String) throws(ConfigFaults) -> String { try whereThingsAre(path) { $0 == "data" }.data }

    /// The data folder and the place of the store, whatever else may be wrong with the configuration: for who puts things
    /// there again. Everything else of what is returned is as if nothing were said.
    static func keepingPlaces(of path: String) throws(ConfigFaults) -> GatewayConfig {
        try whereThingsAre(path) { $0 == "data" || $0 == "store" || $0.hasPrefix("redis.") }
    }

    private static func whereThingsAre(_ path: String, _ isWanted: (String) -> Bool) throws(ConfigFaults) -> GatewayConfig {
        switch FileBytes.read(path, limit: YAMLReader.byteLimit) {
        case .failure(let failure):
            throw ConfigFaults(
                ConfigFault(
                    file: path, mark: nil, path: "", sentence: failure.sentence,
                    suggestion: "Name another with --config."))
        case .success(let bytes):
            var config = GatewayConfig()
            config.data = FilePath.resolve(config.data, against: FilePath.folder(of: path))
            let tree = try YAMLReader.read(bytes, file: path)
            let environment = try Environment.current()
            for row in Options.gateway.rows where isWanted(row.key) {
                var node: YAMLNode? = tree
                for name in row.key.split(separator: ".") { node = node?[String(name)] }
                guard let node else { continue }
                let value = try References.resolve(node, file: path, environment: environment)
                var reading = ConfigReading(file: path)
                guard row.read(value, &config, &reading) else { throw ConfigFaults(reading.faults) }
            }
            return config
        }
    }
}
