// Moves a store: everything that is there, with its revisions, its trail, and its secrets sealed as they are.
//
//   mark the target ──► records ──► trail ──► numbers ──► compare every record and entry ──► names of the vault, and the mark away
//
// The target opens only when all of it is done: while it is marked no gateway uses it. Interrupted anywhere, the same move
// again goes on where nothing is lost, since a record that is put in twice is the same record.
//
// Kind: for the command line; blocks.

import CLinux

struct StoreMove {
    /// Of the value that says that a move into a store is not finished: where from.
    static let mark = "move.unfinished"
    private static let batch = 200

    let source: any StoreEnd
    let target: any StoreEnd
    /// Told how many records and entries are done.
    var progress: (Int, Int) -> Void = { _, _ in }

    /// Why the move must not be made; nil: it may.
    func refusal() throws(StorageFault) -> String? {
        let marked = try source.allMeta()[Self.mark]
        guard marked == nil else { return "\(source.name) is itself the target of a move that was not finished" }
        if try target.allMeta()[Self.mark] == Array(source.name.utf8) { return nil }
        guard try target.state().isEmpty, try target.allMeta().isEmpty else {
            return "\(target.name) is not empty. Move it away, or add --overwrite to lose what it holds"
        }
        return nil
    }

    /// - Throws: `StorageFault`; it can be run again.
    func run() throws(StorageFault) -> StoreState {
        try target.setAllMeta([Self.mark: Array(source.name.utf8)])
        let state = try source.state()
        var records = 0
        var entries = 0
        try pages { [source] place, number throws(StorageFault) in
            (try source.rows(after: place, limit: Self.batch), try source.trail(after: number, limit: Self.batch))
        } each: { rows, trail throws(StorageFault) in
            if !rows.isEmpty { try target.adopt(rows) }
            if !trail.isEmpty { try target.adopt(trail) }
            records += rows.count
            entries += trail.count
            progress(records, entries)
        }
        try target.raise(to: state)
        try compare()
        try target.setAllMeta(source.allMeta())
        return StoreState(records: records, entries: entries, revision: state.revision, place: state.place, number: state.number)
    }

    /// Whether both hold the same, record by record and entry by entry.
    private func compare() throws(StorageFault) {
        var difference: String?
        try pages { [source] place, number throws(StorageFault) in
            (try source.rows(after: place, limit: Self.batch), try source.trail(after: number, limit: Self.batch))
        } each: { rows, trail throws(StorageFault) in
            if let first = rows.first, difference == nil {
                var others = try target.rows(after: first.place - 1, limit: rows.count)
                // Large records come in smaller pages.
                while others.count < rows.count, let last = others.last {
                    let more = try target.rows(after: last.place, limit: rows.count - others.count)
                    if more.isEmpty { break }
                    others += more
                }
                for (one, other) in zip(rows, others) where one != other { difference = "\(one.record.collection) \(one.record.id)" }
                if others.count != rows.count { difference = "records are missing" }
            }
            if let first = trail.first, difference == nil {
                let others = try target.trail(after: first.number - 1, limit: trail.count)
                if others != trail { difference = "the audit trail" }
            }
        }
        let (one, other) = (try source.state(), try target.state())
        if difference == nil, one.records != other.records || one.entries != other.entries { difference = "their counts" }
        if let difference {
            throw .unavailable(
                "\(source.name) and \(target.name) differ after the move (\(difference)): something changed \(source.name) meanwhile. Stop "
                    + "the gateways that use it, and run the move again with --overwrite")
        }
    }

    /// Both sequences to their ends, a page of each at a time.
    private func pages(
        _ next: (Int64, Int64) throws(StorageFault) -> ([StoreRow], [AuditEntry]),
        each: ([StoreRow], [AuditEntry]) throws(StorageFault) -> Void
    ) throws(StorageFault) {
        var place: Int64 = 0
        var number: Int64 = 0
        while true {
            let (rows, trail) = try next(place, number)
            if rows.isEmpty, trail.isEmpty { return }
            try each(rows, trail)
            place = rows.last?.place ?? place
            number = trail.last?.number ?? number
        }
    }
}

extension StorePlace {
    /// - Throws: for the target of a move that was not finished: part of a store is no store.
    static func admitWhole(_ meta: StoreMeta, _ path: String) throws(StorageFault) {
        guard let source = meta.value(StoreMove.mark) else { return }
        throw .unavailable(
            "the move of \(String(decoding: source, as: UTF8.self)) to \(path) was not finished; run the same gateway store migrate again")
    }

    func end() throws(StorageFault) -> any StoreEnd {
        switch self {
        case .folder(let folder): try SQLiteEnd(folder: folder)
        case .redis(let target): try RedisEnd(target)
        }
    }
}

extension StorePlace {
    /// Empties the place. A file is moved aside as `gateway.db.replaced`.
    func clear() throws(StorageFault) {
        switch self {
        case .folder(let folder):
            let path = StorageFile.path(in: folder)
            for suffix in ["", "-wal", "-shm"] {
                unlink("\(path).replaced\(suffix)")
                if rename(path + suffix, "\(path).replaced\(suffix)") != 0, gwl_errno() != ENOENT {
                    throw .unavailable("\(path)\(suffix) cannot be moved aside: \(SystemError.text(of: gwl_errno()))")
                }
            }
        case .redis(let target): try RedisStoreFile.clear(target)
        }
    }
}
