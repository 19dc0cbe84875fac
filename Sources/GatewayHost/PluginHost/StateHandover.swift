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
        let size = MemoryLayout<gw_state>.size
        guard let saving = old.plugin.interface(GW_STATE, minimumSize: size),
            let loading = new.plugin.interface(GW_STATE, minimumSize: size)
        else { return }
        var snapshot = Snapshot()
        let saved = withUnsafeMutablePointer(to: &snapshot) { context in
            saving.assumingMemoryBound(to: gw_state.self).pointee.save(old.abi, appendToSnapshot, context)
        }
        guard saved == GW_OK, !snapshot.isTooLarge else {
            log.warning(
                "plugin state not handed over", .field("plugin", old.name),
                .field("reason", snapshot.isTooLarge ? "larger than 64 MiB" : "save failed: \(saved.sentence)"))
            return
        }
        let loaded = snapshot.bytes.withUnsafeBytes { bytes in
            loading.assumingMemoryBound(to: gw_state.self).pointee.load(
                new.abi, (bytes.baseAddress == nil ? Bytes("") : Bytes(bytes)).abi)
        }
        if loaded != GW_OK {
            log.warning(
                "plugin state not handed over", .field("plugin", new.name),
                .field("reason", "load failed: \(loaded.sentence)"))
        }
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
