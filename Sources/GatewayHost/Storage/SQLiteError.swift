// A call of SQLite that failed, and what it means for whoever asked the store.
//
// Kind: value.

import CSQLite

struct SQLiteError: Error, Sendable, Equatable {
    /// The primary result code: SQLITE_FULL, SQLITE_BUSY, …
    let code: Int32
    /// With the cause in the upper bits.
    let extendedCode: Int32
    /// SQLite's own words; they may quote a statement, never a value that was bound.
    let message: String

    /// What the last failed call on `database` said.
    init(_ database: OpaquePointer?, _ result: Int32) {
        code = result & 0xff
        extendedCode = database.map { sqlite3_extended_errcode($0) } ?? result
        message = String(cString: database.map { sqlite3_errmsg($0) } ?? sqlite3_errstr(result))
    }

    var isFull: Bool { code == SQLITE_FULL }

    /// The sentence for people: what, where, how to mend it.
    func fault(_ path: String) -> StorageFault {
        switch code {
        case SQLITE_FULL:
            .unavailable(
                "the disk with \(path) is full, or the file has reached its limit: the change was not made and nothing was lost. "
                    + "Make room, then repeat it")
        case SQLITE_BUSY, SQLITE_LOCKED:
            .unavailable(
                "another process has kept the store \(path) locked for \(SQLiteDatabase.busyMilliseconds / 1000) seconds. "
                    + "Look for a command or a backup that hangs (fuser \(path))")
        case SQLITE_NOTADB:
            .unavailable(
                "\(path) is not a database. Put a backup in its place; if it is worth nothing, move it away and start again")
        case SQLITE_CORRUPT:
            .unavailable("the database \(path) is damaged (\(message)). Stop, keep a copy of it, and restore a backup")
        case SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH:
            .unavailable(
                "the store \(path) cannot be opened for writing (\(message)). Its folder and its files must belong to the user "
                    + "that the gateway runs as")
        case SQLITE_IOERR:
            .unavailable("reading or writing the store \(path) failed: \(message) (\(extendedCode)). Look at the disk and at dmesg")
        default:
            .unavailable("the store \(path) failed: \(message) (SQLite \(extendedCode))")
        }
    }
}
