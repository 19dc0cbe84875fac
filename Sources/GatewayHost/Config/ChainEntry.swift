// One entry of the chain: a plugin, its configuration, and what the operator grants and expects.
//
// Kind: value.

struct ChainEntry: Sendable {
    enum FailurePolicy: String, Sendable, CaseIterable {
        /// A failed hook ends the exchange with an error.
        case failClosed = "fail_closed"
        /// A failed hook counts as if it had continued.
        case failOpen = "fail_open"
    }

    /// What a plugin gets only when the operator grants it.
    enum Capability: String, Sendable, CaseIterable {
        /// The interface gw.control/1: status and reload of the gateway itself.
        case control
    }

    /// As written: `Auth` for libAuth.so beside the binary, or a path to a shared object.
    var plugin = ""
    /// Names the instance in logs, metrics and stores; unique in the chain.
    var name = ""
    var enabled = true
    /// Always a mapping. `PluginConfig` makes the plugin's JSON of it.
    var config: YAMLNode
    var onError = FailurePolicy.failClosed
    /// Where `on_admin` answers; nil: where the plugin asks for it.
    var mount: String?
    var secrets: [String: Secret] = [:]
    var capabilities: [Capability] = []
    var hookBudget: Duration = .milliseconds(10)
    var hookLimit: Duration = .seconds(1)
    var suspensionLimit: Duration = .seconds(30)

    /// Where the entry begins, for faults found when the plugin is loaded.
    var mark: YAMLMark
    var path: ConfigPath

    /// A fault at this entry.
    func fault(in file: String, _ sentence: String, suggestion: String? = nil) -> ConfigFault {
        ConfigFault(
            file: file, mark: mark, path: path.description, sentence: sentence, suggestion: suggestion)
    }
}
