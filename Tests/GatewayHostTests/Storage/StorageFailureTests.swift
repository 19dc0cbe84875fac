// What the store says and keeps when something is wrong with its file, its folder, its disk or its neighbours.

import CLinux
import Glibc
import Testing

@testable import GatewayHost

@Suite struct StorageFailureTests {
    let folder = StoreFolder()
    var path: String { StorageFile.path(in: folder.path) }

    /// The sentence with which `body` is refused.
    private func sentence(_ body: () throws -> Void) throws -> String {
        let fault = #expect(throws: StorageFault.self) { try body() }
        guard case .unavailable(let sentence) = try #require(fault) else {
            Issue.record("another fault: \(fault!)")
            return ""
        }
        return sentence
    }

    /// Changes until one is refused; how many were made.
    private func fill(_ store: Storage) throws -> (made: Int, sentence: String) {
        let padding = String(repeating: "x", count: 20_000)
        for number in 0..<1000 {
            do {
                try store.applyNow(.put("keys", "k\(number)", #"{"n":"\#(padding)"}"#))
            } catch {
                guard case StorageFault.unavailable(let sentence) = error else { throw error }
                return (number, sentence)
            }
        }
        Issue.record("a thousand large records fit")
        return (1000, "")
    }

    @Test func aFullStoreRefusesChangesLosesNothingAndGoesOn() throws {
        let store = try Storage.open(folder: folder.path, limits: StorageFile.Limits(bytes: 1 << 20))
        defer { store.close() }
        let (made, sentence) = try fill(store)
        #expect(made > 20 && sentence.contains("full") && sentence.contains(path))
        // Nobody else is taken along: what fits is still made, in the same group or alone.
        let large = Awaited<Result<[StoredRecord], StorageFault>>()
        let small = Awaited<Result<[StoredRecord], StorageFault>>()
        let document = [UInt8](repeating: 0x20, count: 500_000)
        store.apply([RecordChange(collection: "keys", id: "large", document: document)]) { large.give($0) }
        store.apply([.put("keys", "k0", "{}")]) { small.give($0) }
        #expect(throws: StorageFault.self) { try large.take().get() }
        #expect(try small.take().get().count == 1)
        #expect(try store.listNow(RecordQuery(collection: "keys", limit: 1000)).records.count == made)
        for number in 0..<(made / 2) { try store.applyNow(.delete("keys", "k\(number)")) }
        try store.applyNow(.put("keys", "again", #"{"n":"\#(String(repeating: "x", count: 20_000))"}"#))
        #expect(try store.getNow("keys", "again") != nil)
    }

    @Test(.enabled(if: SmallDisk.isPossible)) func aFullDiskRefusesChangesLosesNothingAndGoesOn() throws {
        let disk = try SmallDisk(megabytes: 4)
        let store = try Storage.open(folder: disk.path)
        let (made, sentence) = try fill(store)
        #expect(made > 20 && sentence.contains("full") && sentence.contains(disk.path))
        #expect(try store.listNow(RecordQuery(collection: "keys", limit: 1000)).records.count == made)
        let again = try self.sentence { try store.applyNow(.put("keys", "x", String(repeating: " ", count: 20_000))) }
        #expect(again.contains("full"))
        // Also a new start on the full disk finds everything.
        store.close()
        do {
            let store = try Storage.open(folder: disk.path)
            #expect(try store.listNow(RecordQuery(collection: "keys", limit: 1000)).records.count == made)
            try disk.grow(megabytes: 16)
            try store.applyNow(.put("keys", "again", String(repeating: " ", count: 20_000)))
            store.close()
        }
        try StorageBackup.check(StorageFile.path(in: disk.path))
    }

    @Test func aFolderThatIsMissingOrCannotBeWritten() throws {
        #expect(try sentence { _ = try Storage.open(folder: "\(folder.path)/none") }.contains("The folder must exist"))
        // Nobody can make a file here, root included.
        #expect(try sentence { _ = try Storage.open(folder: "/proc") }.contains("/proc/gateway.db"))
    }

    @Test func aFileThatIsNoDatabase() throws {
        #expect(FileBytes.replace(path, with: Array(String(repeating: "no database. ", count: 1000).utf8), mode: 0o600) == nil)
        #expect(try sentence { _ = try Storage.open(folder: folder.path) }.contains("\(path) is not a database"))
    }

    @Test func theDatabaseOfAnotherProgram() throws {
        try SQLiteDatabase(path, creates: true).execute("CREATE TABLE cats (name TEXT)")
        #expect(try sentence { _ = try Storage.open(folder: folder.path) }.contains("of another program"))
    }

    @Test func aDatabaseOfANewerGateway() throws {
        try Storage.open(folder: folder.path).close()
        try SQLiteDatabase(path, creates: false).execute("PRAGMA user_version = \(StorageSchema.current + 1)")
        let before = FileBytes.read(path, limit: 1 << 24)
        let sentence = try sentence { _ = try Storage.open(folder: folder.path) }
        #expect(sentence.contains("newer gateway") && sentence.contains("version \(StorageSchema.current + 1)"))
        #expect(FileBytes.read(path, limit: 1 << 24) == before)
    }

    @Test func aNewerGatewayThatTakesOverWhileThisOneRuns() throws {
        let store = try Storage.open(folder: folder.path)
        defer { store.close() }
        try store.applyNow(.put("keys", "a", "{}"))
        try SQLiteDatabase(path, creates: false).execute("PRAGMA user_version = \(StorageSchema.current + 1)")
        #expect(try sentence { try store.applyNow(.put("keys", "b", "{}")) }.contains("Restart this one"))
    }

    @Test func aDamagedFile() throws {
        let store = try Storage.open(folder: folder.path)
        try store.applyNow((0..<500).map { .put("keys", "key_\($0)", #"{"n":"\#(String(repeating: "x", count: 200))"}"#) })
        store.close()
        var bytes = try FileBytes.read(path, limit: 1 << 24).get()
        #expect(bytes.count > 100_000)
        for index in 16_384..<(bytes.count - 4096) { bytes[index] = UInt8(truncatingIfNeeded: index &* 31) }
        #expect(FileBytes.replace(path, with: bytes, mode: 0o600) == nil)
        #expect(try sentence { try StorageBackup.check(path) }.contains("damaged"))
        let sentence = try sentence {
            let store = try Storage.open(folder: folder.path)
            defer { store.close() }
            _ = try store.listNow(RecordQuery(collection: "keys", limit: 1000))
        }
        #expect(sentence.contains("damaged") && sentence.contains("restore a backup"))
    }

    @Test func aStoreThatAnotherProcessKeepsLocked() throws {
        let store = try Storage.open(folder: folder.path, limits: StorageFile.Limits(busyMilliseconds: 20))
        defer { store.close() }
        let other = try SQLiteDatabase(path, creates: false)
        try other.execute("BEGIN IMMEDIATE")
        #expect(try sentence { try store.applyNow(.put("keys", "a", "{}")) }.contains("locked"))
        #expect(try store.listNow(RecordQuery(collection: "keys")).records.isEmpty)
        try other.execute("COMMIT")
        try store.applyNow(.put("keys", "a", "{}"))
    }

    @Test func limitsAreNamed() throws {
        let store = try Storage.open(folder: folder.path)
        defer { store.close() }
        let document = [UInt8](repeating: 0x20, count: RecordChange.documentLimit + 1)
        for change in [
            RecordChange(collection: "keys", id: "a", document: document), .put("keys", String(repeating: "i", count: 1025), "{}"),
        ] {
            let fault = #expect(throws: StorageFault.self) { try store.applyNow(change) }
            guard case .limit = try #require(fault) else {
                Issue.record("another fault: \(fault!)")
                return
            }
        }
        let large = RecordChange(collection: "keys", id: "a", document: Array(document.dropLast()))
        #expect(throws: StorageFault.self) { try store.applyNow(Array(repeating: large, count: 17)) }
        #expect(throws: StorageFault.self) { try store.applyNow(Array(repeating: .put("keys", "a", "{}"), count: 1001)) }
        #expect(try store.getNow("keys", "a") == nil)
        store.record(AuditEntry(time: 1, actor: "user:" + String(repeating: "ü", count: 5000), source: "::1", action: "login-refused"))
        let actor = try store.auditNow()[0].actor
        #expect(actor.hasPrefix("user:üüü") && actor.hasSuffix("ü…") && actor.utf8.count <= AuditFields.textLimit)
    }

    @Test func aPageOfLargeRecordsEndsSooner() throws {
        let store = try Storage.open(folder: folder.path)
        defer { store.close() }
        let document = [UInt8](repeating: 0x20, count: 900_000)
        for number in 10..<30 { try store.applyNow(RecordChange(collection: "keys", id: "k\(number)", document: document)) }
        var ids: [String] = []
        var query = RecordQuery(collection: "keys", limit: 1000)
        while true {
            let page = try store.listNow(query)
            #expect(page.records.count <= 10)
            ids += page.records.map(\.id)
            query.after = ids.last
            if !page.hasMore { break }
        }
        #expect(ids == (10..<30).map { "k\($0)" })
        let follower = Follower()
        let watch = store.watch("keys", batch: 1000) { follower.told($0, $1) }
        #expect(follower.wait { $0.isComplete })
        #expect(follower.state.withLock { $0.records.count == 20 && $0.batches.allSatisfy { $0 <= 10 } })
        watch.cancel()
    }

    @Test func aClosedStoreSaysSo() throws {
        let store = try Storage.open(folder: folder.path)
        store.close()
        #expect(try sentence { _ = try store.getNow("keys", "a") }.contains("closed"))
        let follower = Follower()
        _ = store.watch("keys") { follower.told($0, $1) }
        #expect(follower.wait { $0.fault != nil })
    }

    @Test func whatIsGoneIsForgottenAndTheTrailIsCut() throws {
        let store = try Storage.open(folder: folder.path)
        defer { store.close() }
        try store.applyNow(.put("keys", "a", "{}"), .put("keys", "b", "{}"))
        try store.applyNow(.delete("keys", "a"))
        for time in 0..<10 { store.record(AuditEntry(time: Int64(time), actor: "user:a", source: "::1", action: "login")) }
        #expect(try store.auditNow().count == 10)
        func rows() throws -> [String] {
            try store.perform { store throws(StorageFault) in
                try store.changes("keys", after: 0, goneAfter: 0, limit: 10).records.map(\.id)
            }
        }
        try store.perform { store throws(StorageFault) in try store.purge(goneBefore: 1000, auditBeyond: 100) }
        #expect(try rows() == ["b", "a"])
        try store.perform { store throws(StorageFault) in try store.purge(goneBefore: .max, auditBeyond: 4) }
        #expect(try rows() == ["b"])
        #expect(try store.auditNow().map(\.time) == [9, 8, 7, 6])
        // Revisions and numbers are not given again.
        #expect(try store.applyNow(.put("keys", "a", "{}"))[0].revision == 4)
    }
}

/// A disk of a few megabytes, where this process may mount one.
final class SmallDisk {
    let path: String
    private let folder = StoreFolder()

    static let isPossible: Bool = {
        guard geteuid() == 0 else { return false }
        return (try? SmallDisk(megabytes: 1)) != nil
    }()

    init(megabytes: Int) throws {
        path = folder.path
        try #require(mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0)
    }

    func grow(megabytes: Int) throws {
        try #require(mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT), "size=\(megabytes)m") == 0)
    }

    deinit { umount2(path, Int32(MNT_DETACH)) }
}
