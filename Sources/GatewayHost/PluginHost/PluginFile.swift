// A plugin's file: found by name, judged by who may write it, read once.
//
// Code that is loaded here can do everything the gateway can, so a file that somebody else can
// change is refused, and so is one in a directory where somebody else can replace it.
//
// Kind: pure functions over the file system; control thread.

import CLinux

struct PluginFile {
    let path: String
    let content: [UInt8]

    /// Binaries of plugins are a few hundred KiB; beyond this the file is something else.
    static let byteLimit = 256 << 20

    /// The path that the configuration's word means: `Auth` is libAuth.so beside the executable, and
    /// what contains a slash or ends in `.so` is a path.
    static func path(of plugin: String, executableDirectory: String) -> String {
        if plugin.utf8.contains(0x2f) { return plugin }
        if plugin.hasSuffix(".so") { return "./" + plugin }
        return "\(executableDirectory)/lib\(plugin).so"
    }

    /// Reads a plugin's file if only we or root could have written it.
    static func read(_ path: String) throws(PluginFault) -> PluginFile {
        let descriptor = gwl_open(path, O_RDONLY | O_NONBLOCK, 0)
        guard descriptor >= 0 else {
            let reason = SystemError.text(of: gwl_errno())
            throw PluginFault(path, "cannot be opened: \(reason); check `plugin:`, which is a name such as Auth or a path")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & mode_t(S_IFMT) == mode_t(S_IFREG) else {
            throw PluginFault(path, "is not a regular file")
        }
        try refuseForeign(status, "the file", path)
        try refuseForeignDirectory(of: path)
        guard status.st_size <= byteLimit else { throw PluginFault(path, "is larger than any plugin (\(status.st_size) bytes)") }
        var content = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < content.count {
            let count = content.withUnsafeMutableBytes {
                CLinux.read(descriptor, $0.baseAddress.unsafelyUnwrapped + filled, $0.count - filled)
            }
            if count < 0, gwl_errno() == EINTR { continue }
            guard count > 0 else { throw PluginFault(path, "cannot be read to its end; was it being replaced?") }
            filled += count
        }
        return PluginFile(path: path, content: content)
    }

    private static func refuseForeignDirectory(of path: String) throws(PluginFault) {
        guard let resolved = realpath(path, nil) else {
            throw PluginFault(path, "cannot be resolved: \(SystemError.text(of: gwl_errno()))")
        }
        defer { free(resolved) }
        let full = String(cString: resolved)
        let directory = full.lastIndex(of: "/").map { $0 == full.startIndex ? "/" : String(full[..<$0]) } ?? "."
        var status = stat()
        guard stat(directory, &status) == 0 else {
            throw PluginFault(path, "its directory cannot be examined: \(SystemError.text(of: gwl_errno()))")
        }
        try refuseForeign(status, "its directory \(directory)", path)
    }

    private static func refuseForeign(_ status: stat, _ what: String, _ path: String) throws(PluginFault) {
        if status.st_mode & 0o022 != 0 {
            let mode = String(status.st_mode & 0o7777, radix: 8)
            throw PluginFault(
                path, "\(what) may be written by others (mode \(mode)), who could run code in the gateway; use chmod go-w")
        }
        if status.st_uid != 0, status.st_uid != geteuid() {
            throw PluginFault(
                path,
                "\(what) belongs to user \(status.st_uid), neither root nor the gateway's user \(geteuid()); use chown")
        }
    }

    /// The same content under a name made of its hash, in a directory of our own: replacing or
    /// overwriting the original never touches code that runs, and dlopen, which compares names
    /// first, never confuses two versions.
    func privateCopy(in directory: String, contentHash: String) throws(PluginFault) -> String {
        try PluginFile.makePrivate(directory)
        let target = "\(directory)/\(contentHash).so"
        let temporary = "\(target).\(getpid())"
        do {
            try write(to: temporary)
            try systemCall("rename", on: target) { rename(temporary, target) }
        } catch {
            unlink(temporary)
            throw PluginFault(path, "cannot be copied into \(directory): \(error)")
        }
        return target
    }

    private func write(to path: String) throws(SystemError) {
        unlink(path)
        let descriptor = try systemCall("open", on: path) { gwl_open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600) }
        defer { close(descriptor) }
        var written = 0
        while written < content.count {
            written += try systemCall("write", on: path) {
                content.withUnsafeBytes {
                    CLinux.write(descriptor, $0.baseAddress.unsafelyUnwrapped + written, $0.count - written)
                }
            }
        }
    }

    private static func makePrivate(_ directory: String) throws(PluginFault) {
        if mkdir(directory, 0o700) != 0, gwl_errno() != EEXIST {
            throw PluginFault(directory, "cannot be made: \(SystemError.text(of: gwl_errno()))")
        }
        var status = stat()
        guard lstat(directory, &status) == 0, status.st_mode & mode_t(S_IFMT) == mode_t(S_IFDIR), status.st_uid == geteuid(),
            status.st_mode & 0o077 == 0
        else {
            throw PluginFault(
                directory, "must be a directory of the gateway's own user with mode 700; remove it and it is made anew")
        }
    }
}
