// What only a store in Redis must stand: Redis that dies, is emptied, is full, and others that change the same at once.

import CLinux
import Glibc
import Testing

@testable import GatewayHost

@Suite struct RedisStoreTests {
    private func sentence(_ body: () throws -> Void) throws -> String {
        let fault = #expect(throws: StorageFault.self) { try body() }
        guard case .unavailable(let sentence) = try #require(fault) else {
            Issue.record("another fault: \(fault!)")
            return ""
        }
        return sentence
    }

    @Test func withoutRedisThereIsNoStart() throws {
        let target = RedisTarget(RedisAddress(place: .unix(path: "/nonexistent/redis.sock")))
        #expect(try sentence { _ = try Storage.open(.redis(target)) }.contains("Is Redis running there"))
    }

    @Test func aPasswordIsAskedForAndWrongOnesAreNamed() throws {
        let server = try StoreRedis()
        _ = try server.ask("CONFIG", "SET", "requirepass", "right")
        var target = server.target
        #expect(try sentence { _ = try Storage.open(.redis(target)) }.contains("NOAUTH"))
        target.address.password = Secret("wrong")
        #expect(try sentence { _ = try Storage.open(.redis(target)) }.contains("WRONGPASS"))
        target.address.password = Secret("right")
        target.address.database = 3
        let store = try Storage.open(.redis(target))
        try store.applyNow(.put("keys", "a", "{}"))
        store.close()
    }

    @Test func aRedisThatWouldThrowKeysAwayIsRefused() throws {
        let server = try StoreRedis(["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"])
        #expect(try sentence { _ = try Storage.open(.redis(server.target)) }.contains("maxmemory-policy"))
    }

    @Test func whatWasAcknowledgedSurvivesTheDeathOfRedis() throws {
        let server = try StoreRedis()
        let store = try Storage.open(.redis(server.target))
        defer { store.close() }
        let follower = Follower()
        let watch = store.watch("keys") { follower.told($0, $1) }
        defer { watch.cancel() }
        for number in 0..<50 { try store.applyNow(.put("keys", "k\(number)", "{}")) }
        server.kill()
        #expect(try sentence { try store.applyNow(.put("keys", "lost", "{}")) }.contains("cannot be reached"))
        #expect(try sentence { _ = try store.getNow("keys", "k1") }.contains("changes can be made when it is back"))
        try server.start()
        // The pause after the failure ends by itself.
        var isBack = false
        while !isBack { isBack = (try? store.applyNow(.put("keys", "back", "{}"))) != nil }
        #expect(try store.listNow(RecordQuery(collection: "keys", limit: 1000)).records.count == 51)
        #expect(follower.wait { $0.records.contains { $0.id == "back" } })
        #expect(follower.state.withLock { $0.records.count } == 51)
    }

    @Test func anEmptiedRedisIsNotTakenForAnEmptyStore() throws {
        let server = try StoreRedis()
        let store = try Storage.open(.redis(server.target))
        defer { store.close() }
        try store.applyNow(.put("keys", "a", "{}"))
        _ = try server.ask("FLUSHALL")
        #expect(try sentence { try store.applyNow(.put("keys", "b", "{}")) }.contains("no longer holds the store"))
        #expect(try sentence { _ = try store.getNow("keys", "a") }.contains("Restore Redis"))
        // Another one founds a store there: still not ours.
        let other = try Storage.open(.redis(server.target))
        defer { other.close() }
        #expect(try sentence { try store.applyNow(.put("keys", "b", "{}")) }.contains("no longer holds the store"))
        try other.applyNow(.put("keys", "b", "{}"))
    }

    @Test func aFullRedisRefusesWholeChangesAndLosesNothing() throws {
        let server = try StoreRedis(["--maxmemory", "8mb", "--maxmemory-policy", "noeviction"])
        let store = try Storage.open(.redis(server.target))
        defer { store.close() }
        let padding = String(repeating: "x", count: 50_000)
        var made = 0
        var sentence = ""
        while sentence.isEmpty, made < 1000 {
            do {
                try store.applyNow(.put("keys", "k\(made)", padding), .put("groups", "k\(made)", "{}"))
                made += 1
            } catch StorageFault.unavailable(let words) {
                sentence = words
            }
        }
        #expect(made > 5 && sentence.contains("no memory left"), "\(made) \(sentence)")
        for collection in ["keys", "groups"] {
            #expect(try store.listNow(RecordQuery(collection: collection, limit: 1000)).records.count == made)
        }
    }

    /// Two nodes count one number up, each by compare-and-set: no step is lost, whoever wins.
    @Test func compareAndSetIsExactAcrossConnections() throws {
        let server = try StoreRedis()
        let stores = try (0..<2).map { _ in try Storage.open(.redis(server.target)) }
        defer { for store in stores { store.close() } }
        try stores[0].applyNow(.put("counters", "n", "0"))
        let done = stores.map { store in
            let finished = Awaited<Int>()
            BackgroundThread.start("count") {
                var steps = 0
                while steps < 200 {
                    guard let record = try? store.getNow("counters", "n") else { continue }
                    let number = Int(String(decoding: record.document, as: UTF8.self)) ?? 0
                    let change = RecordChange.put("counters", "n", "\(number + 1)", expected: .revision(record.revision))
                    if (try? store.applyNow(change)) != nil { steps += 1 }
                }
                finished.give(steps)
            }
            return finished
        }
        for finished in done { _ = finished.take() }
        #expect(try stores[0].getNow("counters", "n")?.document == Array("400".utf8))
        #expect(try stores[1].getNow("counters", "n")?.revision == 401)
    }

    /// Redis did it and the answer was lost: the same task again is the same change.
    @Test func aTaskThatIsSentTwiceIsDoneOnce() throws {
        let server = try StoreRedis()
        try Storage.open(.redis(server.target)).close()
        let keys = RedisKeys(prefix: "gw")
        let id = try #require(try server.ask("HGET", keys.headName, "id").bytes)
        let task = StorageTask(changes: [.put("keys", "a", "{}", expected: .absent)])
        let call = StoreScript.apply.call(keys.head, id, task.arguments(now: 5, revision: 0).map(\.bytes))
        let session = RedisSession(server.target)
        let first = try session.ask(call)
        #expect(first.error == nil)
        #expect(try session.ask(call) == first)
        #expect(try server.ask("HGET", keys.headName, "revision").number == 1)
    }

    @Test func aStoreThatWentBackIsReadAgain() throws {
        let server = try StoreRedis()
        let store = try Storage.open(.redis(server.target))
        defer { store.close() }
        try store.applyNow((0..<5).map { .put("keys", "k\($0)", "{}") })
        let follower = Follower()
        let watch = store.watch("keys") { follower.told($0, $1) }
        defer { watch.cancel() }
        #expect(follower.wait { $0.isComplete })
        // As after a failover to a replica that had missed the last change.
        _ = try server.ask("HSET", RedisKeys(prefix: "gw").headName, "revision", "4")
        #expect(follower.wait { $0.records.count == 10 })
    }

    @Test func secretsAreSealedAnewWhileOthersServe() throws {
        let server = try StoreRedis()
        let folder = StoreFolder()
        let (key, _) = try MasterKeyFile.findOrMake(folder: folder.path, variable: nil)
        let (storage, vault) = try Vault.open(.redis(server.target), key: key)
        let (other, otherVault) = try Vault.open(.redis(server.target), key: key)
        defer {
            storage.close()
            other.close()
        }
        let derived = vault.derive("x")
        for number in 0..<100 {
            let sealed = vault.seal(Array("secret \(number)".utf8), at: SealPlace("accounts", "a\(number)", "/api_key"))
            try storage.applyNow(.put("accounts", "a\(number)", #"{"api_key":"\#(sealed)"}"#))
        }
        var rotation = VaultRotation(storage: storage, vault: vault)
        rotation.settle = {}
        let report = try rotation.rotateFile(in: folder.path)
        #expect(report.resealed == 100 && report.unreadable == 0)
        let record = try #require(try other.getNow("accounts", "a7"))
        let text = try #require(try JSONParser.parse(String(decoding: record.document, as: UTF8.self))["api_key"]?.string)
        #expect(try otherVault.open(text, at: SealPlace("accounts", "a7", "/api_key")) == Array("secret 7".utf8))
        #expect(otherVault.keyID == vault.keyID && vault.keyID != key.id && otherVault.derive("x") == derived)
        let fault = #expect(throws: StorageFault.self) { _ = try Vault.open(.redis(server.target), key: key) }
        #expect("\(try #require(fault))".contains("sealed with master key"))
    }
}
