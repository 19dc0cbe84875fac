// A copy of a store in Redis is what was there at one moment, whatever is changed meanwhile.

import Synchronization
import Testing

@testable import GatewayHost

@Suite struct StoreCopyTests {
    private func put(_ number: Int, _ text: String = "first", name: String? = nil) -> RecordChange {
        var change = RecordChange.put(
            "keys", "k\(number)", #"{"n":\#(number),"text":"\#(text)"}"#, label: "Key \(number)",
            unique: [UniqueValue(field: "/name", value: name ?? "key \(number)")],
            references: [RecordReference(field: "/account", collection: "accounts", id: "a")])
        change.audit = AuditEntry(time: 5, actor: "user:a", source: "::1", action: "update", resource: "keys", record: change.id)
        return change
    }

    /// Every record, entry and value of both.
    private func expectSame(_ one: any StoreEnd, _ other: any StoreEnd) throws {
        #expect(try one.state() == other.state())
        #expect(try one.rows(after: 0, limit: 10_000) == other.rows(after: 0, limit: 10_000))
        #expect(try one.trail(after: 0, limit: 10_000) == other.trail(after: 0, limit: 10_000))
        #expect(try one.allMeta() == other.allMeta())
    }

    @Test func whatIsChangedMeanwhileIsInItOrNotAtAll() throws {
        let (redis, folder) = (try StoreRedis(), StoreFolder())
        let storage = try Storage.open(.redis(redis.target))
        defer { storage.close() }
        try storage.applyNow(.put("accounts", "a", "{}"))
        for start in stride(from: 0, to: 2500, by: 500) { try storage.applyNow((start..<start + 500).map { put($0) }) }

        // Each is made while the copy is under way, behind what has been read already.
        let changes: [RecordChange] = [
            put(3, "second"), .delete("keys", "k4"), put(5, "takes its name", name: "key 4"), put(9000), .delete("keys", "k2499"),
            put(2499, "again"), put(3, "third"),
        ]
        let next = Mutex(0)
        try StoreCopy.make(of: redis.target, in: folder.path) { _ in
            let number = next.withLock { next in
                defer { next += 1 }
                return next
            }
            if number < changes.count { _ = try? storage.applyNow(changes[number]) }
        }
        #expect(next.withLock { $0 } > changes.count)
        let copy = try SQLiteEnd(folder: folder.path)
        try expectSame(RedisEnd(redis.target), copy)
        #expect(try copy.state().records == 2501)
        let texts = try copy.rows(after: 0, limit: 10_000).map { String(decoding: $0.record.document, as: UTF8.self) }
        #expect(texts.contains { $0.contains("third") } && texts.contains { $0.contains("again") })
    }

    @Test func anEmptyStoreIsCopied() throws {
        let (redis, folder) = (try StoreRedis(), StoreFolder())
        try Storage.open(.redis(redis.target)).close()
        try StoreCopy.make(of: redis.target, in: folder.path)
        try expectSame(RedisEnd(redis.target), SQLiteEnd(folder: folder.path))
    }

    @Test func partOfAMoveIsNotCopied() throws {
        let (redis, folder) = (try StoreRedis(), StoreFolder())
        try RedisEnd(redis.target).setAllMeta([StoreMove.mark: Array("elsewhere".utf8)])
        #expect(throws: StorageFault.self) { try StoreCopy.make(of: redis.target, in: folder.path) }
    }

    @Test func aStoreGetsTheIdByWhichOthersKnowIt() throws {
        let redis = try StoreRedis()
        #expect(try RedisStoreFile.identity(redis.target) == nil)
        let first = try Storage.open(.redis(redis.target))
        defer { first.close() }
        try first.applyNow(.put("keys", "a", "{}"))
        let id = try #require(try RedisStoreFile.identity(redis.target))
        _ = try redis.ask("FLUSHALL")
        try Storage.open(.redis(redis.target)).close()
        #expect(throws: StorageFault.self) { try first.applyNow(.put("keys", "b", "{}")) }
        try RedisStoreFile.identify(redis.target, as: id)
        #expect(try RedisStoreFile.identity(redis.target) == id)
        try first.applyNow(.put("keys", "c", "{}"))
        #expect(try first.getNow("keys", "a") == nil)
    }

    @Test func aNodeStartsWithTheStoreThatItKnows() throws {
        let (redis, folder) = (try StoreRedis(), StoreFolder())
        let place = StorePlace.redis(redis.target)
        try StoreMark.check(place, in: folder.path)
        try Storage.open(place).close()
        try StoreMark.keep(place, in: folder.path)
        try StoreMark.check(place, in: folder.path)
        let known = try #require(try StoreMark.known(in: folder.path))
        #expect(try RedisStoreFile.identity(redis.target) == known)

        _ = try redis.ask("FLUSHALL")
        let emptied = #expect(throws: StorageFault.self) { try StoreMark.check(place, in: folder.path) }
        #expect("\(try #require(emptied))".contains("holds no store"))
        try Storage.open(place).close()
        let other = #expect(throws: StorageFault.self) { try StoreMark.check(place, in: folder.path) }
        #expect("\(try #require(other))".contains("another store"))

        // What cannot be read is not taken for nothing.
        for damaged in ["", "{\"store\": 7}", "not a document"] {
            #expect(FileBytes.replace(StoreMark.path(in: folder.path), with: Array(damaged.utf8), mode: 0o600) == nil)
            let unread = #expect(throws: StorageFault.self) { try StoreMark.check(place, in: folder.path) }
            let sentence = "\(try #require(unread))"
            #expect(sentence.contains(StoreMark.path(in: folder.path)) && sentence.contains("gateway store accept"))
        }
        StoreMark.forget(in: folder.path)
        try StoreMark.check(place, in: folder.path)
        // A store in the folder is nobody else's.
        try StoreMark.check(.folder(folder.path), in: folder.path)
    }
}
