// gw.state/1: what an instance knows travels to the instance of the same name in the next generation.
//
// Only bytes cross, because the two may be different binaries. It is a snapshot: taken while the old
// instance still serves, good for caches and health, not for exact counts.
//
// Kind: control thread.

import PluginABI

enum StateHandover {
    /// A snapshot larger than this is dropped: it would hold up the reload.
    static let byteLimit = 64 << 20

    /// Does nothing unless both offer the interface. A plugin that cannot save or load its state goes
    /// on without it; that is logged and does not stop the reload.
    static func run(from old: PluginInstance, to new: PluginInstance) {
        guard interface(of: new) != nil, let snapshot = save(old) else { return }
        load(snapshot, into: new)
    }

    /// What the instance knows; nil if it does not say.
    static func save(_ instance: PluginInstance) -> [UInt8]? {
        guard let table = interface(of: instance) else { return nil }
        var snapshot = Snapshot()
        let saved = withUnsafeMutablePointer(to: &snapshot) { table.pointee.save(instance.abi, appendToSnapshot, $0) }
        if saved == GW_OK, !snapshot.isTooLarge { return snapshot.bytes }
        complain(instance, snapshot.isTooLarge ? "larger than 64 MiB" : "save failed: \(saved.sentence)")
        return nil
    }

    /// Gives it what another, of this process or of one before, has saved.
    static func load(_ snapshot: [UInt8], into instance: PluginInstance) {
        guard let table = interface(of: instance) else { return }
        let loaded = snapshot.withUnsafeBytes { bytes in
            table.pointee.load(instance.abi, (bytes.baseAddress == nil ? Bytes("") : Bytes(bytes)).abi)
        }
        if loaded != GW_OK { complain(instance, "load failed: \(loaded.sentence)") }
    }

    private static func interface(of instance: PluginInstance) -> UnsafePointer<gw_state>? {
        instance.plugin.interface(GW_STATE, minimumSize: MemoryLayout<gw_state>.size)?.assumingMemoryBound(to: gw_state.self)
    }

    private static func complain(_ instance: PluginInstance, _ reason: String) {
        log.warning("plugin state not handed over", .field("plugin", instance.name), .field("reason", reason))
    }

    fileprivate struct Snapshot {
        var bytes: [UInt8] = []
        var isTooLarge = false
    }
}

private func appendToSnapshot(_ context: UnsafeMutableRawPointer?, _ bytes: gw_str) {
    guard let snapshot = context?.assumingMemoryBound(to: StateHandover.Snapshot.self) else { return }
    if snapshot.pointee.bytes.count + bytes.len > StateHandover.byteLimit {
        snapshot.pointee.isTooLarge = true
    } else {
        snapshot.pointee.bytes.append(contentsOf: Bytes(bytes).buffer)
    }
}
