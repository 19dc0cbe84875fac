// The configuration in force, kept in the data folder as it was read, references unresolved.
//
// Kind: value; reads and writes a file, so for the control thread and the command line.

enum AppliedConfig {
    private static func path(_ folder: String) -> String { "\(folder)/applied.yaml" }

    /// Keeps `config` as the one in force. Readable by the owner only: it may hold what the file holds.
    /// - Returns: why it could not be written, for the log.
    /// - Thread: control, after start and after each reload.
    static func record(_ config: GatewayConfig) -> FileBytes.Failure? {
        FileBytes.replace(path(config.data), with: config.source, mode: 0o600)
    }

    /// The one in force for the gateway that keeps its data in `folder`, with references as they are now.
    static func read(from folder: String, file: String, environment: Environment) throws(ConfigFaults)
        -> GatewayConfig
    {
        switch FileBytes.read(path(folder), limit: YAMLReader.byteLimit) {
        case .success(let bytes): return try ConfigLoader.read(bytes, file: file, environment: environment)
        case .failure(let failure):
            throw ConfigFaults(
                ConfigFault(
                    file: path(folder), mark: nil, path: "", sentence: failure.sentence,
                    suggestion: "No gateway has served from this folder yet."))
        }
    }
}
