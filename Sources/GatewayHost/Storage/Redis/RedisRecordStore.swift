// The store in a Redis that several gateways share. Each function is one script (StoreScript), so a change
// is whole or not there for everybody, as in SQLite.
//
// Others' changes are heard of twice: a message on a channel wakes the thread within milliseconds, and the count of writes
// is compared whenever somebody asks, so that a lost message costs nothing but time.
//
// Invariants: 1. it works on the store it was opened as and on no other: a Redis that was emptied, or holds
// another store, is refused until the gateway is started again. 2. A change that was sent twice is made once.
//
// Kind: confined to the storage thread once it runs.

import CLinux

final class RedisRecordStore: RecordStore {
    /// Ids looked at by one script: some milliseconds of Redis's time.
    static let scanLimit = 1000

    let path: String
    let keys: RedisKeys
    let id: [UInt8]
    private let session: RedisSession
    private var news: RedisNews?
    /// As of the last answer.
    private var writes: Int64 = 0
    private var revisionSeen: Int64 = 0
    private var isForeign = false
    private var isBack = false

    /// - Parameter id: of the store, as its head says.
    init(_ session: RedisSession, _ keys: RedisKeys, id: [UInt8]) throws(StorageFault) {
        self.session = session
        self.keys = keys
        self.id = id
        path = session.target.address.description
        _ = try hasForeignChanges()
        isForeign = false
    }

    // MARK: Reading

    func get(_ collection: String, _ id: String) throws(StorageFault) -> StoredRecord? {
        StoredRecord(collection, try run(.get, [.text(collection), .text(id)]))
    }

    func find(_ collection: String, _ value: UniqueValue) throws(StorageFault) -> StoredRecord? {
        StoredRecord(collection, try run(.find, [.text(collection), .text(value.field), .text(value.value)]))
    }

    func list(_ query: RecordQuery) throws(StorageFault) -> RecordPage {
        let limit = min(max(query.limit, 1), RecordQuery.pageLimit)
        let search = SQLiteRecordStore.folded(query.search ?? "")
        var page = RecordPage(records: [], hasMore: false)
        var after = query.after ?? ""
        var bytes = 0
        // Ends with the collection: each turn passes over at least one record of it.
        while true {
            let found = try pieces(
                run(
                    .list,
                    [
                        .text(query.collection), .text(after), .flag(query.isDescending),
                        .count(limit + 1 - page.records.count), .text(search),
                        .count(search.isEmpty ? limit + 1 : Self.scanLimit),
                    ]))
            page.records += found.items.compactMap { StoredRecord(query.collection, $0) }
            bytes += page.records.suffix(found.items.count).reduce(0) { $0 + $1.document.count }
            after = found.last.string ?? ""
            if page.records.count > limit || bytes >= StoreScript.answerBytes && !found.isEnd {
                page.hasMore = true
                if page.records.count > limit { page.records.removeLast() }
                return page
            }
            if found.isEnd { return page }
        }
    }

    func revision() throws(StorageFault) -> Int64 {
        try look()
        return revisionSeen
    }

    func changes(_ collection: String, after revision: Int64, goneAfter: Int64, limit: Int) throws(StorageFault) -> RecordPage {
        var after = revision
        while true {
            let found = try pieces(
                run(
                    .changes,
                    [.text(collection), .int(after), .int(goneAfter), .count(limit + 1), .count(max(limit + 1, Self.scanLimit))]))
            var records = found.items.compactMap { StoredRecord(collection, $0) }
            if !records.isEmpty || found.isEnd {
                let hasMore = records.count > limit || !found.isEnd
                if records.count > limit { records.removeLast() }
                return RecordPage(records: records, hasMore: hasMore)
            }
            // Nothing but what was gone before: further on.
            guard let last = found.last.number, last > after else { throw strange }
            after = last
        }
    }

    func hasForeignChanges() throws(StorageFault) -> Bool {
        news?.drain()
        try look()
        // Without the channel (its user may not have the right) the count of writes says the same, a little later.
        if news?.isAlive != true { news = try? RedisNews(session.target, keys.channel) }
        defer { isForeign = false }
        return isForeign
    }

    func hasGoneBack() -> Bool {
        defer { isBack = false }
        return isBack
    }

    var newsDescriptor: Int32? { news?.descriptor }

    func audit(_ query: AuditQuery) throws(StorageFault) -> [AuditEntry] {
        let limit = min(max(query.limit, 1), RecordQuery.pageLimit)
        var entries: [AuditEntry] = []
        var before = query.before.map { String($0) } ?? ""
        while true {
            let filters = [query.actor, query.resource, query.record].flatMap { text -> [StoreArgument] in
                [.flag(text != nil), .text(text ?? "")]
            }
            let found = try pieces(
                run(
                    .audit,
                    [.text(before), .int(query.since ?? 0), .count(limit - entries.count), .count(Self.scanLimit)] + filters))
            entries += found.items.compactMap { AuditEntry($0) }
            if found.isEnd || entries.count == limit { return entries }
            before = found.last.string ?? ""
        }
    }

    func meta(_ name: String) throws(StorageFault) -> [UInt8]? {
        try look()
        return try answer(to: ["HGET", keys.meta, name]).bytes
    }

    func metaNames(_ prefix: String) throws(StorageFault) -> [String] {
        try look()
        return (try answer(to: ["HKEYS", keys.meta]).array ?? []).compactMap(\.string).filter { $0.hasPrefix(prefix) }.sorted()
    }

    // MARK: Writing

    func apply(_ tasks: [StorageTask]) -> [Result<[StoredRecord], StorageFault>] {
        var results: [Result<[StoredRecord], StorageFault>] = []
        var start = 0
        while start < tasks.count {
            // What is sent in one go: at least one task, and more while they are small.
            var end = start
            var bytes = 0
            repeat {
                bytes += tasks[end].changes.reduce(0) { $0 + ($1.document?.count ?? 0) }
                end += 1
            } while end < tasks.count && end - start < SQLiteRecordStore.groupLimit && bytes < StoreScript.answerBytes
            results += group(Array(tasks[start..<end]))
            start = end
        }
        return results
    }

    private func group(_ tasks: [StorageTask]) -> [Result<[StoredRecord], StorageFault>] {
        let now = Int64(gwl_wall_ns() / 1_000_000)
        let calls = tasks.map { task in
            StoreScript.apply.call(keys.head, id, task.arguments(now: now, revision: revisionSeen).map(\.bytes))
        }
        do throws(RedisFailure) {
            let answers = try session.ask(all: calls)
            return zip(tasks, answers).map { task, answer in
                do throws(StorageFault) { return try outcome(task, refused(answer), now) } catch { return .failure(error) }
            }
        } catch {
            let fault = StorageFault.unavailable(
                "\(unreachable(error)). If the connection broke on the way, the change may have been made: look before you repeat it")
            return tasks.map { _ in .failure(fault) }
        }
    }

    private func outcome(_ task: StorageTask, _ answer: RedisValue, _ now: Int64) throws(StorageFault)
        -> Result<[StoredRecord], StorageFault>
    {
        guard let words = answer.array, let kind = words.first?.number else { throw strange }
        guard kind == 0 else {
            guard let fault = StorageFault(words) else { throw strange }
            return .failure(fault)
        }
        guard words.count == 3 + task.changes.count, let count = words[1].number, let first = words[2].number else { throw strange }
        wrote(count)
        revisionSeen = max(revisionSeen, first + Int64(task.changes.count) - 1)
        return .success(
            task.changes.enumerated().map { index, change in
                StoredRecord(
                    collection: change.collection, id: change.id, revision: first + Int64(index), document: change.document ?? [],
                    created: words[3 + index].number ?? now, updated: now, isGone: change.document == nil)
            })
    }

    func setMeta(_ values: [(name: String, value: [UInt8]?)], expecting: (name: String, value: [UInt8]?)?) throws(StorageFault)
        -> Bool
    {
        var arguments: [StoreArgument] = [.count(values.count)]
        for (name, value) in values { arguments += [.text(name), .flag(value != nil), .blob(value ?? [])] }
        arguments.append(.flag(expecting != nil))
        if let expecting { arguments += [.text(expecting.name), .flag(expecting.value != nil), .blob(expecting.value ?? [])] }
        guard let words = try run(.setMeta, arguments).array, words.count == 2, let count = words[0].number else { throw strange }
        if count > 0 { wrote(count) }
        return words[1].number == 1
    }

    func rewrite(after place: Int64, limit: Int, _ body: (StoredRecord) -> [UInt8]?) throws(StorageFault) -> RewriteStep {
        let found = try rows(after: place, limit: limit)
        var step = RewriteStep(last: found.last?.place)
        var waiting = found.map(\.record)
        // What somebody changed in between is looked at again. Each turn somebody got something done, so it ends.
        while !waiting.isEmpty {
            let fresh = waiting.compactMap { record in body(record).map { (record, $0) } }
            guard !fresh.isEmpty else { break }
            var arguments: [StoreArgument] = [.int(revisionSeen), .count(fresh.count)]
            for (record, document) in fresh {
                arguments += [.text(record.collection), .text(record.id), .int(record.revision), .blob(document)]
            }
            guard let words = try run(.rewrite, arguments).array, words.count == fresh.count + 1, let count = words[0].number
            else { throw strange }
            if count > 0 { wrote(count) }
            waiting = []
            for (index, (record, _)) in fresh.enumerated() {
                if words[index + 1].number == 1 {
                    step.changed += 1
                } else if let now = try get(record.collection, record.id), !now.isGone {
                    waiting.append(now)
                }
            }
        }
        return step
    }

    func purge(goneBefore time: Int64, auditBeyond limit: Int) throws(StorageFault) {
        while try run(.purge, [.int(time), .count(Self.scanLimit), .count(limit)]).number ?? 0 >= Self.scanLimit {}
    }

    // MARK: What is known of the store

    /// What an answer says of the store: writes that are not ours, and revisions that should not be.
    func saw(writes now: Int64, revision: Int64) {
        if now != writes { isForeign = true }
        writes = now
        if revision < revisionSeen { isBack = true }
        revisionSeen = revision
    }

    /// The count of writes after one of ours.
    private func wrote(_ now: Int64) {
        if now != writes + 1 { isForeign = true }
        writes = max(now, writes)
    }

    // MARK: For what moves a store

    func rows(after place: Int64, limit: Int) throws(StorageFault) -> [StoreRow] {
        try run(.rows, [.int(place), .count(limit)]).array?.compactMap { StoreRow($0) } ?? []
    }

    func allMeta() throws(StorageFault) -> [String: [UInt8]] {
        try look()
        let words = try answer(to: ["HGETALL", keys.meta]).array ?? []
        var values: [String: [UInt8]] = [:]
        for place in stride(from: 0, to: words.count - 1, by: 2) { values[words[place].string ?? ""] = words[place + 1].bytes }
        return values
    }

    /// A plain command.
    func answer(to words: [String]) throws(StorageFault) -> RedisValue {
        try ask(words.map { Array($0.utf8) })
    }

    /// Runs a script of the store.
    func run(_ script: StoreScript, _ arguments: [StoreArgument]) throws(StorageFault) -> RedisValue {
        try ask(script.call(keys.head, id, arguments.map(\.bytes)))
    }

    private func ask(_ words: [[UInt8]]) throws(StorageFault) -> RedisValue {
        let answer: RedisValue
        do throws(RedisFailure) { answer = try session.ask(words) } catch { throw .unavailable(unreachable(error)) }
        return try refused(answer)
    }
}
