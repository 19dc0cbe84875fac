import Glibc
import Testing

@testable import GatewayHost

@Suite struct BackupTests {
    private let folder: TemporaryFolder
    private var path: String { folder.path + "/backup.tar" }

    init() throws { folder = try TemporaryFolder() }

    private func archive(_ members: [(name: String, bytes: [UInt8])]) throws -> [UInt8] {
        var tar = try TarWriter(path, seconds: 1_763_920_984)
        for member in members { _ = try tar.add(member.name, member.bytes) }
        try tar.finish()
        return try FileBytes.read(path, limit: 1 << 20).get()
    }

    private func read(_ bytes: [UInt8]) throws -> [TarReader.Member] {
        #expect(FileBytes.replace(path, with: bytes, mode: 0o600) == nil)
        return try TarReader(path).members
    }

    @Test(arguments: [0, 1, 511, 512, 513, 5000])
    func aTarArchiveIsReadBack(count: Int) throws {
        let content = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let bytes = try archive([("a", content), ("b.txt", [1, 2])])
        #expect(bytes.count % 512 == 0)
        let tar = try TarReader(path)
        #expect(tar.members.map(\.header) == [TarHeader(name: "a", size: count), TarHeader(name: "b.txt", size: 2)])
        #expect(try tar.bytes(tar.members[0]) == content)
        #expect(try tar.digest(tar.members[0]) == content.withUnsafeBytes { SHA256.digest(Bytes($0)) })
        try tar.extract(tar.members[0], to: folder.path + "/a")
        #expect(try FileBytes.read(folder.path + "/a", limit: 1 << 20).get() == content)
        #expect(throws: SystemError.self, "it replaces nothing") { try tar.extract(tar.members[0], to: folder.path + "/a") }
    }

    @Test func aFileGoesInAsFarAsItIsMeant() throws {
        let source = folder.path + "/rows"
        #expect(FileBytes.replace(source, with: [1, 2, 3, 4, 5], mode: 0o600) == nil)
        var tar = try TarWriter(path, seconds: 0)
        let digest = try tar.add("rows", file: source, size: 3)
        #expect(digest == [UInt8](arrayLiteral: 1, 2, 3).withUnsafeBytes { SHA256.digest(Bytes($0)) })
        #expect(throws: SystemError.self, "it is not that long") { try tar.add("more", file: source, size: 6) }
    }

    @Test func anArchiveThatIsNotFinishedLeavesNothing() throws {
        do {
            var tar = try TarWriter(path, seconds: 0)
            _ = try tar.add("a", [1])
        }
        #expect(FileBytes.mode(of: path) == nil && FileBytes.mode(of: "\(path).\(getpid()).new") == nil)
    }

    @Test func whatIsNoArchiveOfOursIsRefused() throws {
        let bytes = try archive([("a", [1, 2, 3])])
        #expect(throws: TarHeader.Fault.self) { try read([]) }
        #expect(throws: TarHeader.Fault.self) { try read(Array("not an archive".utf8)) }
        for cut in [511, 512, 600, 1024] { #expect(throws: TarHeader.Fault.self) { try read(Array(bytes[..<cut])) } }
        // Every byte of a head counts: by its sum, or by what it says.
        for place in stride(from: 0, to: 512, by: 37) {
            var damaged = bytes
            damaged[place] ^= 1
            #expect(throws: TarHeader.Fault.self, "\(place)") { try read(damaged) }
        }
        for name in ["x/y", "..", ""] { #expect(throws: TarHeader.Fault.self) { try read(try archive([(name, [])])) } }
        #expect(throws: TarHeader.Fault.self) { try read(try archive([("a", []), ("a", [])])) }
        #expect(throws: SystemError.self) { try TarReader(folder.path + "/missing").members }
    }

    @Test func aBackupKnowsWhetherItIsWhole() throws {
        func write(ledger: Bool) throws -> [UInt8] {
            var writer = try BackupWriter(path, seconds: 0)
            try writer.add(BackupFormat.storeName, Array("store".utf8))
            try writer.add(BackupFormat.configName, Array("chain: []\n".utf8))
            if ledger { try writer.add(BackupFormat.ledgerPrefix + "rollups.db", [7]) }
            let count = try writer.finish(keyID: "0123", created: "2025-11-23T18:03:04.000Z")
            let bytes = try FileBytes.read(path, limit: 1 << 20).get()
            #expect(bytes.count == count)
            return bytes
        }
        let bytes = try write(ledger: false)
        let whole = try BackupArchive(path)
        #expect(whole.config == Array("chain: []\n".utf8) && whole.key == nil && whole.ledgerParts.isEmpty)
        #expect(whole.keyID == "0123" && whole.created == "2025-11-23T18:03:04.000Z")
        #expect(bytes.firstRange(of: Array("\"version\": 1".utf8)) != nil, "an older gateway can restore it")
        #expect(try write(ledger: true).firstRange(of: Array("\"version\": 2".utf8)) != nil)
        #expect(try BackupArchive(path).ledgerParts == ["rollups.db"])

        func refusal(_ bytes: [UInt8]) -> BackupArchive.Fault? {
            #expect(FileBytes.replace(path, with: bytes, mode: 0o600) == nil)
            return #expect(throws: BackupArchive.Fault.self) { _ = try BackupArchive(path) }
        }
        // A bit of the store, which no sum of tar covers.
        let place = bytes.firstRange(of: Array("store".utf8) + [0])!.lowerBound
        var damaged = bytes
        damaged[place] ^= 1
        #expect(refusal(damaged)?.description == "gateway.db in the archive is not what was backed up: the archive is damaged")
        let manifest = Array(#"{"format":"gateway-backup","version":1,"members":{"gateway.db":{"sha256":"\#(sum("store"))"},"x":{}}}"#.utf8)
        #expect(
            refusal(try archive([("manifest.json", manifest), ("gateway.db", Array("store".utf8))]))?.description
                == "x is missing from the archive")
        #expect(refusal(try archive([("gateway.db", Array("store".utf8))]))?.description.contains("no manifest") == true)
        let newer = Array(#"{"format":"gateway-backup","version":99,"members":{}}"#.utf8)
        #expect(refusal(try archive([("manifest.json", newer)]))?.description.contains("newer gateway") == true)
    }

    private func sum(_ text: String) -> String { Array(text.utf8).withUnsafeBytes { SHA256.digest(Bytes($0)).description } }

    @Test(arguments: [
        ("0000000000000001.rows", "L/rows/0000000000000001.rows"), ("00000000000000ff.index", "L/rows/00000000000000ff.index"),
        ("rollups.db", "L/rollups.db"), ("prices-0123.json", "L/prices/0123.json"), ("imported-prices.json", "L/imported-prices.json"),
        ("1.rows", nil), ("0000000000000001.rows.new", nil), ("passwd", nil), ("", nil),
    ])
    func aPartOfALedgerHasItsPlace(name: String, place: String?) {
        #expect(LedgerCopy.place(of: name, in: "L") == place)
    }
}

@Suite struct ExportTests {
    private let place = ExportFormat.place("keys", "key_1", "/secret")

    @Test func secretsOpenWithThePassphraseAtTheirPlaceOnly() throws {
        let writing = ExportFormat(passphrase: Secret("a long passphrase"))
        let header = writing.header(created: "2025-11-23T18:03:04.000Z")
        #expect(!header.contains("passphrase") && header.contains("\"secrets\":\"sealed\""))
        let sealed = try #require(writing.seal("canary", place))
        #expect(!sealed.contains("canary"))
        let reading = try ExportFormat(header: header, passphrase: Secret("a long passphrase"))
        #expect(try reading.open(sealed, place) == "canary")
        #expect(throws: ExportFormat.Fault.self) { try reading.open(sealed, ExportFormat.place("keys", "key_2", "/secret")) }
        let other = try ExportFormat(header: header, passphrase: Secret("another passphrase"))
        #expect(throws: ExportFormat.Fault.self) { try other.open(sealed, place) }
        #expect(throws: ExportFormat.Fault.self) { try ExportFormat(header: header, passphrase: nil) }
        #expect(ExportFormat(passphrase: nil).seal("canary", place) == nil)
    }

    @Test(arguments: [
        ("{}", "this is nothing that \"gateway export\" writes"), ("x", "this is nothing that \"gateway export\" writes"),
        (#"{"format":"gateway-export","version":2}"#, "it was written by a newer gateway; import it with that one"),
    ])
    func aStrangeFileIsRefused(header: String, sentence: String) {
        let fault = #expect(throws: ExportFormat.Fault.self) { try ExportFormat(header: header, passphrase: nil) }
        #expect(fault?.description == sentence)
    }

    private func importer(_ lines: String...) throws -> Importer {
        let format = ExportFormat(passphrase: nil)
        var importer = Importer(resources: try ResourceDeclaration.read(FieldFlagsTests.declaration), format: format)
        importer.read([format.header(created: "x")] + lines)
        return importer
    }

    private let group = #"{"resource":"groups","id":"grp_01jd0000000000000000000001","document":{"name":"team"}}"#

    @Test func everyLineIsCheckedBeforeAnythingIsWritten() throws {
        #expect(try importer(group, ExportFormat.end(records: 1)).faults.isEmpty)
        #expect(try importer(group).faults == ["2: the last line is missing: the file is not whole"])
        #expect(try importer(group, ExportFormat.end(records: 2)).faults == ["3: says that there are 2 records, and 1 were read"])
        let bad = try importer(
            "nonsense", #"{"resource":"doors","id":"x","document":{}}"#, group.replacing("grp_01", with: "key_01"),
            group.replacing(#"{"name":"team"}"#, with: #"{"nam":"team"}"#), ExportFormat.end(records: 0))
        #expect(bad.faults.count == 4)
        #expect(bad.faults[0] == "2: is not JSON")
        #expect(bad.faults[1] == "3: no plugin of the chain declares doors")
        #expect(bad.faults[2].contains("is no id of groups"))
        #expect(bad.faults[3].contains("grp_01jd0000000000000000000001"))
    }

    @Test func recordsComeOverWithTheirIDsAndReferences() throws {
        let folder = try TemporaryFolder()
        let (storage, vault) = try Vault.open(folder: folder.path, key: .random(source: "test"))
        defer { storage.close() }
        // The one that names the other comes first.
        let key =
            #"{"resource":"keys","id":"key_01jd0000000000000000000002","document":{"name":"a","groups":["grp_01jd0000000000000000000001"]}}"#
        let importer = try importer(key, group, ExportFormat.end(records: 2))
        #expect(importer.faults.isEmpty)
        let outcome = importer.write(to: storage, vault, replaces: false, actor: "cli:test") { _ in }
        #expect(outcome.written == 2 && outcome.left == 0 && outcome.faults.isEmpty)
        // Again: they are there, and stay.
        let again = importer.write(to: storage, vault, replaces: false, actor: "cli:test") { _ in }
        #expect(again.written == 0 && again.left == 2 && again.faults.isEmpty)
        #expect(importer.write(to: storage, vault, replaces: true, actor: "cli:test") { _ in }.written == 2)
        var exported: [ExportFormat.Record] = []
        for resource in try ResourceDeclaration.read(FieldFlagsTests.declaration) {
            try Exporter(storage: storage, vault: vault, format: ExportFormat(passphrase: nil)).each(of: resource) { exported.append($0) }
        }
        #expect(exported.map(\.id) == ["grp_01jd0000000000000000000001", "key_01jd0000000000000000000002"])
        let orphan = try self.importer(
            key.replacing("key_01jd0000000000000000000002", with: "key_01jd0000000000000000000003").replacing("\"a\"", with: "\"b\"")
                .replacing("grp_01jd0000000000000000000001", with: "grp_01jd0000000000000000000009"), ExportFormat.end(records: 1))
        #expect(orphan.write(to: storage, vault, replaces: false, actor: "cli:test") { _ in }.faults.count == 1)
    }

    @Test func secretsGoThroughAnExport() throws {
        let folder = try TemporaryFolder()
        let other = try TemporaryFolder()
        let resource = try ResourceDeclaration.read(FieldFlagsTests.declaration)[1]
        func open(_ folder: TemporaryFolder) throws -> (Storage, Vault) {
            try Vault.open(folder: folder.path, key: .random(source: "test"))
        }
        let (from, fromVault) = try open(folder)
        defer { from.close() }
        let (to, toVault) = try open(other)
        defer { to.close() }
        let passphrase = Secret("a long passphrase")
        let writing = ExportFormat(passphrase: passphrase)
        let id = "key_01jd0000000000000000000002"
        let written = writing.seal("canary", ExportFormat.place("keys", id, "/secret"))!
        let line = writing.line(.init(resource: "keys", id: id, document: ["name": "a", "secret": .string(written)]))
        func take(_ lines: [String], into storage: Storage, _ vault: Vault) throws {
            var importer = Importer(resources: [resource], format: try ExportFormat(header: lines[0], passphrase: passphrase))
            importer.read(lines)
            #expect(importer.faults.isEmpty)
            #expect(importer.write(to: storage, vault, replaces: false, actor: "cli:test") { _ in }.written == 1)
        }
        try take([writing.header(created: "x"), line, ExportFormat.end(records: 1)], into: from, fromVault)
        let second = ExportFormat(passphrase: passphrase)
        var lines = [second.header(created: "x")]
        try Exporter(storage: from, vault: fromVault, format: second).each(of: resource) { lines.append(second.line($0)) }
        lines.append(ExportFormat.end(records: 1))
        #expect(!lines.joined().contains("canary"))
        try take(lines, into: to, toVault)
        let record = try to.perform { store throws(StorageFault) in try store.get("keys", id) }
        let document = try JSONParser.parse(String(decoding: record?.document ?? [], as: UTF8.self))
        let sealed = try #require(document["secret"]?.string)
        #expect(try toVault.open(sealed, at: SealPlace("keys", id, "/secret")) == Array("canary".utf8))
        var without: [ExportFormat.Record] = []
        try Exporter(storage: from, vault: fromVault, format: ExportFormat(passphrase: nil)).each(of: resource) { without.append($0) }
        #expect(without.first?.document["secret"] == nil && without.first?.document["name"] == "a")
    }
}
