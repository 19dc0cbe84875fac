// The tables of the store, and the steps by which an older one becomes today's.
//
// The version is the database's `user_version`. A step is never changed once it was released: databases
// that have taken it exist. All steps that are missing run in one transaction, so a store is of one
// version or another and never between. Tests/Corpus/store holds a database of each version as SQL.
//
// Kind: value.

enum StorageSchema {
    /// "GWST": what says that a database is a gateway's store (PRAGMA application_id).
    static let applicationID: Int64 = 0x4757_5354

    /// Step n makes version n of version n - 1; version 0 is an empty file.
    static let steps: [String] = [
        // 1: records with one sequence of revisions; what makes them unique; what they name; the trail.
        """
        CREATE TABLE records (
            number INTEGER PRIMARY KEY, collection TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL,
            gone INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, label TEXT NOT NULL,
            document BLOB NOT NULL);
        CREATE UNIQUE INDEX records_by_id ON records (collection, id);
        CREATE UNIQUE INDEX records_by_revision ON records (collection, revision);
        CREATE INDEX records_gone ON records (updated) WHERE gone = 1;
        CREATE TABLE unique_values (
            collection TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,
            PRIMARY KEY (collection, field, value)) WITHOUT ROWID;
        CREATE INDEX unique_values_by_id ON unique_values (collection, id);
        CREATE TABLE record_references (
            collection TEXT NOT NULL, id TEXT NOT NULL, field TEXT NOT NULL, target_collection TEXT NOT NULL,
            target_id TEXT NOT NULL,
            PRIMARY KEY (collection, id, field, target_collection, target_id)) WITHOUT ROWID;
        CREATE INDEX record_references_by_target ON record_references (target_collection, target_id);
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, actor TEXT NOT NULL, source TEXT NOT NULL,
            action TEXT NOT NULL, resource TEXT NOT NULL, record TEXT NOT NULL, fields TEXT NOT NULL,
            outcome TEXT NOT NULL, request_id TEXT NOT NULL);
        CREATE INDEX audit_by_record ON audit (resource, record);
        CREATE INDEX audit_by_actor ON audit (actor);
        CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE sequence (revision INTEGER NOT NULL);
        INSERT INTO sequence VALUES (0);
        """
    ]

    static var current: Int64 { Int64(steps.count) }

    /// What stands in the file.
    /// - Throws: when it is not a gateway's store, or a later version's.
    static func version(of database: borrowing SQLiteDatabase, _ path: String) throws(StorageFault) -> Int64 {
        let version: Int64
        let isOurs: Bool
        do throws(SQLiteError) {
            version = try database.number("PRAGMA user_version")
            let application = try database.number("PRAGMA application_id")
            let tables = try database.number("SELECT count(*) FROM sqlite_schema")
            isOurs = application == applicationID || version == 0 && application == 0 && tables == 0
        } catch {
            throw error.fault(path)
        }
        guard isOurs else {
            throw .unavailable("\(path) is a database of another program. Set `data` to a folder of the gateway's own")
        }
        guard version <= current else {
            throw .unavailable(
                "the store \(path) was written by a newer gateway (version \(version) of its tables; this one knows "
                    + "\(current)). Run that gateway, or restore a backup made by this one")
        }
        return version
    }

    /// Takes the steps that are missing, all or none.
    static func migrate(_ database: borrowing SQLiteDatabase, _ steps: [String] = steps) throws(SQLiteError) {
        guard try database.number("PRAGMA user_version") < steps.count else { return }
        try database.execute("BEGIN IMMEDIATE")
        defer { if database.isInTransaction { try? database.execute("ROLLBACK") } }
        // Another process may have been first while we waited.
        let version = Int(try database.number("PRAGMA user_version"))
        for step in steps.dropFirst(version) { try database.execute(step) }
        try database.execute(
            "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(max(version, steps.count)); COMMIT")
    }
}
