// The file of a store as one end of a move.
//
// Kind: free of threads; blocks, so for the command line.

final class SQLiteEnd: StoreEnd {
    let name: String
    private let database: SQLiteDatabase

    /// Opens the store of a folder, and makes it if it is missing.
    init(folder: String) throws(StorageFault) {
        name = StorageFile.path(in: folder)
        // Brings it to today's version.
        _ = try StorageFile.open(folder)
        do throws(SQLiteError) {
            database = try SQLiteDatabase(name, creates: false)
            try database.execute("PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF")
        } catch {
            throw error.fault(StorageFile.path(in: folder))
        }
    }

    func state() throws(StorageFault) -> StoreState {
        try asking { () throws(SQLiteError) in
            StoreState(
                records: Int(try database.number("SELECT count(*) FROM records WHERE gone = 0")),
                entries: Int(try database.number("SELECT count(*) FROM audit")),
                revision: try database.number("SELECT revision FROM sequence"),
                place: try database.number("SELECT coalesce(max(number), 0) FROM records"),
                number: try database.number("SELECT coalesce(max(number), 0) FROM audit"))
        }
    }

    func rows(after place: Int64, limit: Int) throws(StorageFault) -> [StoreRow] {
        try asking { () throws(SQLiteError) in
            var rows: [StoreRow] = []
            try database.forEach(
                """
                SELECT number, collection, id, revision, document, created, updated, label FROM records
                WHERE number > ? AND gone = 0 ORDER BY number LIMIT ?
                """, [.int(place), .count(limit)]
            ) { row in
                rows.append(
                    StoreRow(
                        place: row.int(0),
                        record: StoredRecord(
                            collection: row.text(1), id: row.text(2), revision: row.int(3), document: row.blob(4), created: row.int(5),
                            updated: row.int(6)),
                        label: row.text(7), unique: [], references: []))
            }
            for index in rows.indices {
                let place: [SQLiteValue] = [.text(rows[index].record.collection), .text(rows[index].record.id)]
                try database.forEach(
                    "SELECT field, value FROM unique_values WHERE collection = ? AND id = ? ORDER BY field, value", place
                ) { rows[index].unique.append(UniqueValue(field: $0.text(0), value: $0.text(1))) }
                try database.forEach(
                    """
                    SELECT field, target_collection, target_id FROM record_references WHERE collection = ? AND id = ?
                    ORDER BY field, target_collection, target_id
                    """, place
                ) { rows[index].references.append(RecordReference(field: $0.text(0), collection: $0.text(1), id: $0.text(2))) }
            }
            return rows
        }
    }

    func trail(after number: Int64, limit: Int) throws(StorageFault) -> [AuditEntry] {
        try asking { () throws(SQLiteError) in
            var entries: [AuditEntry] = []
            try database.forEach(
                """
                SELECT number, time, actor, source, action, resource, record, fields, outcome, request_id FROM audit
                WHERE number > ? ORDER BY number LIMIT ?
                """, [.int(number), .count(limit)]
            ) { entries.append(SQLiteRecordStore.entry($0)) }
            return entries
        }
    }

    func allMeta() throws(StorageFault) -> [String: [UInt8]] {
        try asking { () throws(SQLiteError) in
            var values: [String: [UInt8]] = [:]
            try database.forEach("SELECT name, value FROM meta") { values[$0.text(0)] = $0.blob(1) }
            return values
        }
    }

    func adopt(_ rows: [StoreRow]) throws(StorageFault) {
        try transaction { () throws(SQLiteError) in
            for row in rows {
                let record = row.record
                let place: [SQLiteValue] = [.text(record.collection), .text(record.id)]
                for table in ["unique_values", "record_references"] {
                    try database.forEach("DELETE FROM \(table) WHERE collection = ? AND id = ?", place) { _ in }
                }
                try database.forEach(
                    """
                    INSERT OR REPLACE INTO records (number, collection, id, revision, gone, created, updated, label, document)
                    VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)
                    """,
                    [.int(row.place)] + place + [
                        .int(record.revision), .int(record.created), .int(record.updated), .text(row.label), .blob(record.document),
                    ]
                ) { _ in }
                for unique in row.unique {
                    try database.forEach(
                        "INSERT OR REPLACE INTO unique_values (collection, field, value, id) VALUES (?, ?, ?, ?)",
                        [place[0], .text(unique.field), .text(unique.value), place[1]]
                    ) { _ in }
                }
                for reference in row.references {
                    try database.forEach(
                        "INSERT OR IGNORE INTO record_references (collection, id, field, target_collection, target_id) VALUES (?, ?, ?, ?, ?)",
                        place + [.text(reference.field), .text(reference.collection), .text(reference.id)]
                    ) { _ in }
                }
            }
        }
    }

    /// Removes whatever stands at another place than these.
    /// - Parameter revisions: by place.
    /// - Throws: when one of them is missing or has another revision.
    func keepOnly(_ revisions: [Int64: Int64]) throws(StorageFault) {
        var left = revisions
        var others: [(place: Int64, collection: String, id: String)] = []
        var isWhole = true
        try asking { () throws(SQLiteError) in
            try database.forEach("SELECT number, collection, id, revision FROM records") { row in
                if let revision = left.removeValue(forKey: row.int(0)) {
                    isWhole = isWhole && revision == row.int(3)
                } else {
                    others.append((row.int(0), row.text(1), row.text(2)))
                }
            }
        }
        guard isWhole, left.isEmpty else { throw .unavailable("the copy of the store is not what was read; try again") }
        try transaction { () throws(SQLiteError) in
            for other in others {
                for table in ["unique_values", "record_references"] {
                    try database.forEach(
                        "DELETE FROM \(table) WHERE collection = ? AND id = ?", [.text(other.collection), .text(other.id)]
                    ) { _ in }
                }
                try database.forEach("DELETE FROM records WHERE number = ?", [.int(other.place)]) { _ in }
            }
        }
    }

    func adopt(_ entries: [AuditEntry]) throws(StorageFault) {
        try transaction { () throws(SQLiteError) in
            for entry in entries {
                try database.forEach(
                    """
                    INSERT OR REPLACE INTO audit (number, time, actor, source, action, resource, record, fields, outcome, request_id)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                    [
                        .int(entry.number), .int(entry.time), .text(entry.actor), .text(entry.source), .text(entry.action),
                        .text(entry.resource), .text(entry.record), .text(AuditFields.text(entry.fields)), .text(entry.outcome),
                        .text(entry.requestID),
                    ]
                ) { _ in }
            }
        }
    }

    /// Places and numbers of entries follow the rows themselves.
    func raise(to state: StoreState) throws(StorageFault) {
        try transaction { () throws(SQLiteError) in
            try database.forEach("UPDATE sequence SET revision = max(revision, ?)", [.int(state.revision)]) { _ in }
        }
    }

    func setAllMeta(_ values: [String: [UInt8]]) throws(StorageFault) {
        try transaction { () throws(SQLiteError) in
            try database.execute("DELETE FROM meta")
            for (name, value) in values {
                try database.forEach("INSERT INTO meta (name, value) VALUES (?, ?)", [.text(name), .blob(value)]) { _ in }
            }
        }
    }

    private func transaction(_ body: () throws(SQLiteError) -> Void) throws(StorageFault) {
        try asking { () throws(SQLiteError) in
            try database.execute("BEGIN IMMEDIATE")
            defer { if database.isInTransaction { try? database.execute("ROLLBACK") } }
            try body()
            try database.execute("COMMIT")
        }
    }

    private func asking<Value>(_ body: () throws(SQLiteError) -> Value) throws(StorageFault) -> Value {
        do throws(SQLiteError) { return try body() } catch { throw error.fault(name) }
    }
}
