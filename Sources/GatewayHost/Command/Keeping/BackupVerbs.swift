// `gateway backup`: the store, the ledger and the configuration as one file, wherever the store is.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let backup = Verb(
        name: "backup", section: .keeping, summary: "Writes the store, the ledger and the configuration into one file.",
        details: """
            A tar archive with the store as of one moment, also while a gateway serves, the ledger, and gateway.yaml as it is written.
            Secrets in it stay sealed: it is worth nothing without the master key, which is not in it unless --with-key is given. Keep
            a copy of the key apart from the backups. Not in it: .env, logs, files that the configuration refers to.
            """,
        operands: [Operand(name: "FILE", offers: .files)],
        flags: [
            Flag(name: "without-ledger", help: "leave out what was used and what it cost"),
            Flag(name: "with-key", help: "put the master key in as well: then the file is as secret as the key"),
            Flag(name: "force", help: "replace FILE if it exists"),
            .config, .json,
        ]
    ) { invocation in
        guard let config = invocation.loadSharedConfig() else { return .invalid }
        return invocation.backup(config, to: invocation.arguments.operands[0])
    }
}

extension Invocation {
    fileprivate func backup(_ config: GatewayConfig, to file: String) -> ExitCode {
        guard has("force") || access(file, F_OK) != 0 else {
            return fail("\(file) exists. Name another, or add --force.", .usage)
        }
        do {
            guard try StorePlace(config).exists() else {
                return fail("there is no store at \(StorePlace(config)) yet. \"gateway setup\" or the first start makes it.")
            }
            let (bytes, keyID, hasLedger) = try write(config, to: file)
            terminal.progress(nil)
            tellBackup(file, bytes, keyID, hasLedger: hasLedger)
            return .done
        } catch let failure as FileBytes.Failure {
            return fail(failure.sentence)
        } catch {
            terminal.progress(nil)
            return fail("\(error)")
        }
    }

    private func write(_ config: GatewayConfig, to file: String) throws -> (bytes: Int, keyID: String, hasLedger: Bool) {
        let copy = "\(config.data)/backup.\(getpid()).db"
        let ledger = "\(config.data)/backup.\(getpid()).ledger"
        defer {
            unlink(copy)
            LedgerCopy.remove(ledger)
        }
        terminal.progress("copying the store")
        let (storage, vault) = try GatewayStore.open(config)
        defer { storage.close() }
        try copyStore(StorePlace(config), storage, config.data, to: copy)
        var archive = try BackupWriter(file, seconds: Int(gwl_wall_ns() / 1_000_000_000))
        try archive.add(BackupFormat.storeName, file: copy, size: try FileBytes.size(of: copy))
        try archive.add(BackupFormat.configName, config.source)
        if has("with-key") {
            let key = try MasterKeyFile.find(folder: config.data, variable: encryptionKey())?.reveal().reveal() ?? ""
            try archive.add(BackupFormat.keyName, Array(key.utf8))
        }
        var parts: [LedgerCopy.Part] = []
        if !has("without-ledger") {
            terminal.progress("copying the ledger")
            parts = try LedgerCopy.make(of: config.data, in: ledger)
            for part in parts { try archive.add(BackupFormat.ledgerPrefix + part.name, file: "\(ledger)/\(part.name)", size: part.size) }
        }
        let bytes = try archive.finish(keyID: vault.keyID, created: Moment.text(gwl_wall_ns()))
        return (bytes, vault.keyID, !parts.isEmpty)
    }

    /// A file with the store as of one moment.
    private func copyStore(_ place: StorePlace, _ storage: Storage, _ data: String, to file: String) throws {
        guard case .redis(let target) = place else { return try storage.backup(to: file) }
        let folder = "\(data)/backup.\(getpid())"
        defer { Invocation.removeStaging(folder) }
        try DataFolder.make(folder)
        let terminal = terminal
        try StoreCopy.make(of: target, in: folder) { terminal.progress("copied \($0) records from \(place)") }
        try StorageBackup.write(StorageFile.path(in: folder), to: file)
    }

    private func tellBackup(_ file: String, _ count: Int, _ keyID: String, hasLedger: Bool) {
        if wantsJSON {
            return printJSON([
                "file": .string(file), "bytes": .int(Int64(count)), "key_id": .string(keyID), "with_key": .bool(has("with-key")),
                "with_ledger": .bool(hasLedger),
            ])
        }
        terminal.out(paint(.good, "written") + ": \(file), \(Spoken.size(UInt64(count)))" + (hasLedger ? ", the ledger included" : ""))
        terminal.out(
            has("with-key")
                ? paint(.warning, "It holds the master key: whoever has the file can read every secret in it.")
                : "It is sealed with master key \(keyID), which is not in it. Keep a copy of the key elsewhere.")
    }

    func encryptionKey() throws -> Secret? {
        try Environment.current()[MasterKeyFile.variable].map { Secret($0) }
    }
}

extension FileBytes.Failure: CustomStringConvertible {
    var description: String { sentence }
}
