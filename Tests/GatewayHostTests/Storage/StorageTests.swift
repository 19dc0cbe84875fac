// What the store promises to whoever changes records, be it a file or a Redis.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct StorageTests {
    @Test(arguments: StoreKind.allCases) func aRecordIsWrittenReadChangedAndDeleted(_ kind: StoreKind) throws {
        let lab = try StoreLab(kind)
        let store = try lab.open()
        defer { store.close() }
        #expect(try store.getNow("keys", "a") == nil)
        let made = try store.applyNow(.put("keys", "a", #"{"name":"one"}"#, expected: .absent))[0]
        #expect(made.revision == 1)
        #expect(try store.getNow("keys", "a") == made)
        let changed = try store.applyNow(.put("keys", "a", #"{"name":"two"}"#, expected: .revision(1)))[0]
        #expect(changed.revision == 2 && changed.created == made.created)
        let gone = try store.applyNow(.delete("keys", "a", expected: .revision(2)))[0]
        #expect(gone.isGone && gone.revision == 3 && gone.document.isEmpty)
        #expect(try store.getNow("keys", "a") == nil)
        #expect(throws: StorageFault.absent) { try store.applyNow(.delete("keys", "a")) }
    }

    @Test(arguments: StoreKind.allCases) func whatIsExpectedMustBeThere(_ kind: StoreKind) throws {
        let lab = try StoreLab(kind)
        let store = try lab.open()
        defer { store.close() }
        try store.applyNow(.put("keys", "a", "{}"))
        #expect(throws: StorageFault.conflict(current: 1)) { try store.applyNow(.put("keys", "a", "{}", expected: .absent)) }
        #expect(throws: StorageFault.conflict(current: 1)) {
            try store.applyNow(.put("keys", "a", "{}", expected: .revision(7)))
        }
        #expect(throws: StorageFault.conflict(current: nil)) {
            try store.applyNow(.put("keys", "b", "{}", expected: .revision(7)))
        }
        #expect(throws: StorageFault.absent) { try store.applyNow(.put("keys", "b", "{}", expected: .present)) }
    }

    @Test(arguments: StoreKind.allCases) func aChangeIsWholeOrNotThere(_ kind: StoreKind) throws {
        let lab = try StoreLab(kind)
        let store = try lab.open()
        defer { store.close() }
        let name = UniqueValue(field: "/name", value: "one")
        try store.applyNow(.put("keys", "a", "{}", unique: [name]))
        #expect(throws: StorageFault.duplicate(name, id: "a")) {
            try store.applyNow(.put("keys", "b", "{}"), .put("keys", "c", "{}", unique: [name]))
        }
        #expect(try store.getNow("keys", "b") == nil)
        // The name is free again once its holder gives it up or goes.
        try store.applyNow(.put("keys", "a", "{}", unique: []))
        try store.applyNow(.put("keys", "c", "{}", unique: [name]))
        try store.applyNow(.delete("keys", "c"))
        #expect(try store.applyNow(.put("keys", "d", "{}", unique: [name]))[0].revision == 5)
    }

    @Test(arguments: StoreKind.allCases) func recordsThatAreNamedStay(_ kind: StoreKind) throws {
        let lab = try StoreLab(kind)
        let store = try lab.open()
        defer { store.close() }
        let group = RecordReference(field: "/groups/0", collection: "groups", id: "g")
        #expect(throws: StorageFault.unknownReference(group)) {
            try store.applyNow(.put("keys", "a", "{}", references: [group]))
        }
        // In one task, whichever comes first.
        try store.applyNow(.put("keys", "a", "{}", references: [group]), .put("groups", "g", "{}"))
        #expect(throws: StorageFault.referenced(byCollection: "keys", id: "a", count: 1)) {
            try store.applyNow(.delete("groups", "g"))
        }
        try store.applyNow(.delete("groups", "g"), .delete("keys", "a"))
        #expect(try store.getNow("groups", "g") == nil)
    }

    @Test(arguments: StoreKind.allCases) func pagesFollowOneAnother(_ kind: StoreKind) throws {
        let lab = try StoreLab(kind)
        let store = try lab.open()
        defer { store.close() }
        for number in 10..<20 {
            try store.applyNow(.put("keys", "key_\(number)", "{}", label: number % 2 == 0 ? "Even \(number)" : "odd"))
        }
        var query = RecordQuery(collection: "keys", limit: 4)
        let first = try store.listNow(query)
        #expect(first.records.map(\.id) == ["key_10", "key_11", "key_12", "key_13"] && first.hasMore)
        query.after = "key_17"
        let last = try store.listNow(query)
        #expect(last.records.map(\.id) == ["key_18", "key_19"] && !last.hasMore)
        let down = try store.listNow(RecordQuery(collection: "keys", after: "key_12", isDescending: true))
        #expect(down.records.map(\.id) == ["key_11", "key_10"])
        let found = try store.listNow(RecordQuery(collection: "keys", limit: 2, search: "eVEN"))
        #expect(found.records.map(\.id) == ["key_10", "key_12"] && found.hasMore)
        #expect(try store.listNow(RecordQuery(collection: "keys", search: "100%")).records.isEmpty)
    }

    @Test(arguments: StoreKind.allCases) func theTrailIsWrittenWithTheChange(_ kind: StoreKind) throws {
        let lab = try StoreLab(kind)
        let store = try lab.open()
        defer { store.close() }
        var change = RecordChange.put("keys", "a", "{}")
        change.audit = AuditEntry(
            time: 5, actor: "user:admin", source: "127.0.0.1", action: "create", resource: "keys", record: "a",
            fields: ["/name", "/models"], requestID: "r1")
        try store.applyNow(change)
        change.expected = .absent
        #expect(throws: StorageFault.conflict(current: 1)) { try store.applyNow(change) }
        store.record(AuditEntry(time: 6, actor: "user:x", source: "::1", action: "login-refused", outcome: "refused"))
        let trail = try store.auditNow()
        #expect(trail.map(\.action) == ["login-refused", "create"])
        #expect(trail[1].fields == ["/name", "/models"] && trail[1].requestID == "r1")
        #expect(try store.auditNow(AuditQuery(resource: "keys")).count == 1)
        #expect(try store.auditNow(AuditQuery(before: trail[0].number)).map(\.action) == ["create"])
        #expect(try store.auditNow(AuditQuery(since: 6)).count == 1)
    }

    @Test(arguments: StoreKind.allCases) func aWatchTellsWhatIsAndThenWhatChanges(_ kind: StoreKind) throws {
        let lab = try StoreLab(kind)
        let store = try lab.open()
        defer { store.close() }
        for number in 0..<10 { try store.applyNow(.put("keys", "\(number)", "{}")) }
        try store.applyNow(.delete("keys", "3"))
        let follower = Follower()
        let watch = store.watch("keys", batch: 4) { follower.told($0, $1) }
        #expect(follower.wait { $0.isComplete })
        #expect(follower.state.withLock { $0.records.map(\.id) } == ["0", "1", "2", "4", "5", "6", "7", "8", "9"])
        #expect(follower.state.withLock { $0.batches } == [4, 4, 1])
        try store.applyNow(.put("keys", "0", "{}"), .delete("keys", "1"), .put("groups", "x", "{}"))
        #expect(follower.wait { $0.records.count == 11 })
        let news = follower.state.withLock { $0.records.suffix(2) }
        #expect(news.map(\.id) == ["0", "1"] && news.map(\.isGone) == [false, true])
        watch.cancel()
        try store.applyNow(.put("keys", "0", "{}"))
        #expect(follower.state.withLock { $0.records.count } == 11)
    }

    @Test(arguments: StoreKind.allCases) func anEmptyCollectionIsCompleteAtOnce(_ kind: StoreKind) throws {
        let lab = try StoreLab(kind)
        let store = try lab.open()
        defer { store.close() }
        let follower = Follower()
        let watch = store.watch("keys") { follower.told($0, $1) }
        #expect(follower.wait { $0.isComplete })
        watch.cancel()
    }

    @Test(arguments: StoreKind.allCases) func changesOfAnotherConnectionArrive(_ kind: StoreKind) throws {
        let lab = try StoreLab(kind)
        let store = try lab.open()
        let other = try lab.open()
        defer {
            store.close()
            other.close()
        }
        let follower = Follower()
        let watch = store.watch("keys") { follower.told($0, $1) }
        #expect(follower.wait { $0.isComplete })
        let before = Instant.read()
        try other.applyNow(.put("keys", "a", "{}"))
        #expect(follower.wait { $0.records.count == 1 })
        #expect(Instant.read().milliseconds(since: before) < 1000)
        watch.cancel()
    }

    @Test func idsSortByTimeAndDiffer() {
        let zero = InlineArray<10, UInt8>(repeating: 0)
        let ones = InlineArray<10, UInt8>(repeating: 0xff)
        #expect(RecordIdentifier.text(prefix: "key", milliseconds: 0, random: zero) == "key_00000000000000000000000000")
        #expect(
            RecordIdentifier.text(prefix: "key", milliseconds: 0xffff_ffff_ffff, random: ones)
                == "key_7zzzzzzzzzzzzzzzzzzzzzzzzz")
        #expect(
            RecordIdentifier.text(prefix: "k", milliseconds: 1_700_000_000_000, random: ones)
                < RecordIdentifier.text(prefix: "k", milliseconds: 1_700_000_000_001, random: zero))
        let made = RecordIdentifier.make(prefix: "key")
        #expect(made.utf8.count == 30 && made != RecordIdentifier.make(prefix: "key"))
    }
}
