// Everything that plugins share in a process: the loader, the stores behind their services, the
// metrics, and whether any of them is in quarantine.
//
// Kind: shared. One per process; tests make several.

import CLinux
import Synchronization

/// What gw.control/1 needs from the gateway.
protocol GatewayControl: AnyObject, Sendable {
    /// The state of the gateway as JSON. Thread: any.
    func status() -> String
    /// Applies a configuration, or the file again if `config` is absent; `done` gets nil, or why not.
    /// Thread: any; `done` may be called on any thread.
    func reload(config: String?, done: @escaping @Sendable (PluginFault?) -> Void)
}

final class PluginHost: @unchecked Sendable {
    let loader: PluginLoader
    let metrics: HostMetrics
    let keyValues = KeyValueStore()
    let limits = LimiterStore()
    /// Whose days and months budgets are counted by. Set before the first loop is made.
    var zone = CalendarZone.utc
    /// What was used so far; nil without a ledger. Set before the first chain is built.
    var balances: LedgerBalances?
    /// Where keys and limits are shared with other gateways; nil: they are this process's alone. Set before the first
    /// chain is built.
    var sharing: SharedStoreSettings?
    /// Set before the first chain is built.
    weak var control: (any GatewayControl)?

    /// Where plugins' records are, and what their secrets are sealed with. Set before the first chain is built; without
    /// them there are no records.
    var records: (any RecordService)?
    var secrets: (any RecordSecrets)?

    /// What plugins fetch or change in records for no exchange, on all loops: it is awaited before the process ends.
    let backgroundWork = Atomic<Int>(0)
    private let quarantines = Atomic<Bool>(false)

    /// - Parameter directory: for private copies of plugins; made if it is missing.
    /// - Parameter executableDirectory: where `Auth` is looked for as libAuth.so; nil: beside the
    ///   running executable.
    init(directory: String, executableDirectory: String? = nil, registry: MetricsRegistry = MetricsRegistry()) {
        loader = PluginLoader(
            directory: directory, executableDirectory: executableDirectory ?? ExecutablePath.directory)
        metrics = HostMetrics(registry)
    }

    /// An instance was put in quarantine in this process; only then calls look at who it is.
    @inline(__always)
    var hasQuarantine: Bool { quarantines.load(ordering: .relaxed) }

    /// - Thread: the watchdog's.
    func quarantineBegan(_ instance: PluginInstance) {
        metrics.series(.quarantines, instance.name).add(1)
        quarantines.store(true, ordering: .relaxed)
    }
}

enum ExecutablePath {
    /// The directory of the running executable.
    /// - Source: proc(5), /proc/self/exe.
    static let directory: String = {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { return "." }
        let path = String(decoding: buffer[..<count], as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }()
}
