// `gateway backup` and `gateway restore`: the store, the ledger and the configuration as one file, and back.
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

    static let restore = Verb(
        name: "restore", section: .keeping, summary: "Puts the store of a backup in place, after checking all of it.",
        details: """
            Checks sums, version and soundness, and that the master key which is here (or in the archive) opens it, before anything
            changes. Refuses while a gateway runs. Where there is a store already it takes --force, and keeps the old one
            beside the new one, the ledger's too (ledger.replaced). The configuration of the backup is written only where there is none.
            """,
        operands: [Operand(name: "FILE", offers: .files)],
        flags: [
            Flag(name: "force", help: "also where there is a store, which is kept under another name"),
            Flag(name: "without-ledger", help: "leave the ledger that is here as it is"),
            Flag(name: "check", help: "only say whether the backup is sound and the key opens it"),
            .config, .json,
        ]
    ) { invocation in
        invocation.restore(from: invocation.arguments.operands[0])
    }
}

extension Invocation {
    fileprivate func backup(_ config: GatewayConfig, to file: String) -> ExitCode {
        guard has("force") || access(file, F_OK) != 0 else {
            return fail("\(file) exists. Name another, or add --force.", .usage)
        }
        guard config.store == .local else {
            return fail("records are in \(StorePlace(config)), whose own copies (its append-only file, its replicas) keep them.")
        }
        guard access(StorageFile.path(in: config.data), F_OK) == 0 else {
            return fail("there is no store in \(config.data) yet. \"gateway setup\" or the first start makes it.")
        }
        do {
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
        try storage.backup(to: copy)
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

    private func encryptionKey() throws -> Secret? {
        try Environment.current()[MasterKeyFile.variable].map { Secret($0) }
    }

    // MARK: Restore

    fileprivate func restore(from file: String) -> ExitCode {
        do {
            terminal.progress("reading \(file)")
            let archive = try BackupArchive(file)
            terminal.progress(nil)
            let hasConfig = access(configPath, F_OK) == 0
            guard hasConfig || archive.config != nil else {
                return fail("there is no \(configPath), and the backup holds none. Name one with --config.", .invalid)
            }
            let folder = try hasConfig ? ConfigLoader.dataFolder(of: configPath) : dataFolder(of: archive.config ?? [])
            if !has("check") {
                if let running = RunningGateway(in: folder) {
                    return fail("process \(running.process) serves from \(folder). Stop it first: gateway stop.", .refused)
                }
                guard has("force") || access(StorageFile.path(in: folder), F_OK) != 0 else {
                    return fail(
                        "there is a store in \(folder). Add --force to put the backup in its place; the old one is kept beside it.",
                        .refused)
                }
            }
            try DataFolder.make(folder)
            let staging = "\(folder)/restore.\(getpid())"
            defer { Invocation.removeStaging(staging) }
            terminal.progress("checking the store of the backup")
            try check(archive, in: staging, beside: folder)
            terminal.progress(nil)
            if has("check") {
                tellRestored(archive, Placed(kept: [], hasLedger: !archive.ledgerParts.isEmpty), folder, wroteConfig: false)
                return .done
            }
            let placed = try put(archive, from: staging, in: folder, writesConfig: !hasConfig)
            tellRestored(archive, placed, folder, wroteConfig: !hasConfig)
            return .done
        } catch let failure as FileBytes.Failure {
            return fail(failure.sentence)
        } catch let faults as ConfigFaults {
            report(faults.faults)
            return .invalid
        } catch {
            terminal.progress(nil)
            return fail("\(error)", .refused)
        }
    }

    /// The folder that a configuration which is not in place yet will name.
    private func dataFolder(of config: [UInt8]) throws -> String {
        var environment = try Environment.current()
        if Demonstration.isWanted(by: config, environment) {
            environment = Environment(environment.values.merging([Demonstration.credential: Demonstration.placeholder]) { $1 })
        }
        return try ConfigLoader.read(config, file: configPath, environment: environment).data
    }

    /// Opens a copy of the store with the key that will be in place.
    private func check(_ archive: borrowing BackupArchive, in staging: String, beside folder: String) throws {
        try DataFolder.make(staging)
        try archive.extract(BackupFormat.storeName, to: StorageFile.path(in: staging))
        var key = try MasterKeyFile.find(folder: folder, variable: try encryptionKey())
        if key == nil, let bytes = archive.key {
            key = try MasterKey(Secret(String(decoding: bytes, as: UTF8.self)), source: "the backup")
        }
        guard let key else {
            throw BackupArchive.Fault(
                description:
                    "the backup is sealed with master key \(archive.keyID), and there is none here: put it into \(MasterKeyFile.path(in: folder)) or ENCRYPTION_KEY"
            )
        }
        try StorageBackup.check(StorageFile.path(in: staging))
        try Vault.open(folder: staging, key: key).storage.close()
    }

    /// What a restore has put in place.
    private struct Placed {
        /// What was there and is kept under another name.
        var kept: [String]
        var hasLedger: Bool
    }

    /// Puts the checked store in place, and what must be there with it.
    private func put(_ archive: borrowing BackupArchive, from staging: String, in folder: String, writesConfig: Bool) throws -> Placed {
        // Nobody may start a gateway on the folder meanwhile.
        let lock = try DataFolder(folder)
        defer { withExtendedLifetime(lock) {} }
        // All that needs room on the disk comes before anything that is there is touched.
        let hasLedger = try !has("without-ledger") && layOutLedger(archive, in: staging)
        if try MasterKeyFile.find(folder: folder, variable: try encryptionKey()) == nil, let bytes = archive.key {
            let key = try MasterKey(Secret(String(decoding: bytes, as: UTF8.self)), source: "the backup")
            try MasterKeyFile.write(key, to: MasterKeyFile.path(in: folder))
        }
        var kept: [String] = []
        if access(StorageFile.path(in: folder), F_OK) == 0 { kept.append(StorageFile.path(in: folder) + ".replaced") }
        try StorageBackup.restore(StorageFile.path(in: staging), folder: folder)
        if hasLedger, let aside = try LedgerCopy.put(Invocation.stagedLedger(staging), in: folder) { kept.append(aside) }
        if writesConfig, let bytes = archive.config, let failure = FileBytes.replace(configPath, with: bytes, mode: 0o600) { throw failure }
        return Placed(kept: kept, hasLedger: hasLedger)
    }

    /// Writes the ledger of the backup out beside the store; false when it holds none.
    private func layOutLedger(_ archive: borrowing BackupArchive, in staging: String) throws -> Bool {
        let parts = archive.ledgerParts
        if parts.isEmpty { return false }
        terminal.progress("laying out the ledger")
        defer { terminal.progress(nil) }
        let ledger = Invocation.stagedLedger(staging)
        try LedgerCopy.makeFolders(ledger)
        for part in parts {
            guard let place = LedgerCopy.place(of: part, in: ledger) else {
                throw BackupArchive.Fault(description: "\(ConfigFault.printable(part, limit: 60)) in the archive is no part of a ledger")
            }
            try archive.extract(BackupFormat.ledgerPrefix + part, to: place)
        }
        return true
    }

    private func tellRestored(_ archive: borrowing BackupArchive, _ placed: Placed, _ folder: String, wroteConfig: Bool) {
        if wantsJSON {
            return printJSON([
                "restored": .bool(!has("check")), "created": .string(archive.created), "key_id": .string(archive.keyID),
                "data": .string(folder), "kept": placed.kept.first.map { .string($0) } ?? .null,
                "kept_ledger": placed.kept.first { $0.hasSuffix("/ledger.replaced") }.map { .string($0) } ?? .null,
                "with_ledger": .bool(placed.hasLedger), "wrote_configuration": .bool(wroteConfig),
            ])
        }
        let what = placed.hasLedger ? "the store and the ledger" : "the store"
        terminal.out(
            has("check")
                ? paint(.good, "sound") + ": the backup of \(FieldText.moment(archive.created)) with \(what), and the key here opens it"
                : paint(.good, "restored") + ": \(what) of \(FieldText.moment(archive.created)) into \(folder)")
        for path in placed.kept { terminal.out("what was there is \(path) now") }
        if wroteConfig { terminal.out("wrote \(configPath)") }
    }

    private static func stagedLedger(_ staging: String) -> String { "\(staging)/ledger" }

    private static func removeStaging(_ folder: String) {
        for suffix in ["", "-wal", "-shm"] { unlink(StorageFile.path(in: folder) + suffix) }
        LedgerCopy.removeLedger(stagedLedger(folder))
        rmdir(folder)
    }
}

extension FileBytes.Failure: CustomStringConvertible {
    var description: String { sentence }
}
