// A copy of a store in Redis as of one moment, while gateways use it: records, trail, and the names of the vault, in a file.
//
//   pass 1: everything ──► pass 2: what has changed since ──► … ──► a pass in which nobody wrote: what is there now is the copy
//
// A pass after the first reads the revisions of all records and the documents of few, so it is short, and soon one falls
// between two changes. Secrets go along sealed.
//
// Kind: for the command line; blocks.

struct StoreCopy {
    /// Passes until it is given up. The later ones take some milliseconds.
    private static let passLimit = 50
    /// Records looked at by one script.
    private static let batch = 1000

    let source: RedisRecordStore
    let target: SQLiteEnd
    /// Told how many records were copied so far.
    var progress: (Int) -> Void = { _ in }

    /// Copies the store of a Redis into a new file in `folder`.
    static func make(of place: RedisTarget, in folder: String, progress: @escaping (Int) -> Void = { _ in }) throws(StorageFault) {
        let source = try RedisStoreFile.open(place) { meta throws(StorageFault) in
            try StorePlace.admitWhole(meta, place.address.description)
        }
        try StoreCopy(source: source, target: SQLiteEnd(folder: folder), progress: progress).run()
    }

    /// - Throws: also when the store changed in every pass.
    func run() throws(StorageFault) {
        var since: Int64 = -1
        var number: Int64 = 0
        var copied = 0
        for _ in 0..<Self.passLimit {
            let writes = try source.writeCount()
            let state = try source.state()
            var revisions: [Int64: Int64] = [:]
            var place: Int64 = 0
            while true {
                let survey = try source.survey(after: place, since: since, limit: Self.batch)
                guard let last = survey.places.last else { break }
                for (place, revision) in zip(survey.places, survey.revisions) { revisions[place] = revision }
                if !survey.changed.isEmpty { try target.adopt(survey.changed) }
                copied += survey.changed.count
                progress(copied)
                place = last
            }
            while true {
                let entries = try source.trail(after: number, limit: Self.batch)
                guard let last = entries.last else { break }
                try target.adopt(entries)
                number = last.number
            }
            let values = try source.allMeta()
            guard try source.writeCount() == writes else {
                since = state.revision
                continue
            }
            try target.keepOnly(revisions)
            try target.raise(to: state)
            return try target.setAllMeta(values)
        }
        throw .unavailable("\(source.path) changes faster than it can be copied; try again when less is changed")
    }
}

/// What a pass over part of a store has met.
struct StoreSurvey {
    /// Places, and the revision of the record at each.
    var places: [Int64]
    var revisions: [Int64]
    /// Those that were changed since.
    var changed: [StoreRow]
}

extension RedisRecordStore {
    /// How often the store was written to.
    func writeCount() throws(StorageFault) -> Int64 {
        guard let count = try answer(to: ["HGET", keys.headName, "writes"]).number else { throw strange }
        return count
    }

    func state() throws(StorageFault) -> StoreState {
        let words = try run(.state, []).array?.compactMap(\.number) ?? []
        guard words.count == 5 else { throw strange }
        return StoreState(records: Int(words[0]), entries: Int(words[1]), revision: words[2], place: words[3], number: words[4])
    }

    func trail(after number: Int64, limit: Int) throws(StorageFault) -> [AuditEntry] {
        try run(.trail, [.int(number), .count(limit)]).array?.compactMap { AuditEntry($0) } ?? []
    }

    func survey(after place: Int64, since revision: Int64, limit: Int) throws(StorageFault) -> StoreSurvey {
        guard let words = try run(.survey, [.int(place), .count(limit), .int(revision)]).array, words.count == 2,
            let met = words[0].array?.compactMap(\.number), let rows = words[1].array, met.count % 2 == 0
        else { throw strange }
        let changed = rows.compactMap { StoreRow($0) }
        guard changed.count == rows.count else { throw strange }
        return StoreSurvey(
            places: stride(from: 0, to: met.count, by: 2).map { met[$0] },
            revisions: stride(from: 1, to: met.count, by: 2).map { met[$0] }, changed: changed)
    }
}

extension StoreScript {
    /// Behind a place: places and revisions of records, and everything of those that were changed after a revision.
    static let survey = StoreScript(
        """
        local names = redis.call('ZRANGEBYSCORE', P .. 'places', '(' .. arg(), '+inf', 'LIMIT', 0, count())
        local since = count()
        local met, found, bytes = {}, {}, 0
        for _, m in ipairs(names) do
          if bytes >= \(answerBytes) then break end
          local f = redis.call('HMGET', P .. 'record:' .. m, 'revision', 'place')
          if f[1] then
            met[#met + 1] = f[2]
            met[#met + 1] = f[1]
            if tonumber(f[1]) > since then
              local c, i = parts(m)
              local r = redis.call('HMGET', P .. 'record:' .. m, 'revision', 'document', 'created', 'updated', 'gone', 'place',
                'label', 'unique', 'named')
              found[#found + 1] = {c, i, r[1], r[2], r[3], r[4], r[5], r[6], r[7], list(r[8]), list(r[9])}
              bytes = bytes + #r[2]
            end
          end
        end
        return {met, found}
        """)
}
