// One open connection to a database file: the edge to SQLite, with SQLiteStatement.
//
// Kind: value that is not copied; one thread at a time (opened without SQLite's own mutexes).

import CLinux
import CSQLite

struct SQLiteDatabase: ~Copyable {
    /// How long a lock of another process is waited for. A command line holds it for milliseconds; a
    /// migration of a large store for a second or two.
    static let busyMilliseconds = 5000

    fileprivate let pointer: OpaquePointer

    /// - Parameter creates: makes the file if it is missing.
    /// - Throws: `SQLiteError`; the file is looked at by the first statement only.
    init(_ path: String, creates: Bool, isReadOnly: Bool = false, busyMilliseconds: Int = busyMilliseconds) throws(SQLiteError) {
        var opened: OpaquePointer?
        let access = isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | (creates ? SQLITE_OPEN_CREATE : 0)
        let result = sqlite3_open_v2(
            path, &opened, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE, nil)
        guard result == SQLITE_OK, let opened else {
            let error = SQLiteError(opened, result)
            sqlite3_close_v2(opened)
            throw error
        }
        pointer = opened
        sqlite3_busy_timeout(pointer, Int32(busyMilliseconds))
    }

    // With _v2 the order in which statements and database go does not matter.
    deinit { sqlite3_close_v2(pointer) }

    /// Runs statements without results, separated by semicolons.
    func execute(_ sql: String) throws(SQLiteError) {
        let result = sqlite3_exec(pointer, sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw SQLiteError(pointer, result) }
    }

    /// A statement to be kept beside the database, which must outlive its running; it is prepared when it is first run.
    func statement(_ sql: String) -> SQLiteStatement { SQLiteStatement(pointer, sql) }

    /// Runs a statement once and shows its rows.
    func forEach(_ sql: String, _ values: [SQLiteValue] = [], _ body: (SQLiteRow) -> Void) throws(SQLiteError) {
        try statement(sql).forEach(values, body)
    }

    /// The number in the first row of a query, 0 without one.
    func number(_ sql: String) throws(SQLiteError) -> Int64 {
        var number: Int64 = 0
        try forEach(sql) { number = $0.int(0) }
        return number
    }

    /// SQLite ends a transaction itself after some failures: a full disk, an error of the disk.
    var isInTransaction: Bool { sqlite3_get_autocommit(pointer) == 0 }

    /// The file was opened, but cannot be written.
    var isReadOnly: Bool { sqlite3_db_readonly(pointer, "main") == 1 }
}
