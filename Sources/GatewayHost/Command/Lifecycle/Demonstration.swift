// The demonstration upstream of `gateway run`, as other commands see it.
//
// The configuration that `gateway run` writes takes its upstream and its credential from variables. Without them `run` serves a
// demonstration and sets them for itself; a command in a second terminal reads the same file without them, and must not be refused
// for it. It gets the same values, the address from a file in the data folder.
//
// Kind: free of state; reads files.

import CLinux

enum Demonstration {
    static let credential = "ANTHROPIC_API_KEY"
    static let placeholder = "demonstration"
    private static let fileName = "demonstration.json"

    /// The file would take its upstream from us, and there is no credential for the real one.
    static func isWanted(by source: [UInt8], _ environment: Environment) -> Bool {
        func isSet(_ name: String) -> Bool { environment[name].map { !$0.isEmpty } ?? false }
        let text = String(decoding: source, as: UTF8.self)
        return text.contains("${\(FirstConfig.upstreamVariable)") && text.contains("${\(credential)") && !isSet(credential)
            && !isSet(FirstConfig.upstreamVariable)
    }

    /// What a command beside `gateway run` reads the configuration at `path` with.
    static func environment(for path: String) throws(ConfigFaults) -> Environment {
        let environment = try Environment.current()
        guard case .success(let source) = FileBytes.read(path, limit: YAMLReader.byteLimit), isWanted(by: source, environment) else {
            return environment
        }
        var values = environment.values
        values[credential] = placeholder
        if let folder = try? ConfigLoader.dataFolder(of: path), let running = RunningGateway(in: folder),
            case .success(let bytes) = FileBytes.read("\(folder)/\(fileName)", limit: 4096),
            let told = try? JSONParser.parse(String(decoding: bytes, as: UTF8.self)), told["process"]?.int == Int64(running.process),
            let url = told["upstream"]?.string
        {
            values[FirstConfig.upstreamVariable] = url
        }
        return Environment(values)
    }

    /// Tells commands where it is. Without the file they ask the real upstream, which refuses the placeholder.
    static func tell(_ upstream: String, in folder: String) {
        let text: JSONValue = ["upstream": .string(upstream), "process": .int(Int64(getpid()))]
        _ = FileBytes.replace("\(folder)/\(fileName)", with: text.compact, mode: 0o600)
    }
}
