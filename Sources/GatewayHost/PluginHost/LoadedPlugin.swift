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

    init(table: UnsafePointer<gw_plugin>, contentHash: String, path: String) {
        self.table = table
        id = String(cString: table.pointee.id)
        version = String(cString: table.pointee.version)
        summary = String(cString: table.pointee.summary)
        minor = table.pointee.abi_minor
        self.contentHash = contentHash
        self.path = path
    }

    /// JSON Schema of its configuration; nil if it takes anything.
    var configSchema: String? { table.pointee.config_schema.map { String(cString: $0) } }

    /// Refuses a configuration that lets it fail open.
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
