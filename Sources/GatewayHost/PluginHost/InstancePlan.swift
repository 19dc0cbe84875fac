// What a chain entry is to become: everything that create() and the host need to know of it.
//
// Kind: value.

struct InstancePlan: Sendable {
    /// `Auth` for libAuth.so beside the executable, or a path to a shared object.
    var plugin: String
    /// Unique in the chain; the same name in the next generation inherits state and keys.
    var name: String
    /// gw_instance.config: JSON that was found valid against the plugin's schema.
    var config = "{}"
    /// A failed hook counts as if it had continued, instead of ending the exchange.
    var failsOpen = false
    /// Where on_admin answers; nil: where the plugin asks for it.
    var mount: String?
    var secrets: [String: Secret] = [:]
    /// Interfaces that not every plugin gets.
    var capabilities: Set<ChainEntry.Capability> = []
    /// Above the budget a hook is logged and counted; above the limit it counts toward quarantine.
    var hookBudget: Duration = .milliseconds(10)
    var hookLimit: Duration = .seconds(1)
    /// How long a hook may stay suspended.
    var suspensionLimit: Duration = .seconds(30)
}

extension InstancePlan {
    /// The plan of a configured entry; its configuration is set once the plugin's schema is known.
    init(_ entry: ChainEntry) {
        self.init(plugin: entry.plugin, name: entry.name)
        failsOpen = entry.onError == .failOpen
        mount = entry.mount
        secrets = entry.secrets
        capabilities = Set(entry.capabilities)
        hookBudget = entry.hookBudget
        hookLimit = entry.hookLimit
        suspensionLimit = entry.suspensionLimit
    }
}
