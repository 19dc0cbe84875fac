// What one task does to the tables: expectations, unique values, references, revisions, the trail.
//
// A task is a savepoint inside the transaction of its group, so that what it may not do takes nothing from
// the others. References are looked at once all its changes are made: records that name each other can be made
// or deleted in one task, in any order.
//
// Kind: confined to the storage thread.

import CLinux

struct SQLiteChanges: ~Copyable {
    private let find, insert, update, nextRevision, clearUnique, holder, addUnique: SQLiteStatement
    private let clearReferences, addReference, exists, referrer, referrers, audit: SQLiteStatement
    private let begin, end, back, replace: SQLiteStatement

    init(_ database: borrowing SQLiteDatabase) {
        find = database.statement(
            "SELECT number, revision, created, gone FROM records WHERE collection = ? AND id = ?")
        insert = database.statement(
            """
            INSERT INTO records (collection, id, revision, gone, created, updated, label, document)
            VALUES (?, ?, ?, 0, ?, ?, ?, ?)
            """)
        update = database.statement(
            """
            UPDATE records SET revision = ?2, gone = ?3, created = ?4, updated = ?5, label = ?6, document = ?7
            WHERE number = ?1
            """)
        nextRevision = database.statement("UPDATE sequence SET revision = revision + 1 RETURNING revision")
        clearUnique = database.statement("DELETE FROM unique_values WHERE collection = ? AND id = ?")
        holder = database.statement("SELECT id FROM unique_values WHERE collection = ? AND field = ? AND value = ?")
        addUnique = database.statement("INSERT INTO unique_values (collection, field, value, id) VALUES (?, ?, ?, ?)")
        clearReferences = database.statement("DELETE FROM record_references WHERE collection = ? AND id = ?")
        addReference = database.statement(
            """
            INSERT OR IGNORE INTO record_references (collection, id, field, target_collection, target_id)
            VALUES (?, ?, ?, ?, ?)
            """)
        exists = database.statement("SELECT 1 FROM records WHERE collection = ? AND id = ? AND gone = 0")
        referrer = database.statement(
            "SELECT collection, id FROM record_references WHERE target_collection = ? AND target_id = ? LIMIT 1")
        referrers = database.statement(
            """
            SELECT count(*) FROM (SELECT DISTINCT collection, id FROM record_references
            WHERE target_collection = ? AND target_id = ?)
            """)
        audit = database.statement(
            """
            INSERT INTO audit (time, actor, source, action, resource, record, fields, outcome, request_id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        replace = database.statement("UPDATE records SET revision = ?2, document = ?3 WHERE number = ?1")
        begin = database.statement("SAVEPOINT task")
        end = database.statement("RELEASE task")
        back = database.statement("ROLLBACK TO task")
    }

    /// Makes all changes of a task, or none.
    /// - Throws: when the transaction as a whole has failed.
    func make(_ task: StorageTask) throws(SQLiteError) -> Result<[StoredRecord], StorageFault> {
        try begin.run()
        let now = Int64(gwl_wall_ns() / 1_000_000)
        var records: [StoredRecord] = []
        var fault: StorageFault?
        for change in task.changes where fault == nil {
            switch try make(change, now) {
            case .success(let record): records.append(record)
            case .failure(let refusal): fault = refusal
            }
        }
        for change in task.changes where fault == nil { fault = try referenceFault(change) }
        if let fault {
            try back.run()
            try end.run()
            return .failure(fault)
        }
        for entry in task.audit { try add(entry) }
        try end.run()
        return .success(records)
    }

    private func make(_ change: RecordChange, _ now: Int64) throws(SQLiteError) -> Result<StoredRecord, StorageFault> {
        let place: [SQLiteValue] = [.text(change.collection), .text(change.id)]
        var found: (number: Int64, revision: Int64, created: Int64, isGone: Bool)?
        try find.forEach(place) { found = ($0.int(0), $0.int(1), $0.int(2), $0.flag(3)) }
        let current = found.flatMap { $0.isGone ? nil : $0.revision }
        if let fault = change.expected.fault(current: current, deletes: change.document == nil) { return .failure(fault) }

        try clearUnique.forEach(place) { _ in }
        try clearReferences.forEach(place) { _ in }
        for unique in change.unique where change.document != nil {
            let key: [SQLiteValue] = [.text(change.collection), .text(unique.field), .text(unique.value)]
            var other: String?
            try holder.forEach(key) { other = $0.text(0) }
            if let other { return .failure(.duplicate(unique, id: other)) }
            try addUnique.forEach(key + [.text(change.id)]) { _ in }
        }
        for reference in change.references where change.document != nil {
            try addReference.forEach(
                place + [.text(reference.field), .text(reference.collection), .text(reference.id)]
            ) { _ in }
        }

        var revision: Int64 = 0
        try nextRevision.forEach([]) { revision = $0.int(0) }
        let record = StoredRecord(
            collection: change.collection, id: change.id, revision: revision, document: change.document ?? [],
            created: current == nil ? now : found!.created, updated: now, isGone: change.document == nil)
        let label = record.isGone ? "" : change.label
        if let found {
            try update.run(
                .int(found.number), .int(revision), .flag(record.isGone), .int(record.created), .int(now), .text(label),
                .blob(record.document))
        } else {
            try insert.run(
                .text(record.collection), .text(record.id), .int(revision), .int(record.created), .int(now), .text(label),
                .blob(record.document))
        }
        if let entry = change.audit { try add(entry) }
        return .success(record)
    }

    /// Another form of the same document: nothing that is known of it changes but its revision.
    func rewrite(_ number: Int64, _ document: [UInt8]) throws(SQLiteError) {
        var revision: Int64 = 0
        try nextRevision.forEach([]) { revision = $0.int(0) }
        try replace.run(.int(number), .int(revision), .blob(document))
    }

    /// What is wrong with references once every change of the task is made.
    private func referenceFault(_ change: RecordChange) throws(SQLiteError) -> StorageFault? {
        let place: [SQLiteValue] = [.text(change.collection), .text(change.id)]
        guard change.document == nil else {
            for reference in change.references {
                var isThere = false
                try exists.forEach([.text(reference.collection), .text(reference.id)]) { _ in isThere = true }
                if !isThere { return .unknownReference(reference) }
            }
            return nil
        }
        // A later change of the task may have made the record again.
        var isThere = false
        try exists.forEach(place) { _ in isThere = true }
        var first: (collection: String, id: String)?
        if !isThere { try referrer.forEach(place) { first = ($0.text(0), $0.text(1)) } }
        guard let first else { return nil }
        var count = 0
        try referrers.forEach(place) { count = Int($0.int(0)) }
        return .referenced(byCollection: first.collection, id: first.id, count: count)
    }

    private func add(_ entry: AuditEntry) throws(SQLiteError) {
        try audit.run(
            .int(entry.time), .text(AuditFields.clipped(entry.actor)), .text(AuditFields.clipped(entry.source)),
            .text(AuditFields.clipped(entry.action)), .text(AuditFields.clipped(entry.resource)),
            .text(AuditFields.clipped(entry.record)), .text(AuditFields.text(entry.fields)),
            .text(AuditFields.clipped(entry.outcome)), .text(AuditFields.clipped(entry.requestID)))
    }
}

extension RecordChange.Expectation {
    /// What stands against the change; `current` is the revision of the record, nil when there is none.
    func fault(current: Int64?, deletes: Bool) -> StorageFault? {
        switch self {
        case .anything: deletes && current == nil ? .absent : nil
        case .absent: current == nil ? nil : .conflict(current: current)
        case .present: current == nil ? .absent : nil
        case .revision(let expected): current == expected ? nil : .conflict(current: current)
        }
    }
}
