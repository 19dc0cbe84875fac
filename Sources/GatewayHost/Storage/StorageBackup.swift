// Copies of the store: made while others serve, checked before they are trusted, put in place of it.
//
// A copy holds everything the store does, secrets sealed; without the master key they stay so, and the key is not in
// it. SQLite writes it from one view of the database (VACUUM INTO), compact, and holds up nobody.
//
// Kind: free of state; blocks, so for the control thread and the command line.

import CLinux

enum StorageBackup {
    /// Writes a copy of the store at `path` to `target`, which must not exist, readable for its owner only.
    static func write(_ path: String, to target: String) throws(StorageFault) {
        guard FileBytes.mode(of: target) == nil else {
            throw .unavailable("\(target) exists already; a backup replaces nothing. Give another name")
        }
        let partial = "\(target).\(getpid()).partial"
        func failure(_ what: String) -> StorageFault {
            .unavailable("the backup \(what) cannot be written: \(SystemError.text(of: gwl_errno()))")
        }
        unlink(partial)
        // SQLite takes an empty file as none, and leaves its mode as it is.
        let descriptor = gwl_open(partial, O_RDWR | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { throw failure(partial) }
        defer {
            close(descriptor)
            unlink(partial)
        }
        do throws(SQLiteError) {
            let database = try SQLiteDatabase(path, creates: false, isReadOnly: true)
            try database.forEach("VACUUM INTO ?", [.text(partial)]) { _ in }
        } catch {
            throw error.fault(error.isFull ? target : path)
        }
        guard fsync(descriptor) == 0 else { throw failure(partial) }
        // A link replaces nothing, also not what has appeared meanwhile.
        guard link(partial, target) == 0, StorageFile.synchronize(FilePath.folder(of: target)) else { throw failure(target) }
    }

    /// Reads all of a copy.
    /// - Throws: when it is damaged, or not a store of this gateway or an older one.
    static func check(_ path: String) throws(StorageFault) {
        guard FileBytes.mode(of: path) != nil else { throw .unavailable("there is no backup \(path)") }
        var verdict = ""
        let database: SQLiteDatabase
        do throws(SQLiteError) { database = try SQLiteDatabase(path, creates: false, isReadOnly: true) } catch {
            throw error.fault(path)
        }
        guard try StorageSchema.version(of: database, path) > 0 else { throw .unavailable("the backup \(path) is empty") }
        do throws(SQLiteError) {
            try database.forEach("PRAGMA integrity_check(1)") { verdict = $0.text(0) }
        } catch {
            throw error.fault(path)
        }
        guard verdict == "ok" else { throw .unavailable("the backup \(path) is damaged: \(verdict)") }
    }

    /// Puts a copy in the place of the store of `folder`. What was there stays beside it as `gateway.db.replaced`.
    ///
    /// Nobody may have the store open; the caller holds the lock of the folder.
    static func restore(_ backup: String, folder: String) throws(StorageFault) {
        try check(backup)
        let path = StorageFile.path(in: folder)
        let fresh = "\(path).restored"
        unlink(fresh)
        try write(backup, to: fresh)
        // A log of what was there belongs to what was there: SQLite finds it by its name.
        for suffix in ["", "-wal", "-shm"] {
            unlink("\(path).replaced\(suffix)")
            if rename(path + suffix, "\(path).replaced\(suffix)") != 0, gwl_errno() != ENOENT {
                throw .unavailable("\(path)\(suffix) cannot be moved aside: \(SystemError.text(of: gwl_errno()))")
            }
        }
        guard rename(fresh, path) == 0, StorageFile.synchronize(folder) else {
            throw .unavailable(
                "the restored store \(fresh) cannot be moved to \(path): \(SystemError.text(of: gwl_errno())). The former one is "
                    + "\(path).replaced")
        }
    }
}
