// Copies of the store, and stores of every version that was ever released.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct StorageBackupTests {
    let folder = StoreFolder()

    @Test func aBackupIsWholeWhileOthersWrite() throws {
        let store = try Storage.open(folder: folder.path)
        defer { store.close() }
        // Two records that always change together; a copy must never hold two different states.
        func both(_ number: Int) -> [RecordChange] { ["a", "b"].map { .put("keys", $0, #"{"n":\#(number)}"#) } }
        try store.applyNow(both(0))
        for number in 1...200 { store.apply(both(number)) { _ in } }
        let copy = "\(folder.path)/copy"
        try store.backup(to: copy)
        #expect(FileBytes.mode(of: copy) == 0o600)
        try StorageBackup.check(copy)
        let elsewhere = StoreFolder()
        try StorageBackup.restore(copy, folder: elsewhere.path)
        let other = try Storage.open(folder: elsewhere.path)
        let documents = try ["a", "b"].map { try other.getNow("keys", $0)!.document }
        #expect(documents[0] == documents[1])
        other.close()
        #expect(throws: StorageFault.self) { try store.backup(to: copy) }
        #expect(folder.names.allSatisfy { !$0.contains("partial") })
    }

    @Test func restoringKeepsWhatWasThere() throws {
        let store = try Storage.open(folder: folder.path)
        try store.applyNow(.put("keys", "a", #"{"n":1}"#))
        try store.backup(to: "\(folder.path)/copy")
        try store.applyNow(.put("keys", "a", #"{"n":2}"#))
        store.close()
        try StorageBackup.restore("\(folder.path)/copy", folder: folder.path)
        let restored = try Storage.open(folder: folder.path)
        #expect(try restored.getNow("keys", "a")?.document == Array(#"{"n":1}"#.utf8))
        restored.close()
        try StorageBackup.check("\(folder.path)/gateway.db.replaced")
        // A file that is none replaces nothing.
        #expect(FileBytes.replace("\(folder.path)/junk", with: Array("junk".utf8), mode: 0o600) == nil)
        #expect(throws: StorageFault.self) { try StorageBackup.restore("\(folder.path)/junk", folder: folder.path) }
        try StorageBackup.check(StorageFile.path(in: folder.path))
    }

    /// Tests/Corpus/store holds what each version has written, with one key. Adding a step means adding a file.
    @Test(arguments: 1...Int(StorageSchema.current)) func aStoreOfEveryVersionIsTakenOver(version: Int) throws {
        let source = #filePath.replacing("/Tests/GatewayHostTests/Storage/StorageBackupTests.swift", with: "")
        let sql = try FileBytes.read("\(source)/Tests/Corpus/store/v\(version).sql", limit: 1 << 20).get()
        do {
            let database = try SQLiteDatabase(StorageFile.path(in: folder.path), creates: true)
            try database.execute(String(decoding: sql, as: UTF8.self))
            #expect(try database.number("PRAGMA user_version") == version)
        }
        let key = try MasterKey(Secret("a text of thirty-two characters!"), source: "the test")
        let (store, vault) = try Vault.open(folder: folder.path, key: key)
        defer { store.close() }
        let path = StorageFile.path(in: folder.path)
        #expect(try SQLiteDatabase(path, creates: false).number("PRAGMA user_version") == StorageSchema.current)
        let account = try #require(try store.getNow("accounts", "acc_1"))
        let text = try #require(try JSONParser.parse(String(decoding: account.document, as: UTF8.self))["api_key"]?.string)
        #expect(try vault.open(text, at: SealPlace("accounts", "acc_1", "/api_key")) == Array("sk-from-long-ago".utf8))
        #expect(try store.listNow(RecordQuery(collection: "keys", search: "ONE")).records.map(\.id) == ["key_1"])
        #expect(throws: StorageFault.duplicate(UniqueValue(field: "/name", value: "one"), id: "key_1")) {
            try store.applyNow(.put("keys", "key_9", "{}", unique: [UniqueValue(field: "/name", value: "one")]))
        }
        #expect(throws: StorageFault.referenced(byCollection: "keys", id: "key_1", count: 1)) {
            try store.applyNow(.delete("groups", "grp_1"))
        }
        #expect(try store.getNow("keys", "key_2") == nil)
        #expect(try store.auditNow().map(\.action) == ["delete", "create"])
        #expect(try store.applyNow(.put("keys", "key_3", "{}"))[0].revision == 6)
    }

    @Test func stepsAreTakenAllOrNone() throws {
        try Storage.open(folder: folder.path).close()
        let database = try SQLiteDatabase(StorageFile.path(in: folder.path), creates: false)
        let more = StorageSchema.steps + ["ALTER TABLE records ADD COLUMN color TEXT", "INSERT INTO sequence VALUES (7)"]
        #expect(throws: SQLiteError.self) { try StorageSchema.migrate(database, more + ["ALTER TABLE nothing ADD COLUMN x"]) }
        #expect(try database.number("PRAGMA user_version") == StorageSchema.current)
        #expect(try database.number("SELECT count(*) FROM sequence") == 1)
        try StorageSchema.migrate(database, more)
        #expect(try database.number("PRAGMA user_version") == StorageSchema.current + 2)
        #expect(try database.number("SELECT count(color) FROM records") == 0)
        // Nothing is taken twice.
        try StorageSchema.migrate(database, more)
        #expect(try database.number("SELECT count(*) FROM sequence") == 2)
    }
}
