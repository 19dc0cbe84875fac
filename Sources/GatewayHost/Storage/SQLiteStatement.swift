// A statement, prepared when it is first run and kept for as long as its owner: a command that lists keys does
// not prepare what the gateway needs in a week.
//
// Kind: value that is not copied; on the thread of its database.

import CSQLite

/// What is bound to a question mark.
enum SQLiteValue {
    case int(Int64)
    case text(String)
    case blob([UInt8])
    case null

    static func flag(_ value: Bool) -> SQLiteValue { .int(value ? 1 : 0) }
    static func count(_ value: Int) -> SQLiteValue { .int(Int64(value)) }
}

struct SQLiteStatement: ~Copyable {
    private let database: OpaquePointer
    private let sql: String
    /// What SQLite made of it; nil before the first run. Behind an address, so that running mutates nothing.
    private let prepared: UnsafeMutablePointer<OpaquePointer?>

    /// - Parameter database: outlives the statement, or is closed with sqlite3_close_v2.
    init(_ database: OpaquePointer, _ sql: String) {
        self.database = database
        self.sql = sql
        prepared = .allocate(capacity: 1)
        prepared.initialize(to: nil)
    }

    deinit {
        sqlite3_finalize(prepared.pointee)
        prepared.deallocate()
    }

    private func pointer() throws(SQLiteError) -> OpaquePointer {
        if let pointer = prepared.pointee { return pointer }
        let result = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), prepared, nil)
        guard result == SQLITE_OK, let pointer = prepared.pointee else { throw SQLiteError(database, result) }
        return pointer
    }

    /// Runs it to the end, ignoring rows.
    func run(_ values: SQLiteValue...) throws(SQLiteError) { try forEach(values) { _ in } }

    /// Runs it and shows each row to `body`, which must not use the same statement.
    func forEach(_ values: [SQLiteValue], _ body: (SQLiteRow) -> Void) throws(SQLiteError) {
        try rows(values) {
            body($0)
            return true
        }
    }

    /// The same until `body` says that it was enough.
    func rows(_ values: [SQLiteValue], _ body: (SQLiteRow) -> Bool) throws(SQLiteError) {
        let pointer = try pointer()
        // What was bound may be large, and a read that is not reset keeps its view of the database.
        defer {
            sqlite3_reset(pointer)
            sqlite3_clear_bindings(pointer)
        }
        for (index, value) in values.enumerated() { try bind(pointer, value, Int32(index + 1)) }
        while true {
            switch sqlite3_step(pointer) {
            case SQLITE_ROW: if !body(SQLiteRow(pointer)) { return }
            case SQLITE_DONE: return
            case let result: throw SQLiteError(database, result)
            }
        }
    }

    /// The first row as `read` sees it; nil without one.
    func first<Value>(_ values: SQLiteValue..., read: (SQLiteRow) -> Value) throws(SQLiteError) -> Value? {
        var first: Value?
        try forEach(values) { row in
            if first == nil { first = read(row) }
        }
        return first
    }

    private func bind(_ pointer: OpaquePointer, _ value: SQLiteValue, _ place: Int32) throws(SQLiteError) {
        let result =
            switch value {
            case .int(let number): sqlite3_bind_int64(pointer, place, number)
            case .text(var text):
                text.withUTF8 { bytes in
                    bytes.withMemoryRebound(to: CChar.self) {
                        // An empty string may have no address, which SQLite would take for NULL.
                        gwsql_bind_text(pointer, place, $0.baseAddress ?? emptyText, Int32($0.count))
                    }
                }
            case .blob(let bytes):
                bytes.withUnsafeBytes { gwsql_bind_blob(pointer, place, $0.baseAddress, Int32($0.count)) }
            case .null: sqlite3_bind_null(pointer, place)
            }
        guard result == SQLITE_OK else { throw SQLiteError(database, result) }
    }
}

/// A row of a result, during the call that shows it.
struct SQLiteRow {
    private let pointer: OpaquePointer

    fileprivate init(_ pointer: OpaquePointer) { self.pointer = pointer }

    func int(_ column: Int32) -> Int64 { sqlite3_column_int64(pointer, column) }
    func flag(_ column: Int32) -> Bool { int(column) != 0 }

    func text(_ column: Int32) -> String { String(decoding: blob(column), as: UTF8.self) }

    func blob(_ column: Int32) -> [UInt8] {
        // The address first: asking for the size of a converted value would move it (sqlite3_column_blob).
        let address = sqlite3_column_blob(pointer, column)
        let count = Int(sqlite3_column_bytes(pointer, column))
        return [UInt8](UnsafeRawBufferPointer(start: address, count: address == nil ? 0 : count))
    }
}

/// One zero byte that lives for ever.
nonisolated(unsafe) private let emptyText: UnsafePointer<CChar> = {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
    text.initialize(to: 0)
    return UnsafePointer(text)
}()
