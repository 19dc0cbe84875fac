// Where the master key comes from: `ENCRYPTION_KEY`, or the file `master.key` of the data folder.
//
// The environment wins, as everywhere. The file is refused when others can read it, since then it is no secret; it
// is made once and replaced as a whole, with the folder synchronised, because losing it loses every sealed value.
//
// Kind: free of state; blocks, so for the control thread and the command line.

import CLinux

enum MasterKeyFile {
    static let name = "master.key"
    static let variable = "ENCRYPTION_KEY"
    /// The key that a rotation goes over to, until it is there.
    static let nextName = "master.key.next"
    private static let byteLimit = 4096

    static func path(in folder: String) -> String { folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)" }

    /// The key there is; nil when there is none.
    /// - Parameter variable: the value of `ENCRYPTION_KEY`; nil or empty if it is not set.
    /// - Throws: `VaultFault.key` when it is not fit to be used.
    static func find(folder: String, variable value: Secret?) throws(VaultFault) -> MasterKey? {
        if let value, !value.isEmpty { return try MasterKey(value, source: variable) }
        return try read(path(in: folder))
    }

    /// The key there is, or a new one in the file.
    static func findOrMake(folder: String, variable value: Secret?) throws(VaultFault) -> (key: MasterKey, isNew: Bool) {
        if let key = try find(folder: folder, variable: value) { return (key, false) }
        let path = path(in: folder)
        let key = MasterKey.random(source: path)
        try write(key, to: path)
        // Another process may have made one at the same moment; what stands there counts.
        guard let made = try read(path) else { throw .key("the key file \(path) has gone as soon as it was made") }
        return (made, made.id == key.id)
    }

    /// nil when there is no such file.
    static func read(_ path: String) throws(VaultFault) -> MasterKey? {
        guard let mode = FileBytes.mode(of: path) else {
            let code = gwl_errno()
            if code == ENOENT { return nil }
            throw .key("the key file \(path) cannot be looked at: \(SystemError.text(of: code))")
        }
        guard mode & 0o077 == 0 else {
            throw .key(
                "the key file \(path) can be read by others (mode 0\(String(mode, radix: 8))). Run: chmod 600 \(path); "
                    + "if somebody may have read it, rotate the key: gateway rotate-master-key")
        }
        switch FileBytes.read(path, limit: byteLimit) {
        case .failure(let failure): throw .key("\(failure.sentence). It holds the master key; it must be readable for the gateway")
        case .success(var bytes):
            defer { bytes.wipe() }
            return try MasterKey(Secret(String(decoding: bytes, as: UTF8.self)), source: path)
        }
    }

    /// Makes the file, readable for its owner only. An existing one stays as it is.
    static func write(_ key: MasterKey, to path: String) throws(VaultFault) {
        var text = Array((key.reveal().reveal() + "\n").utf8)
        defer { text.wipe() }
        let folder = FilePath.folder(of: path)
        let beside = "\(path).\(getpid())"
        func failure() -> VaultFault { .key("the key file \(path) cannot be written: \(SystemError.text(of: gwl_errno()))") }
        unlink(beside)
        let descriptor = gwl_open(beside, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { throw failure() }
        defer {
            close(descriptor)
            unlink(beside)
        }
        var status = stat()
        // Made by root in the folder of somebody else, it is theirs (see StorageFile).
        if geteuid() == 0, stat(folder, &status) == 0 { _ = fchown(descriptor, status.st_uid, status.st_gid) }
        guard CLinux.write(descriptor, text, text.count) == text.count, fsync(descriptor) == 0 else { throw failure() }
        // A link, because it does not replace what is there, and is there whole.
        guard link(beside, path) == 0 || gwl_errno() == EEXIST, StorageFile.synchronize(folder) else { throw failure() }
    }

    /// Puts the file of a rotation in the place of the old one.
    static func adopt(_ next: String, as path: String) throws(VaultFault) {
        guard rename(next, path) == 0, StorageFile.synchronize(FilePath.folder(of: path)) else {
            throw .key("the key file \(path) cannot be replaced by \(next): \(SystemError.text(of: gwl_errno()))")
        }
    }
}
