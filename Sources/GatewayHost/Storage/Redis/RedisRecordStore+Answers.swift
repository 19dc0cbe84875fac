// What stands behind every question to the store in Redis: is it still our store, did it move, and what Redis's refusals
// mean for people.
//
// Kind: confined to the storage thread.

extension RedisRecordStore {
    /// Looks at the head of the store: whether it is ours, and what has happened since.
    func look() throws(StorageFault) {
        let words = try answer(to: ["HMGET", keys.headName, "id", "format", "writes", "revision"]).array ?? []
        guard words.count == 4, words[0].bytes == id else { throw lost }
        guard words[1].string == StoreScript.format else { throw newer(words[1].string ?? "?") }
        guard let writes = words[2].number, let revision = words[3].number else { throw strange }
        saw(writes: writes, revision: revision)
    }

    /// Items, where the look ended, and whether there is nothing behind.
    func pieces(_ value: RedisValue) throws(StorageFault) -> (items: [RedisValue], last: RedisValue, isEnd: Bool) {
        guard let words = value.array, words.count == 3, let items = words[0].array else { throw strange }
        return (items, words[1], words[2].number == 1)
    }

    /// The answer, if it is no refusal.
    func refused(_ answer: RedisValue) throws(StorageFault) -> RedisValue {
        guard let error = answer.error else { return answer }
        let words = RedisErrorText.unwrapped(error)
        switch RedisErrorText.kind(error) {
        case "GWLOST": throw lost
        case "GWFORMAT": throw newer(String(words.dropFirst("GWFORMAT ".count)))
        case "OOM":
            throw .unavailable(
                "\(path) has no memory left (maxmemory): the change was not made and nothing was lost. Give it more, then repeat it")
        case "READONLY":
            throw .unavailable("\(path) is a replica and takes no changes. If another has become the master, point store at it")
        case "LOADING": throw .unavailable("\(path) is still reading its data; try again when it is done")
        case "MISCONF":
            throw .unavailable("\(path) cannot save to its disk and therefore takes no changes; look at its log and its disk")
        case "NOPERM":
            throw .unavailable("the user at \(path) may not do this (\(words)). OPERATIONS says which rights the gateway needs")
        case "BUSY": throw .unavailable("\(path) is held up by a script of somebody; try again")
        default: throw .unavailable("\(path) refused: \(words)")
        }
    }

    func unreachable(_ failure: RedisFailure) -> String {
        failure.isRefusal
            ? "\(path) refuses the connection: \(failure.description)"
            : "\(path) cannot be reached: \(failure.description). What was read goes on being used; changes can be made when it is back"
    }

    private var lost: StorageFault {
        .unavailable(
            "\(path) no longer holds the store that this gateway was started with: it was emptied or replaced. What was read goes on "
                + "being used and nothing is changed. Restore Redis from its own copy, or a backup with \"gateway restore FILE\"")
    }

    private func newer(_ format: String) -> StorageFault {
        .unavailable("the store in \(path) is of another version of the gateway (format \(format); this one knows \(StoreScript.format))")
    }

    var strange: StorageFault { .unavailable("\(path) gave an answer that no store of this gateway gives") }
}
