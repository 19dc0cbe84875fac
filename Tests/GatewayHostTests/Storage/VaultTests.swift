// What the vault promises of secrets, keys and the change of keys.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct VaultTests {
    let folder = StoreFolder()
    let first = try! MasterKey(Secret("a text of thirty-two characters!"), source: "the first")
    let second = try! MasterKey(Secret(String(repeating: "0123456789abcdef", count: 4)), source: "the second")
    let place = SealPlace("accounts", "acc_1", "/api_key")
    let canary = Array("sk-canary-0123456789".utf8)

    private func document(_ vault: Vault, _ id: String) -> String {
        let sealed = vault.seal(canary, at: SealPlace("accounts", id, "/api_key"))
        let header = vault.seal(canary, at: SealPlace("accounts", id, "/headers/a~1b/1"))
        return #"{ "name" : "\#(id)", "ratio": 1.0, "api_key":"\#(sealed)","headers":{"a/b":["x","\#(header)"]}}"#
    }

    private func opened(_ vault: Vault, _ record: StoredRecord?) throws -> [[UInt8]] {
        let document = try JSONParser.parse(String(decoding: try #require(record).document, as: UTF8.self))
        return try ["/api_key", "/headers/a~1b/1"].map { pointer in
            let text = try #require(document.value(at: pointer)?.string)
            return try vault.open(text, at: SealPlace("accounts", record!.id, pointer))
        }
    }

    @Test func aSecretOpensOnlyInItsPlace() throws {
        let (storage, vault) = try Vault.open(folder: folder.path, key: first)
        defer { storage.close() }
        let sealed = vault.seal(canary, at: place)
        #expect(sealed.hasPrefix("gws1.\(first.id)."))
        #expect(try vault.open(sealed, at: place) == canary)
        for other in [
            SealPlace("account", "sacc_1", "/api_key"), SealPlace("accounts", "acc_2", "/api_key"), SealPlace("accounts", "acc_1", "/name"),
        ] {
            #expect(throws: VaultFault.refused(other)) { try vault.open(sealed, at: other) }
        }
        #expect(throws: VaultFault.malformed) { try vault.open("sk-plain", at: place) }
        #expect(throws: VaultFault.unknownKey(second.id)) { try vault.open(second.seal(canary, at: place), at: place) }
    }

    @Test func derivedKeysStayAndDiffer() throws {
        let (storage, vault) = try Vault.open(folder: folder.path, key: first)
        let key = vault.derive("api-keys")
        #expect(key.count == 32 && key != vault.derive("sessions"))
        storage.close()
        let (again, same) = try Vault.open(folder: folder.path, key: first)
        defer { again.close() }
        #expect(same.derive("api-keys") == key)
        let elsewhere = StoreFolder()
        let (other, fresh) = try Vault.open(folder: elsewhere.path, key: first)
        defer { other.close() }
        #expect(fresh.derive("api-keys") != key)
    }

    @Test func theWrongKeyIsRefusedBeforeAnythingIsWritten() throws {
        try Vault.open(folder: folder.path, key: first).storage.close()
        let path = StorageFile.path(in: folder.path)
        let before = FileBytes.read(path, limit: 1 << 24)
        let fault = #expect(throws: StorageFault.self) { try Vault.open(folder: folder.path, key: second) }
        let sentence = "\(try #require(fault))"
        #expect(sentence.contains(first.id) && sentence.contains("the second") && sentence.contains(path))
        #expect(FileBytes.read(path, limit: 1 << 24) == before)
        try Vault.open(folder: folder.path, key: first).storage.close()
    }

    @Test func keysAreJudged() throws {
        #expect(throws: VaultFault.self) { try MasterKey(Secret("short"), source: "x") }
        #expect(try MasterKey(Secret(String(repeating: "0123456789ABCDEF", count: 4) + "\n"), source: "x").id == second.id)
        #expect("\(first)" == "key \(first.id) of the first")
        let (made, isNew) = try MasterKeyFile.findOrMake(folder: folder.path, variable: nil)
        #expect(isNew)
        let path = MasterKeyFile.path(in: folder.path)
        #expect(FileBytes.mode(of: path) == 0o600)
        #expect(try MasterKeyFile.findOrMake(folder: folder.path, variable: Secret("")).key.id == made.id)
        #expect(
            try MasterKeyFile.find(folder: folder.path, variable: Secret(String(repeating: "x", count: 32)))?.source == "ENCRYPTION_KEY")
        chmod(path, 0o640)
        let fault = #expect(throws: VaultFault.self) { try MasterKeyFile.find(folder: folder.path, variable: nil) }
        #expect("\(try #require(fault))".contains("mode 0640"))
        #expect("\(try #require(fault))".contains("chmod 600 \(path)"))
    }

    @Test func aRotationReSealsEverythingWhileOthersServe() throws {
        let (storage, vault) = try Vault.open(folder: folder.path, key: first)
        let (serving, their) = try Vault.open(folder: folder.path, key: first)
        defer {
            storage.close()
            serving.close()
        }
        let key = vault.derive("api-keys")
        try storage.applyNow((0..<150).map { .put("accounts", "a\($0)", document(vault, "a\($0)")) })
        try storage.applyNow(.put("notes", "n", #"{"text":"gws1.0000000000000000.AAAA"}"#))
        let follower = Follower()
        let watch = serving.watch("accounts") { follower.told($0, $1) }
        #expect(follower.wait { $0.isComplete })
        // The other process has seen the handover before anything is re-sealed.
        let settle: @Sendable () -> Void = {
            _ = try? serving.perform { store throws(StorageFault) in try store.revision() }
        }
        let report = try VaultRotation(storage: storage, vault: vault, settle: settle).rotate(to: second)
        #expect(report == VaultRotation.Report(resealed: 150, unreadable: 1))
        #expect(follower.wait { $0.records.count >= 300 })
        for record in follower.state.withLock({ $0.records }) { #expect(try opened(their, record) == [canary, canary]) }
        #expect(their.keyID == second.id)
        #expect(
            try serving.getNow("notes", "n").map { String(decoding: $0.document, as: UTF8.self) }
                == #"{"text":"gws1.0000000000000000.AAAA"}"#)
        let text = String(decoding: try serving.getNow("accounts", "a7")!.document, as: UTF8.self)
        #expect(text.hasPrefix(#"{ "name" : "a7", "ratio": 1.0, "api_key":"gws1.\#(second.id)."#))
        watch.cancel()
        // Until it is finished either key opens the store; afterwards only the new one.
        try Vault.open(folder: folder.path, key: first).storage.close()
        let (after, fresh) = try Vault.open(folder: folder.path, key: second)
        #expect(try opened(fresh, after.getNow("accounts", "a7")) == [canary, canary])
        #expect(fresh.derive("api-keys") == key && fresh.rotation == nil)
        after.close()
        #expect(throws: StorageFault.self) { try Vault.open(folder: folder.path, key: first) }
        // The process that serves goes on, and what it sealed with the old key at the last moment opens.
        let late = first.seal(canary, at: place)
        #expect(try their.open(their.seal(canary, at: place), at: place) == canary)
        let (last, reader) = try Vault.open(folder: folder.path, key: second)
        #expect(try reader.open(late, at: place) == canary)
        last.close()
    }

    @Test(arguments: ["after the handover", "without the next file", "in the middle", "before the rename", "after the rename"])
    func anInterruptedRotationIsTakenUpAgain(when: String) throws {
        let path = MasterKeyFile.path(in: folder.path)
        try MasterKeyFile.write(first, to: path)
        func open() throws -> (storage: Storage, vault: Vault) {
            try Vault.open(folder: folder.path, key: try #require(try MasterKeyFile.find(folder: folder.path, variable: nil)))
        }
        let (storage, vault) = try open()
        try storage.applyNow((0..<100).map { .put("accounts", "a\($0)", document(vault, "a\($0)")) })
        let next = "\(folder.path)/\(MasterKeyFile.nextName)"
        try MasterKeyFile.write(second, to: next)
        let key = try #require(try MasterKeyFile.read(next))
        // The steps by hand, up to where the process was killed.
        switch when {
        case "after the handover", "without the next file", "in the middle":
            let names = vault.keys.handover(to: key)
            _ = try storage.perform { store throws(StorageFault) in try store.setMeta(names, expecting: nil) }
            if when == "in the middle" {
                try storage.perform { store throws(StorageFault) in
                    try vault.refresh(store)
                    _ = try store.rewrite(after: 0, limit: 40) { vault.resealed($0).document }
                }
            }
        default:
            _ = try VaultRotation(storage: storage, vault: vault, settle: {}).rotate(to: key)
            if when == "after the rename" { try MasterKeyFile.adopt(next, as: path) }
        }
        if when == "without the next file" { unlink(next) }
        storage.close()

        let (again, reader) = try open()
        for number in 0..<100 { #expect(try opened(reader, again.getNow("accounts", "a\(number)")) == [canary, canary]) }
        if when != "after the rename" {
            _ = try VaultRotation(storage: again, vault: reader, settle: {}).rotateFile(in: folder.path)
        }
        again.close()
        let (last, final) = try open()
        #expect(final.keyID == second.id && final.rotation == nil && final.keys.given.id == second.id)
        for number in 0..<100 {
            let record = try #require(try last.getNow("accounts", "a\(number)"))
            #expect(!String(decoding: record.document, as: UTF8.self).contains(first.id))
            #expect(try opened(final, record) == [canary, canary])
        }
        last.close()
        #expect(throws: StorageFault.self) { try Vault.open(folder: folder.path, key: first) }
        #expect(folder.names.allSatisfy { !$0.contains("next") })
    }

    @Test func nothingOfASecretStandsInTheFile() throws {
        let (storage, vault) = try Vault.open(folder: folder.path, key: first)
        try storage.applyNow(.put("accounts", "a", document(vault, "a")))
        storage.close()
        for name in folder.names {
            let bytes = try FileBytes.read("\(folder.path)/\(name)", limit: 1 << 24).get()
            let found = bytes.withUnsafeBytes { gwl_memmem($0.baseAddress, $0.count, canary, canary.count) }
            #expect(found == nil, "\(name)")
            #expect(FileBytes.mode(of: "\(folder.path)/\(name)") == 0o600)
        }
    }
}
