// What a move from one store to another keeps, refuses and survives.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct StoreMoveTests {
    private let key = try! MasterKey(Secret(String(repeating: "0123456789abcdef", count: 4)), source: "the key")

    /// A store with a vault, references, what is gone, and a trail.
    private func fill(_ place: StorePlace, records: Int = 450) throws -> String {
        let (storage, vault) = try Vault.open(place, key: key)
        defer { storage.close() }
        let sealed = vault.seal(Array("secret".utf8), at: SealPlace("accounts", "a", "/api_key"))
        try storage.applyNow(.put("accounts", "a", #"{"api_key":"\#(sealed)"}"#, label: "Main"))
        for start in stride(from: 0, to: records, by: 50) {
            try storage.applyNow(
                (start..<start + 50).map { number in
                    var change = RecordChange.put(
                        "keys", "k\(number)", #"{"n":\#(number)}"#, label: "Key \(number)",
                        unique: [UniqueValue(field: "/name", value: "key \(number)")],
                        references: [RecordReference(field: "/account", collection: "accounts", id: "a")])
                    change.audit = AuditEntry(
                        time: 5, actor: "user:a", source: "::1", action: "create", resource: "keys", record: change.id)
                    return change
                })
        }
        try storage.applyNow(.delete("keys", "k7"))
        return sealed
    }

    private func check(_ place: StorePlace, _ sealed: String, records: Int = 450) throws {
        let (storage, vault) = try Vault.open(place, key: key)
        defer { storage.close() }
        #expect(try storage.getNow("accounts", "a")?.document == Array(#"{"api_key":"\#(sealed)"}"#.utf8))
        #expect(try vault.open(sealed, at: SealPlace("accounts", "a", "/api_key")) == Array("secret".utf8))
        #expect(try storage.getNow("keys", "k9")?.revision == 11)
        #expect(try storage.getNow("keys", "k7") == nil)
        #expect(try storage.listNow(RecordQuery(collection: "keys", limit: 1000)).records.count == records - 1)
        #expect(try storage.listNow(RecordQuery(collection: "keys", search: "key 449")).records.map(\.id) == ["k449"])
        #expect(try storage.auditNow(AuditQuery(limit: 1000)).count == records)
        #expect(try storage.auditNow(AuditQuery(record: "k9")).count == 1)
        #expect(throws: StorageFault.referenced(byCollection: "keys", id: "k0", count: records - 1)) {
            try storage.applyNow(.delete("accounts", "a"))
        }
        let name = UniqueValue(field: "/name", value: "key 3")
        #expect(throws: StorageFault.duplicate(name, id: "k3")) { try storage.applyNow(.put("keys", "new", "{}", unique: [name])) }
        // Numbers go on where they were.
        #expect(try storage.applyNow(.put("keys", "next", "{}"))[0].revision == Int64(records + 3))
    }

    @Test func aStoreGoesToRedisAndBack() throws {
        let (one, redis, two) = (StoreFolder(), try StoreRedis(), StoreFolder())
        let places: [StorePlace] = [.folder(one.path), .redis(redis.target), .folder(two.path)]
        let sealed = try fill(places[0])
        for (source, target) in zip(places, places.dropFirst()) {
            let move = StoreMove(source: try source.end(), target: try target.end())
            #expect(try move.refusal() == nil)
            let done = try move.run()
            #expect(done.records == 450 && done.entries == 450 && done.revision == 452)
            #expect(try StoreMove(source: try source.end(), target: try target.end()).refusal()?.contains("is not empty") == true)
        }
        try check(places[2], sealed)
        try check(places[1], sealed)
    }

    @Test(arguments: [1, 2, 3]) func anInterruptedMoveGoesOnAndIsNoStoreBefore(page: Int) throws {
        let (folder, redis) = (StoreFolder(), try StoreRedis())
        let (source, target) = (StorePlace.folder(folder.path), StorePlace.redis(redis.target))
        let sealed = try fill(source)
        let breaking = BreakingEnd(try target.end(), after: page)
        #expect(throws: StorageFault.self) { try StoreMove(source: try source.end(), target: breaking).run() }
        let fault = #expect(throws: StorageFault.self) { _ = try Vault.open(target, key: key) }
        #expect("\(try #require(fault))".contains("was not finished"))
        let again = StoreMove(source: try source.end(), target: try target.end())
        #expect(try again.refusal() == nil)
        _ = try again.run()
        try check(target, sealed)
    }

    @Test(arguments: StoreKind.allCases) func aFullTargetIsEmptiedOnlyWhenThatIsSaid(kind: StoreKind) throws {
        let (folder, lab) = (StoreFolder(), try StoreLab(kind))
        let source = StorePlace.folder(folder.path)
        let sealed = try fill(source)
        let other = try lab.open()
        try other.applyNow(.put("keys", "theirs", "{}"))
        other.close()
        #expect(try StoreMove(source: try source.end(), target: try lab.place.end()).refusal()?.contains("--overwrite") == true)
        try lab.place.clear()
        _ = try StoreMove(source: try source.end(), target: try lab.place.end()).run()
        try check(lab.place, sealed)
    }
}

/// Fails when it has taken so many pages of records.
private final class BreakingEnd: StoreEnd {
    private let end: any StoreEnd
    private var left: Int

    init(_ end: any StoreEnd, after pages: Int) {
        self.end = end
        left = pages
    }

    var name: String { end.name }
    func state() throws(StorageFault) -> StoreState { try end.state() }
    func rows(after place: Int64, limit: Int) throws(StorageFault) -> [StoreRow] { try end.rows(after: place, limit: limit) }
    func trail(after number: Int64, limit: Int) throws(StorageFault) -> [AuditEntry] { try end.trail(after: number, limit: limit) }
    func allMeta() throws(StorageFault) -> [String: [UInt8]] { try end.allMeta() }
    func adopt(_ rows: [StoreRow]) throws(StorageFault) {
        left -= 1
        if left < 0 { throw .unavailable("broken") }
        try end.adopt(rows)
        if left == 0 { throw .unavailable("broken") }
    }
    func adopt(_ entries: [AuditEntry]) throws(StorageFault) { try end.adopt(entries) }
    func raise(to state: StoreState) throws(StorageFault) { try end.raise(to: state) }
    func setAllMeta(_ values: [String: [UInt8]]) throws(StorageFault) { try end.setAllMeta(values) }
}
