// A plugin whose code is in the process: its table, copied and completed, and who it says it is.
//
// The table is the host's own: as much of the plugin's as both sides know, zero after it, so a hook
// the plugin has never heard of is NULL and NULL means not subscribed. Neither the code nor the
// table is ever unmapped or freed.
//
// Kind: shared, immutable.

import PluginABI

final class LoadedPlugin: @unchecked Sendable {
    /// Lives in: process.
    let table: UnsafePointer<gw_plugin>
    let id: String
    let version: String
    let summary: String
    /// ABI minor version it was compiled with; a diagnostic.
    let minor: UInt32
    /// SHA-256 of the file, in hexadecimal.
    let contentHash: String
    /// The file it came from, as it was first asked for.
    let path: String
    /// Its gw.admin/1, copied and completed as `table` is; nil: it declares no resources. Lives in: process.
    let admin: UnsafePointer<gw_admin>?

    init(table: UnsafePointer<gw_plugin>, contentHash: String, path: String) {
        self.table = table
        id = String(cString: table.pointee.id)
        version = String(cString: table.pointee.version)
        summary = String(cString: table.pointee.summary)
        minor = table.pointee.abi_minor
        self.contentHash = contentHash
        self.path = path
        admin = LoadedPlugin.admin(of: table)
    }

    private static func admin(of table: UnsafePointer<gw_plugin>) -> UnsafePointer<gw_admin>? {
        guard let query = table.pointee.query, let given = query(GW_ADMIN) else { return nil }
        let size = Int(given.loadUnaligned(as: UInt32.self))
        let least = MemoryLayout<gw_admin>.offset(of: \.declaration).unsafelyUnwrapped + MemoryLayout<UnsafeRawPointer>.size
        guard size >= least else { return nil }
        let copy = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<gw_admin>.size, alignment: MemoryLayout<gw_admin>.alignment)
        copy.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<gw_admin>.size)
        copy.copyMemory(from: given, byteCount: min(size, MemoryLayout<gw_admin>.size))
        guard copy.load(fromByteOffset: least - MemoryLayout<UnsafeRawPointer>.size, as: UInt.self) != 0 else {
            copy.deallocate()
            return nil
        }
        return UnsafePointer(copy.assumingMemoryBound(to: gw_admin.self))
    }

    /// JSON Schema of its configuration; nil if it takes anything.
    var configSchema: String? { table.pointee.config_schema.map { String(cString: $0) } }

    /// Refuses a configuration that lets it fail open.
    /// Its state is kept over a restart of the gateway.
    var keepsState: Bool { table.pointee.flags & UInt32(GW_PLUGIN_KEEPS_STATE) != 0 }
    var mustFailClosed: Bool { table.pointee.flags & UInt32(GW_PLUGIN_FAIL_CLOSED) != 0 }

    /// Where it wants on_admin mounted; nil if it has none.
    var adminMount: String? {
        guard table.pointee.on_admin != nil else { return nil }
        return table.pointee.admin_mount.map { String(cString: $0) }
    }

    /// An interface of the plugin, if it has it and the table reaches `minimumSize` bytes.
    func interface(_ id: String, minimumSize: Int) -> UnsafeRawPointer? {
        guard let query = table.pointee.query, let interface = query(id) else { return nil }
        return interface.loadUnaligned(as: UInt32.self) >= minimumSize ? interface : nil
    }
}
