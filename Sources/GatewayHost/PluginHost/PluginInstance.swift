// One entry of the chain at run time: a loaded plugin, its configuration, and what it may do.
//
// The memory of its gw_instance stays at one address; the plugin's pointer leads back here, which is
// how host functions know whom they serve. After destroy() no plugin may use that pointer.
//
// Kind: shared. Everything but the counters, the last error and the quarantine is fixed when
// create() has returned.

import PluginABI
import Synchronization

/// What stands behind a `gw_instance *`.
struct InstanceScope {
    var abi: gw_instance
    var instance: Unmanaged<PluginInstance>

    @inline(__always)
    static func at(_ instance: UnsafeMutablePointer<gw_instance>) -> UnsafeMutablePointer<InstanceScope> {
        UnsafeMutableRawPointer(instance).assumingMemoryBound(to: InstanceScope.self)
    }
}

final class PluginInstance: @unchecked Sendable {
    let name: String
    let plan: InstancePlan
    let plugin: LoadedPlugin
    let host: PluginHost
    /// Its keys and limits are shared with other gateways.
    var isSharing: Bool { host.sharing != nil }
    /// The number of `name` in the stores: equal names, equal keys, in every generation.
    let namespace: UInt32
    /// Lives as long as this object.
    let abi: UnsafeMutablePointer<gw_instance>
    /// Path below which on_admin is called; nil if it is not mounted.
    let mount: String?

    /// The configuration as `config` finds places in it, and the texts it handed out.
    let configuration: InstanceConfiguration
    private let secrets: [String: UnsafeBufferPointer<UInt8>]
    private let texts: [UnsafeMutableRawBufferPointer]

    private let lastErrorText = Locked<String?>(nil)
    /// Monotonic time until which the instance is not called; 0: it is called.
    private let quarantinedUntil = Atomic<UInt64>(0)
    /// Written by the watchdog alone.
    private let recentOverruns = Atomic<Int>(0)
    private let lastOverrun = Atomic<UInt64>(0)

    let metrics: InstanceMetrics

    init(plan: InstancePlan, plugin: LoadedPlugin, host: PluginHost, generation: UInt64, workers: Int) {
        name = plan.name
        self.plan = plan
        self.plugin = plugin
        self.host = host
        namespace = StoreNamespace.number(of: plan.name)
        mount = plugin.table.pointee.on_admin == nil ? nil : plan.mount ?? plugin.adminMount
        metrics = InstanceMetrics(instance: plan.name, host: host.metrics)

        var texts: [UnsafeMutableRawBufferPointer] = []
        let name = PluginInstance.keep(plan.name, in: &texts)
        let config = PluginInstance.keep(plan.config, in: &texts)
        var secrets: [String: UnsafeBufferPointer<UInt8>] = [:]
        for (key, secret) in plan.secrets {
            secrets[key] = PluginInstance.keep(secret.reveal(), in: &texts).buffer
        }
        self.texts = texts
        self.secrets = secrets
        configuration = InstanceConfiguration(config)

        let scope = UnsafeMutablePointer<InstanceScope>.allocate(capacity: 1)
        abi = UnsafeMutableRawPointer(scope).assumingMemoryBound(to: gw_instance.self)
        scope.initialize(
            to: InstanceScope(
                abi: gw_instance(
                    size: UInt32(MemoryLayout<gw_instance>.size), workers: UInt32(workers),
                    generation: generation, name: name.abi, config: config.abi, user: nil),
                instance: Unmanaged.passUnretained(self)))
    }

    deinit {
        for text in texts {
            // Secrets are among them.
            text.initializeMemory(as: UInt8.self, repeating: 0)
            text.deallocate()
        }
        UnsafeMutableRawPointer(abi).deallocate()
    }

    private static func keep(_ text: String, in texts: inout [UnsafeMutableRawBufferPointer]) -> Bytes {
        let utf8 = Array(text.utf8)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: utf8.count + 1, alignment: 1)
        memory.copyBytes(from: utf8)
        memory[utf8.count] = 0
        texts.append(memory)
        return Bytes(UnsafeRawBufferPointer(rebasing: memory[..<utf8.count]))
    }

    /// The instance that a plugin's pointer means.
    @inline(__always)
    static func at(_ pointer: UnsafeMutablePointer<gw_instance>) -> PluginInstance {
        InstanceScope.at(pointer).pointee.instance.takeUnretainedValue()
    }

    /// A secret that the operator gave under that name; absent if there is none. Lives in: instance.
    func secret(_ name: String) -> Bytes {
        guard let secret = secrets[name] else { return .absent }
        return Bytes(UnsafeRawBufferPointer(secret))
    }

    // MARK: Errors

    /// The last GW_LOG_ERROR it logged, which explains a create() that failed.
    var lastError: String? { lastErrorText.withLock(\.self) }
    func remember(error: String) { lastErrorText.withLock { $0 = error } }

    // MARK: Quarantine

    /// Overruns of the limit, each within five minutes of the one before, after which an instance is
    /// left alone, and for how long.
    static let overrunsBeforeQuarantine = 3
    static let overrunMemoryNanoseconds: UInt64 = 300_000_000_000
    static let quarantineNanoseconds: UInt64 = 30_000_000_000

    @inline(__always)
    func isQuarantined(at now: Instant) -> Bool {
        let until = quarantinedUntil.load(ordering: .relaxed)
        return until != 0 && now.nanoseconds < until
    }

    /// A hook ran longer than the operator's limit. True if that puts the instance in quarantine.
    /// - Thread: the watchdog's.
    func hookOverran(at now: Instant) -> Bool {
        let isRecent = now.nanoseconds < lastOverrun.load(ordering: .relaxed) + PluginInstance.overrunMemoryNanoseconds
        let overruns = isRecent ? recentOverruns.load(ordering: .relaxed) + 1 : 1
        lastOverrun.store(now.nanoseconds, ordering: .relaxed)
        guard overruns >= PluginInstance.overrunsBeforeQuarantine else {
            recentOverruns.store(overruns, ordering: .relaxed)
            return false
        }
        recentOverruns.store(0, ordering: .relaxed)
        quarantinedUntil.store(
            now.nanoseconds + PluginInstance.quarantineNanoseconds, ordering: .relaxed)
        return true
    }

    var summary: InstanceSummary {
        InstanceSummary(
            name: name, plugin: plugin.id, version: plugin.version, contentHash: plugin.contentHash,
            isQuarantined: isQuarantined(at: .read()), overruns: metrics.overruns.count,
            failures: metrics.failureCount)
    }
}

/// An instance as the status shows it.
struct InstanceSummary: Sendable {
    var name: String
    var plugin: String
    var version: String
    var contentHash: String
    var isQuarantined: Bool
    var overruns: Int
    var failures: Int
}
