// A store in Redis as one end of a move.
//
// Kind: free of threads; blocks, so for the command line.

final class RedisEnd: StoreEnd {
    let name: String
    private let store: RedisRecordStore

    /// Opens the store of a Redis, and founds it if there is none.
    init(_ target: RedisTarget) throws(StorageFault) {
        name = target.address.description
        store = try RedisStoreFile.open(target) { _ throws(StorageFault) in }
    }

    func state() throws(StorageFault) -> StoreState { try store.state() }

    func rows(after place: Int64, limit: Int) throws(StorageFault) -> [StoreRow] {
        try store.rows(after: place, limit: limit).map { row in
            var row = row
            row.unique.sort { ($0.field, $0.value) < ($1.field, $1.value) }
            row.references.sort { ($0.field, $0.collection, $0.id) < ($1.field, $1.collection, $1.id) }
            return row
        }
    }

    func trail(after number: Int64, limit: Int) throws(StorageFault) -> [AuditEntry] { try store.trail(after: number, limit: limit) }

    func allMeta() throws(StorageFault) -> [String: [UInt8]] { try store.allMeta() }

    func adopt(_ rows: [StoreRow]) throws(StorageFault) {
        var words: [StoreArgument] = [.count(rows.count)]
        for row in rows {
            let record = row.record
            words += [
                .text(record.collection), .text(record.id), .int(record.revision), .blob(record.document), .int(record.created),
                .int(record.updated), .text(row.label), .int(row.place), .count(row.unique.count),
            ]
            for unique in row.unique { words += [.text(unique.field), .text(unique.value)] }
            words.append(.count(row.references.count))
            for reference in row.references { words += [.text(reference.field), .text(reference.collection), .text(reference.id)] }
        }
        _ = try store.run(.adopt, words)
    }

    func adopt(_ entries: [AuditEntry]) throws(StorageFault) {
        var words: [StoreArgument] = [.count(entries.count)]
        for entry in entries { words += [.int(entry.number)] + entry.arguments }
        _ = try store.run(.adoptTrail, words)
    }

    func raise(to state: StoreState) throws(StorageFault) {
        _ = try store.run(
            .raise, [.text("revision"), .int(state.revision), .text("places"), .int(state.place), .text("audit"), .int(state.number)])
    }

    func setAllMeta(_ values: [String: [UInt8]]) throws(StorageFault) {
        let old = try store.allMeta().keys.filter { values[$0] == nil }.map { (name: $0, value: [UInt8]?.none) }
        _ = try store.setMeta(old + values.map { (name: $0.key, value: $0.value) }, expecting: nil)
    }
}
