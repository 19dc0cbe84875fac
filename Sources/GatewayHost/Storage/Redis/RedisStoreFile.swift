// How a store in Redis is found, judged before anything is written, and founded.
//
// Kind: free of state; blocks, so for the control thread and the command line.

enum RedisStoreFile {
    /// Opens the store of a Redis, or founds it.
    /// - Parameter admit: not called for a store that is new.
    static func open(_ target: RedisTarget, admit: StorageFile.Admission) throws(StorageFault) -> sending RedisRecordStore {
        let session = RedisSession(target)
        let keys = RedisKeys(prefix: target.prefix)
        try judge(session, target)
        if let id = try ask(session, target, ["HGET", keys.headName, "id"]).bytes {
            let store = try RedisRecordStore(session, keys, id: id)
            try admit(StoreMeta(try store.allMeta()))
            return store
        }
        let fresh = Array(RecordIdentifier.make(prefix: "store").utf8)
        let words = try asking(session, target) { session throws(RedisFailure) in
            try session.ask([Array("EVAL".utf8), StoreScript.open, Array("1".utf8), keys.head, fresh, Array(StoreScript.format.utf8)])
        }
        guard let id = words.array?.first?.bytes else { throw .unavailable("\(target.address.description) refused: \(words.error ?? "?")") }
        return try RedisRecordStore(session, keys, id: id)
    }

    /// Whether there is a store, without making one.
    static func exists(_ target: RedisTarget) throws(StorageFault) -> Bool {
        try ask(RedisSession(target), target, ["EXISTS", RedisKeys(prefix: target.prefix).headName]).number == 1
    }

    /// The id of the store that is there; nil: there is none.
    static func identity(_ target: RedisTarget) throws(StorageFault) -> String? {
        try ask(RedisSession(target), target, ["HGET", RedisKeys(prefix: target.prefix).headName, "id"]).string
    }

    /// Gives the store that is there the id by which gateways know theirs: those that run go on with it, and see that it has
    /// gone back.
    static func identify(_ target: RedisTarget, as id: String) throws(StorageFault) {
        _ = try ask(RedisSession(target), target, ["HSET", RedisKeys(prefix: target.prefix).headName, "id", id])
    }

    /// Removes the store and whatever else stands under its names.
    static func clear(_ target: RedisTarget) throws(StorageFault) {
        let session = RedisSession(target)
        let keys = RedisKeys(prefix: target.prefix)
        var cursor = "0"
        // The head last, so that what is left of an interrupted clearing is still a store.
        repeat {
            let page = try ask(session, target, ["SCAN", cursor, "MATCH", keys.all, "COUNT", "1000"]).array ?? []
            cursor = page.first?.string ?? "0"
            let names = (page.last?.array ?? []).compactMap(\.string).filter { $0 != keys.headName }
            if !names.isEmpty { _ = try ask(session, target, ["UNLINK"] + names) }
        } while cursor != "0"
        _ = try ask(session, target, ["UNLINK", keys.headName])
    }

    /// Refuses a Redis that would lose what it is given, and warns of one that might.
    private static func judge(_ session: RedisSession, _ target: RedisTarget) throws(StorageFault) {
        let place = target.address.description
        let answer = try asking(session, target) { session throws(RedisFailure) in try session.ask("INFO") }
        // A user without the right to ask is believed to know.
        guard let text = answer.string else { return }
        let facts = RedisFacts(text)
        if facts.isTooOld {
            throw .unavailable("\(place) is Redis \(facts.version ?? "?"); the gateway needs \(RedisFacts.oldestMajor) or newer")
        }
        if facts.evictsRecords {
            throw .unavailable(
                "\(place) removes any key when its memory is full (maxmemory-policy \(facts.evictionPolicy)), and would lose keys and accounts. "
                    + "Set it to noeviction or volatile-lru")
        }
        if !facts.appendsToDisk {
            log.warning(
                "this Redis keeps changes in memory and loses the last ones when it dies; set appendonly yes", .field("store", place))
        }
    }

    private static func ask(_ session: RedisSession, _ target: RedisTarget, _ words: [String]) throws(StorageFault) -> RedisValue {
        let answer = try asking(session, target) { session throws(RedisFailure) in try session.ask(words.map { Array($0.utf8) }) }
        if let words = answer.error { throw .unavailable("\(target.address.description) refused: \(words)") }
        return answer
    }

    private static func asking(
        _ session: RedisSession, _ target: RedisTarget, _ body: (RedisSession) throws(RedisFailure) -> RedisValue
    ) throws(StorageFault) -> RedisValue {
        do throws(RedisFailure) { return try body(session) } catch {
            throw .unavailable(
                "the store \(target.address.description) cannot be used: \(error.description). Is Redis running there, and are user and password right?"
            )
        }
    }
}
