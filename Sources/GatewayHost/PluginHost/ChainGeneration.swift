// The chain as one configuration made it: its instances, in order. Built beside the generation that
// serves, and destroyed when its last worker has stopped.
//
//   build: load, check, create each ─► save/load state ─► workers start ─► serves ─► workers stop ─► destroy
//
// A failure while building destroys what was created and leaves the serving generation untouched.
//
// Kind: shared, immutable once built. `build` and `destroy` belong to the control thread, which
// never runs two of them at once.

import PluginABI

final class ChainGeneration: @unchecked Sendable {
    /// 1 for the first of the process; larger is later.
    let number: UInt64
    /// In chain order.
    let instances: [PluginInstance]
    /// What on_admin answers for: path and chain position, longest path first.
    let mounts: [AdminMount]
    /// What its entries declare, by name.
    let resources: [String: OwnedResource]
    private var isDestroyed = false

    private init(number: UInt64, instances: [PluginInstance]) throws(PluginFault) {
        self.number = number
        self.instances = instances
        resources = try OwnedResource.all(of: instances)
        mounts = instances.enumerated().compactMap { entry, instance in instance.mount.map { AdminMount(path: $0, entry: entry) } }
            .sorted { $0.path.utf8.count > $1.path.utf8.count }
    }

    /// Checks the configuration of an entry against its plugin and returns it as JSON.
    typealias Configure = (_ entry: Int, _ plugin: LoadedPlugin) throws(PluginFault) -> String

    /// Loads and creates every instance of a new chain, then hands state over from `previous`.
    /// - Parameter workers: loops that will serve it.
    /// - Parameter configure: gives gw_instance.config; nil takes the plans' own.
    /// - Throws: `PluginFault` that names the entry and says why; nothing of the new chain remains.
    /// - Thread: control. create() of a plugin may block.
    static func build(
        number: UInt64, plans: [InstancePlan], workers: Int, host: PluginHost,
        previous: ChainGeneration? = nil, configure: Configure? = nil
    ) throws(PluginFault) -> ChainGeneration {
        try checkNames(plans)
        var instances: [PluginInstance] = []
        do {
            for (entry, plan) in plans.enumerated() {
                let plugin = try host.loader.load(plan.plugin)
                var plan = plan
                if let configure { plan.config = try configure(entry, plugin) }
                try check(plan, plugin)
                let instance = PluginInstance(
                    plan: plan, plugin: plugin, host: host, generation: number, workers: workers)
                try create(instance)
                instances.append(instance)
                if let old = previous?.instances.first(where: { $0.name == plan.name }) {
                    StateHandover.run(from: old, to: instance)
                }
            }
            let chain = try ChainGeneration(number: number, instances: instances)
            try chain.checkMounts()
            return chain
        } catch {
            for instance in instances.reversed() { destroy(instance) }
            throw error
        }
    }

    private static func checkNames(_ plans: [InstancePlan]) throws(PluginFault) {
        guard plans.count <= HookOrder.chainLimit else {
            throw PluginFault("chain", "it has \(plans.count) entries; at most \(HookOrder.chainLimit) are possible")
        }
        var seen: Set<String> = []
        for plan in plans where !seen.insert(plan.name).inserted {
            throw PluginFault(plan.name, "two entries have this name; give one of them another `name`")
        }
    }

    private static func check(_ plan: InstancePlan, _ plugin: LoadedPlugin) throws(PluginFault) {
        if plan.failsOpen, plugin.mustFailClosed {
            throw PluginFault(
                plan.name,
                "the plugin \(plugin.id) must not fail open; remove `on_error: fail_open` from this entry")
        }
    }

    private func checkMounts() throws(PluginFault) {
        for (index, mount) in mounts.enumerated() {
            let name = instances[mount.entry].name
            guard mount.path.hasPrefix("/"), mount.path.utf8.count > 1 else {
                throw PluginFault(name, "its mount '\(mount.path)' must be a path that begins with '/', and not '/' alone")
            }
            guard mount.path != "/admin", !mount.path.hasPrefix("/admin/") else {
                throw PluginFault(name, "its mount '\(mount.path)' is the gateway's own; set `mount` to a path that is not below /admin")
            }
            if let other = mounts[..<index].first(where: { $0.path == mount.path }) {
                throw PluginFault(
                    name, "its mount '\(mount.path)' is taken by \(instances[other.entry].name); set `mount` to another path")
            }
        }
    }

    private static func create(_ instance: PluginInstance) throws(PluginFault) {
        let error = instance.plugin.table.pointee.create(instance.abi)
        guard error != GW_OK else { return }
        throw PluginFault(
            instance.name,
            "the plugin \(instance.plugin.id) \(instance.plugin.version) refused its configuration ("
                + "\(error.sentence))" + (instance.lastError.map { ": \($0)" } ?? ""))
    }

    /// Calls destroy of every instance, in reverse order. Call it when every worker has stopped, or
    /// none was ever started.
    /// - Thread: control.
    func destroy() {
        precondition(!isDestroyed, "a generation is destroyed once")
        isDestroyed = true
        for instance in instances.reversed() { ChainGeneration.destroy(instance) }
    }

    private static func destroy(_ instance: PluginInstance) {
        instance.plugin.table.pointee.destroy?(instance.abi)
    }
}
