// Brings plugins into the process: file, private copy, dlopen, entry point, table.
//
// The same content is loaded once per process, whatever it is called and however often a chain is
// rebuilt. What is loaded stays: a Swift image that is unmapped takes the process with it at the
// next dynamic cast (docs/decisions/0003).
//
// Kind: shared; used on the control thread.

import CLinux
import PluginABI

final class PluginLoader: Sendable {
    private let directory: String
    private let executableDirectory: String

    /// By content hash, for the whole process.
    private static let loaded = Locked<[String: LoadedPlugin]>([:])

    init(directory: String, executableDirectory: String) {
        self.directory = directory
        self.executableDirectory = executableDirectory
    }

    /// Plugin binaries that are mapped; none is ever unmapped.
    static var imageCount: Int { loaded.withLock(\.count) }

    /// Younger copies may be another process's that is about to load them.
    private static let unusedSeconds = 3600

    /// Removes copies that this process has not loaded and nobody has made lately: of plugins that were replaced since. What another
    /// process has loaded stays mapped there without its name.
    func removeUnused() {
        guard let folder = opendir(directory) else { return }
        defer { closedir(folder) }
        let used = PluginLoader.loaded.withLock { Set($0.keys) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self) }
            // 64 digits, `.so`, and what a copy was called that a dying process left unfinished.
            guard name.utf8.count >= 67, name.dropFirst(64).hasPrefix(".so"), !used.contains(String(name.prefix(64))) else { continue }
            var status = stat()
            let path = "\(directory)/\(name)"
            guard lstat(path, &status) == 0, Int64(status.st_mtim.tv_sec) + Int64(Self.unusedSeconds) < Int64(gwl_wall_ns() / 1_000_000_000)
            else { continue }
            unlink(path)
        }
    }

    /// The plugin that the configuration's `plugin:` means, loaded now unless it already is.
    /// - Throws: `PluginFault` that names the file, what is wrong with it, and both sides' versions.
    func load(_ plugin: String) throws(PluginFault) -> LoadedPlugin {
        let path = PluginFile.path(of: plugin, executableDirectory: executableDirectory)
        let file = try PluginFile.read(path)
        let contentHash = file.content.withUnsafeBytes { SHA256.digest(Bytes($0)).description }
        if let known = PluginLoader.loaded.withLock({ $0[contentHash] }) { return known }
        let copy = try file.privateCopy(in: directory, contentHash: contentHash)
        let loaded = try PluginLoader.open(copy, named: path, contentHash: contentHash)
        PluginLoader.loaded.withLock { $0[contentHash] = loaded }
        log.info(
            "plugin loaded", .field("plugin", loaded.id), .field("version", loaded.version), .field("file", path),
            .field("sha256", contentHash))
        return loaded
    }

    private static func open(_ copy: String, named path: String, contentHash: String) throws(PluginFault) -> LoadedPlugin {
        guard let handle = dlopen(copy, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
            throw PluginFault(path, "cannot be loaded: \(dlerror().map { String(cString: $0) } ?? "no reason given")")
        }
        guard let symbol = dlsym(handle, GW_PLUGIN_ENTRY) else {
            throw PluginFault(
                path,
                "exports no \(GW_PLUGIN_ENTRY), so it is no plugin for \(PluginLoader.hostIdentity); "
                    + "build it with the gateway's gateway_plugin.h")
        }
        typealias Entry = @convention(c) (UnsafePointer<gw_host>) -> UnsafePointer<gw_plugin>?
        let entry = unsafeBitCast(symbol, to: Entry.self)
        guard let given = entry(HostTable.shared) else {
            throw PluginFault(
                path,
                "refused to work with \(PluginLoader.hostIdentity): its entry point returned NULL; it probably needs a newer gateway")
        }
        return LoadedPlugin(table: try adopt(UnsafeRawPointer(given), path), contentHash: contentHash, path: path)
    }

    /// The gateway as refusals name it.
    static let hostIdentity =
        "\(HostTable.name) \(HostTable.version) (ABI \(GW_ABI_MAJOR).\(GW_ABI_MINOR), plugin table of \(MemoryLayout<gw_plugin>.size) bytes)"

    /// Checks a plugin's table and copies what both sides know of it. The copy lives as long as the process.
    static func adopt(_ given: UnsafeRawPointer, _ path: String) throws(PluginFault) -> UnsafePointer<gw_plugin> {
        let magic = given.loadUnaligned(as: UInt32.self)
        guard magic == GW_MAGIC else {
            throw PluginFault(
                path,
                "its table begins with 0x\(String(magic, radix: 16)) instead of 0x\(String(GW_MAGIC, radix: 16)), so it was "
                    + "not built with a gateway_plugin.h that \(hostIdentity) knows")
        }
        let size = Int(given.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        let needed = MemoryLayout<gw_plugin>.offset(of: \.create).unsafelyUnwrapped + MemoryLayout<UnsafeRawPointer>.size
        guard size >= needed else {
            throw PluginFault(
                path,
                "its table of \(size) bytes ends before `create` (\(needed) bytes), which \(hostIdentity) needs; "
                    + "set .size = sizeof(gw_plugin)")
        }
        let table = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<gw_plugin>.size, alignment: MemoryLayout<gw_plugin>.alignment)
        memset(table, 0, MemoryLayout<gw_plugin>.size)
        memcpy(table, given, min(size, MemoryLayout<gw_plugin>.size))
        let word = { (offset: Int?) in table.load(fromByteOffset: offset.unsafelyUnwrapped, as: UInt.self) }
        let minor = table.load(fromByteOffset: 8, as: UInt32.self)
        let names: [(String, Int?)] = [
            ("id", MemoryLayout<gw_plugin>.offset(of: \.id)), ("version", MemoryLayout<gw_plugin>.offset(of: \.version)),
            ("summary", MemoryLayout<gw_plugin>.offset(of: \.summary)),
            ("create", MemoryLayout<gw_plugin>.offset(of: \.create)),
        ]
        if let missing = names.first(where: { word($0.1) == 0 })?.0 {
            let identity = identity(of: table, size: size, minor: minor)
            table.deallocate()
            throw PluginFault(path, "\(identity) has no `\(missing)`, which \(hostIdentity) needs")
        }
        return UnsafePointer(table.assumingMemoryBound(to: gw_plugin.self))
    }

    /// The plugin as refusals name it, as far as its table says.
    private static func identity(of table: UnsafeMutableRawPointer, size: Int, minor: UInt32) -> String {
        func text(_ offset: Int?) -> String {
            let address = table.load(fromByteOffset: offset.unsafelyUnwrapped, as: UInt.self)
            return UnsafePointer<CChar>(bitPattern: address).map { String(cString: $0) } ?? "?"
        }
        return "\(text(MemoryLayout<gw_plugin>.offset(of: \.id))) \(text(MemoryLayout<gw_plugin>.offset(of: \.version))) "
            + "(ABI \(GW_ABI_MAJOR).\(minor), table of \(size) bytes)"
    }
}
