// What the tests of the configuration share: reading a text, and the faults of one as lines.

@testable import GatewayHost

enum ConfigFixture {
    static func load(_ text: String, _ variables: [String: String] = [:]) throws(ConfigFaults)
        -> GatewayConfig
    {
        try ConfigLoader.read(
            Array(text.utf8), file: "gateway.yaml", environment: Environment(variables))
    }

    /// The printed faults, a line each; empty when there are none.
    static func faults(_ text: String, _ variables: [String: String] = [:]) -> [String] {
        do {
            _ = try load(text, variables)
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }

    static func tree(_ text: String) throws(ConfigFaults) -> YAMLNode {
        try YAMLReader.read(Array(text.utf8), file: "gateway.yaml")
    }
}
