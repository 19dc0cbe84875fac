import Glibc
import Testing

@testable import GatewayHost

@Suite struct BackupTests {
    private let archive = BackupArchive(
        store: Array("store".utf8), config: Array("chain: []\n".utf8), key: nil, keyID: "0123", created: "2025-11-23T18:03:04.000Z")

    @Test func aTarArchiveIsReadBack() throws {
        for count in [0, 1, 511, 512, 513, 5000] {
            let tar = TarArchive(members: [
                .init(name: "a", bytes: [UInt8](repeating: 7, count: count)), .init(name: "b.txt", bytes: [1, 2], mode: 0o644),
            ])
            let bytes = tar.bytes(seconds: 1_763_920_984)
            #expect(bytes.count % 512 == 0)
            #expect(try TarArchive(bytes) == tar)
        }
    }

    @Test func whatIsNoArchiveOfOursIsRefused() throws {
        let bytes = TarArchive(members: [.init(name: "a", bytes: [1, 2, 3])]).bytes(seconds: 0)
        #expect(throws: TarArchive.Fault.self) { try TarArchive([]) }
        #expect(throws: TarArchive.Fault.self) { try TarArchive(Array("not an archive".utf8)) }
        for cut in [511, 512, 600, 1024] { #expect(throws: TarArchive.Fault.self) { try TarArchive(Array(bytes[..<cut])) } }
        // Every byte of a head counts: by its sum, or by what it says.
        for place in stride(from: 0, to: 512, by: 37) {
            var damaged = bytes
            damaged[place] ^= 1
            #expect(throws: TarArchive.Fault.self, "\(place)") { try TarArchive(damaged) }
        }
        for name in ["x/y", "..", ""] {
            #expect(throws: TarArchive.Fault.self) { try TarArchive(TarArchive(members: [.init(name: name, bytes: [])]).bytes(seconds: 0)) }
        }
        let twice = TarArchive(members: [.init(name: "a", bytes: []), .init(name: "a", bytes: [])])
        #expect(throws: TarArchive.Fault.self) { try TarArchive(twice.bytes(seconds: 0)) }
    }

    @Test func aBackupKnowsWhetherItIsWhole() throws {
        let bytes = archive.bytes(seconds: 0)
        let read = try BackupArchive(bytes)
        #expect(read.store == archive.store && read.config == archive.config && read.key == nil)
        #expect(read.keyID == "0123" && read.created == archive.created)
        // A bit of the store, which no sum of tar covers.
        let place = bytes.firstRange(of: Array("store".utf8) + [0])!.lowerBound
        var damaged = bytes
        damaged[place] ^= 1
        let fault = #expect(throws: BackupArchive.Fault.self) { try BackupArchive(damaged) }
        #expect(fault?.description == "gateway.db in the archive is not what was backed up: the archive is damaged")
        var members = try TarArchive(bytes).members
        members.removeAll { $0.name == BackupArchive.configName }
        #expect(throws: BackupArchive.Fault.self) { try BackupArchive(TarArchive(members: members).bytes(seconds: 0)) }
        let newer = TarArchive(members: [
            .init(name: "manifest.json", bytes: Array(#"{"format":"gateway-backup","version":99,"members":{}}"#.utf8))
        ])
        let refusal = #expect(throws: BackupArchive.Fault.self) { try BackupArchive(newer.bytes(seconds: 0)) }
        #expect(refusal?.description.contains("newer gateway") == true)
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
