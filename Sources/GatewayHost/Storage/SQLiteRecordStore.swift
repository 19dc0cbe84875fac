// The store in one SQLite file: opening, reading, and the transaction around what is written.
//
// WAL, so that other processes read while we write, and synchronous FULL, so that a commit has reached the
// disk when it returns. What one change does to the tables is in SQLiteChanges.
//
// Kind: confined to the storage thread once it runs.

import CLinux

final class SQLiteRecordStore: RecordStore {
    /// Changes of one transaction. Longer ones gain little (25,000 rows a second at 100, 35,000 at 1000) and
    /// make everybody in it wait.
    static let groupLimit = 128

    let path: String
    private let database: SQLiteDatabase
    private let changes: SQLiteChanges
    private let statements: Statements
    private var dataVersion: Int64 = 0

    private struct Statements: ~Copyable {
        let get, find, page, pageDown, changes, revision, dataVersion, userVersion, audit, auditSpan, gone, forget: SQLiteStatement
        let trim: SQLiteStatement
        let meta, metaNames, setMeta, removeMeta, all: SQLiteStatement

        init(_ database: borrowing SQLiteDatabase) {
            let columns = "collection, id, revision, document, created, updated, gone"
            func page(_ comparison: String, _ order: String) -> String {
                """
                SELECT \(columns) FROM records WHERE collection = ?1 AND gone = 0 AND id \(comparison) ?2
                AND (?3 = '' OR instr(lower(label), ?3) > 0) ORDER BY id \(order) LIMIT ?4
                """
            }
            get = database.statement("SELECT \(columns) FROM records WHERE collection = ? AND id = ? AND gone = 0")
            find = database.statement(
                """
                SELECT \(columns) FROM records WHERE gone = 0 AND collection = ?1
                AND id = (SELECT id FROM unique_values WHERE collection = ?1 AND field = ?2 AND value = ?3)
                """)
            self.page = database.statement(page(">", "ASC"))
            pageDown = database.statement(page("<", "DESC"))
            changes = database.statement(
                """
                SELECT \(columns) FROM records WHERE collection = ?1 AND revision > ?2 AND (gone = 0 OR revision > ?3)
                ORDER BY revision LIMIT ?4
                """)
            revision = database.statement("SELECT revision FROM sequence")
            dataVersion = database.statement("PRAGMA data_version")
            userVersion = database.statement("PRAGMA user_version")
            audit = database.statement(
                """
                SELECT number, time, actor, source, action, resource, record, fields, outcome, request_id FROM audit
                WHERE number < ?1 AND (?2 IS NULL OR actor = ?2) AND (?3 IS NULL OR resource = ?3)
                AND (?4 IS NULL OR record = ?4) AND time >= ?5 ORDER BY number DESC LIMIT ?6
                """)
            auditSpan = database.statement("SELECT (SELECT max(number) FROM audit) - (SELECT min(number) FROM audit) + 1")
            gone = database.statement("SELECT 1 FROM records WHERE gone = 1 AND updated < ? LIMIT 1")
            forget = database.statement("DELETE FROM records WHERE gone = 1 AND updated < ?")
            trim = database.statement("DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?")
            meta = database.statement("SELECT value FROM meta WHERE name = ?")
            metaNames = database.statement("SELECT name FROM meta WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name")
            setMeta = database.statement(
                "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            all = database.statement(
                "SELECT \(columns), number FROM records WHERE number > ? AND gone = 0 ORDER BY number LIMIT ?")
            removeMeta = database.statement("DELETE FROM meta WHERE name = ?")
        }
    }

    /// Opens a store that was made and migrated (`StorageFile.open`).
    init(_ database: consuming SQLiteDatabase, path: String) throws(SQLiteError) {
        self.path = path
        changes = SQLiteChanges(database)
        statements = Statements(database)
        dataVersion = try database.number("PRAGMA data_version")
        self.database = database
    }

    // MARK: Reading

    func get(_ collection: String, _ id: String) throws(StorageFault) -> StoredRecord? {
        try asking { () throws(SQLiteError) in
            try statements.get.first(.text(collection), .text(id), read: Self.record)
        }
    }

    func find(_ collection: String, _ value: UniqueValue) throws(StorageFault) -> StoredRecord? {
        try asking { () throws(SQLiteError) in
            try statements.find.first(.text(collection), .text(value.field), .text(value.value), read: Self.record)
        }
    }

    func list(_ query: RecordQuery) throws(StorageFault) -> RecordPage {
        // Every text is less than any blob (SQLite's datatype3.html, section 4.1), and none is less than "".
        let after: SQLiteValue = query.after.map { .text($0) } ?? (query.isDescending ? .blob([]) : .text(""))
        let limit = min(max(query.limit, 1), RecordQuery.pageLimit)
        let values: [SQLiteValue] = [
            .text(query.collection), after, .text(Self.folded(query.search ?? "")), .count(limit + 1),
        ]
        return try asking { () throws(SQLiteError) in
            var page = PageInMaking(limit)
            if query.isDescending {
                try statements.pageDown.rows(values) { page.add($0) }
            } else {
                try statements.page.rows(values) { page.add($0) }
            }
            return page.page
        }
    }

    func revision() throws(StorageFault) -> Int64 {
        try asking { () throws(SQLiteError) in try statements.revision.first { $0.int(0) } ?? 0 }
    }

    func changes(_ collection: String, after revision: Int64, goneAfter: Int64, limit: Int) throws(StorageFault) -> RecordPage {
        let values: [SQLiteValue] = [.text(collection), .int(revision), .int(goneAfter), .count(limit + 1)]
        return try asking { () throws(SQLiteError) in
            var page = PageInMaking(limit)
            try statements.changes.rows(values) { page.add($0) }
            return page.page
        }
    }

    func hasForeignChanges() throws(StorageFault) -> Bool {
        let now = try asking { () throws(SQLiteError) in try statements.dataVersion.first { $0.int(0) } ?? 0 }
        defer { dataVersion = now }
        return now != dataVersion
    }

    func audit(_ query: AuditQuery) throws(StorageFault) -> [AuditEntry] {
        var entries: [AuditEntry] = []
        try asking { () throws(SQLiteError) in
            let values: [SQLiteValue] = [
                .int(query.before ?? .max), query.actor.map { .text($0) } ?? .null, query.resource.map { .text($0) } ?? .null,
                query.record.map { .text($0) } ?? .null, .int(query.since ?? .min),
                .count(min(max(query.limit, 1), RecordQuery.pageLimit)),
            ]
            try statements.audit.forEach(values) { entries.append(Self.entry($0)) }
        }
        return entries
    }

    func meta(_ name: String) throws(StorageFault) -> [UInt8]? {
        try asking { () throws(SQLiteError) in try statements.meta.first(.text(name)) { $0.blob(0) } }
    }

    func metaNames(_ prefix: String) throws(StorageFault) -> [String] {
        var names: [String] = []
        try asking { () throws(SQLiteError) in
            try statements.metaNames.forEach([.text(prefix)]) { names.append($0.text(0)) }
        }
        return names
    }

    // MARK: Writing

    func apply(_ tasks: [StorageTask]) -> [Result<[StoredRecord], StorageFault>] {
        var results: [Result<[StoredRecord], StorageFault>] = []
        var start = 0
        while start < tasks.count {
            // At least one task, and more while the group stays small.
            var end = start
            var count = 0
            repeat {
                count += max(tasks[end].changes.count, 1)
                end += 1
            } while end < tasks.count && count + tasks[end].changes.count <= Self.groupLimit
            results += group(tasks[start..<end])
            start = end
        }
        return results
    }

    /// One transaction. If it fails as a whole, each task gets one of its own, so that a document that finds no
    /// room does not take others with it.
    private func group(_ tasks: ArraySlice<StorageTask>) -> [Result<[StoredRecord], StorageFault>] {
        do throws(StorageFault) {
            return try transaction { () throws(SQLiteError) in
                var results: [Result<[StoredRecord], StorageFault>] = []
                for task in tasks { results.append(try changes.make(task)) }
                return results
            }
        } catch {
            return tasks.count == 1 ? [.failure(error)] : tasks.flatMap { group([$0]) }
        }
    }

    func setMeta(_ values: [(name: String, value: [UInt8]?)], expecting: (name: String, value: [UInt8]?)?) throws(StorageFault)
        -> Bool
    {
        try transaction { () throws(SQLiteError) in
            if let expecting {
                let found = try statements.meta.first(.text(expecting.name)) { $0.blob(0) }
                if found != expecting.value { return false }
            }
            for (name, value) in values {
                if let value {
                    try statements.setMeta.run(.text(name), .blob(value))
                } else {
                    try statements.removeMeta.run(.text(name))
                }
            }
            return true
        }
    }

    func rewrite(after place: Int64, limit: Int, _ body: (StoredRecord) -> [UInt8]?) throws(StorageFault) -> RewriteStep {
        try transaction { () throws(SQLiteError) in
            var step = RewriteStep()
            var found: [(number: Int64, document: [UInt8])] = []
            try statements.all.forEach([.int(place), .count(limit)]) { row in
                step.last = row.int(7)
                if let document = body(Self.record(row)) { found.append((row.int(7), document)) }
            }
            for (number, document) in found { try changes.rewrite(number, document) }
            step.changed = found.count
            return step
        }
    }

    func purge(goneBefore time: Int64, auditBeyond limit: Int) throws(StorageFault) {
        // Looked at first, so that a store in which nothing happens is not written to.
        let isNeeded = try asking { () throws(SQLiteError) in
            let gone = try statements.gone.first(.int(time)) { $0.int(0) } != nil
            let entries = try statements.auditSpan.first { $0.int(0) } ?? 0
            return gone || entries > Int64(limit)
        }
        guard isNeeded else { return }
        try transaction { () throws(SQLiteError) in
            try statements.forget.run(.int(time))
            try statements.trim.run(.count(limit))
        }
    }

    /// Runs `body` between BEGIN and COMMIT; after any failure nothing of it is there.
    private func transaction<Value>(_ body: () throws(SQLiteError) -> Value) throws(StorageFault) -> Value {
        try asking { () throws(SQLiteError) in try database.execute("BEGIN IMMEDIATE") }
        // A rollback that fails leaves nothing to be done: the transaction ends with the connection at the latest.
        defer { if database.isInTransaction { try? database.execute("ROLLBACK") } }
        let version = try asking { () throws(SQLiteError) in try statements.userVersion.first { $0.int(0) } }
        guard version == StorageSchema.current else {
            throw .unavailable("another version of the gateway has taken over the store \(path) meanwhile. Restart this one")
        }
        return try asking { () throws(SQLiteError) in
            let value = try body()
            try database.execute("COMMIT")
            return value
        }
    }

    /// Turns what SQLite says into sentences of the store.
    private func asking<Value>(_ body: () throws(SQLiteError) -> Value) throws(StorageFault) -> Value {
        do throws(SQLiteError) { return try body() } catch { throw error.fault(path) }
    }

    // MARK: Rows

    fileprivate static func record(_ row: SQLiteRow) -> StoredRecord {
        StoredRecord(
            collection: row.text(0), id: row.text(1), revision: row.int(2), document: row.blob(3), created: row.int(4),
            updated: row.int(5), isGone: row.flag(6))
    }

    static func entry(_ row: SQLiteRow) -> AuditEntry {
        AuditEntry(
            number: row.int(0), time: row.int(1), actor: row.text(2), source: row.text(3), action: row.text(4),
            resource: row.text(5), record: row.text(6), fields: AuditFields.list(row.text(7)), outcome: row.text(8),
            requestID: row.text(9))
    }

    /// As SQLite's lower(): ASCII letters only.
    static func folded(_ text: String) -> String {
        String(decoding: text.utf8.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}

/// Rows until there are enough, or they are enough bytes: records may be large, and a page is held in memory.
private struct PageInMaking {
    private static let bytesLimit = 8 << 20

    private(set) var page = RecordPage(records: [], hasMore: false)
    private let limit: Int
    private var bytes = 0

    init(_ limit: Int) { self.limit = limit }

    /// Whether there is room for another.
    mutating func add(_ row: SQLiteRow) -> Bool {
        if page.records.count == limit || bytes >= Self.bytesLimit {
            page.hasMore = true
            return false
        }
        page.records.append(SQLiteRecordStore.record(row))
        bytes += page.records.last?.document.count ?? 0
        return true
    }
}
