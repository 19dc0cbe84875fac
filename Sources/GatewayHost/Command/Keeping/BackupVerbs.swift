// `gateway backup` and `gateway restore`: the store and the configuration as one file, and back.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let backup = Verb(
        name: "backup", section: .keeping, summary: "Writes the store and the configuration into one file.",
        details: """
            A tar archive with the store as of one moment, also while a gateway serves, and gateway.yaml as it is written.
            Secrets in it stay sealed: it is worth nothing without the master key, which is not in it unless --with-key is given. Keep
            a copy of the key apart from the backups. Not in it: .env, logs, files that the configuration refers to.
            """,
        operands: [Operand(name: "FILE", offers: .files)],
        flags: [
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
            beside the new one. The configuration of the backup is written only where there is none.
            """,
        operands: [Operand(name: "FILE", offers: .files)],
        flags: [
            Flag(name: "force", help: "also where there is a store, which is kept under another name"),
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
        guard access(StorageFile.path(in: config.data), F_OK) == 0 else {
            return fail("there is no store in \(config.data) yet. \"gateway setup\" or the first start makes it.")
        }
        let copy = "\(config.data)/backup.\(getpid()).db"
        defer { unlink(copy) }
        terminal.progress("copying the store")
        defer { terminal.progress(nil) }
        do {
            let (storage, vault) = try GatewayStore.open(config)
            defer { storage.close() }
            try storage.backup(to: copy)
            var key: [UInt8]?
            if has("with-key") {
                key = Array((try MasterKeyFile.find(folder: config.data, variable: encryptionKey())?.reveal().reveal() ?? "").utf8)
            }
            let archive = BackupArchive(
                store: try FileBytes.read(copy, limit: Invocation.storeLimit).get(), config: config.source, key: key, keyID: vault.keyID,
                created: Moment.text(gwl_wall_ns()))
            terminal.progress("writing \(file)")
            let bytes = archive.bytes(seconds: Int(gwl_wall_ns() / 1_000_000_000))
            if let failure = FileBytes.replace(file, with: bytes, mode: 0o600) { return fail(failure.sentence) }
            terminal.progress(nil)
            tellBackup(file, bytes.count, vault.keyID)
            return .done
        } catch let failure as FileBytes.Failure {
            return fail(failure.sentence)
        } catch {
            return fail("\(error)")
        }
    }

    /// A store is read into memory: 100,000 keys are some 100 MB.
    private static let storeLimit = 4 << 30

    private func tellBackup(_ file: String, _ count: Int, _ keyID: String) {
        if wantsJSON {
            return printJSON([
                "file": .string(file), "bytes": .int(Int64(count)), "key_id": .string(keyID), "with_key": .bool(has("with-key")),
            ])
        }
        terminal.out(paint(.good, "written") + ": \(file), \(Spoken.size(UInt64(count)))")
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
            let archive = try BackupArchive(try FileBytes.read(file, limit: Invocation.storeLimit).get())
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
                tellRestored(archive, kept: nil, folder, wroteConfig: false)
                return .done
            }
            let hadStore = access(StorageFile.path(in: folder), F_OK) == 0
            try put(archive, from: staging, in: folder, writesConfig: !hasConfig)
            let kept = hadStore ? StorageFile.path(in: folder) + ".replaced" : nil
            tellRestored(archive, kept: kept, folder, wroteConfig: !hasConfig)
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
    private func check(_ archive: BackupArchive, in staging: String, beside folder: String) throws {
        try DataFolder.make(staging)
        if let failure = FileBytes.replace(StorageFile.path(in: staging), with: archive.store, mode: 0o600) { throw failure }
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

    /// Puts the checked store in place, and what must be there with it.
    private func put(_ archive: BackupArchive, from staging: String, in folder: String, writesConfig: Bool) throws {
        // Nobody may start a gateway on the folder meanwhile.
        let lock = try DataFolder(folder)
        defer { withExtendedLifetime(lock) {} }
        if try MasterKeyFile.find(folder: folder, variable: try encryptionKey()) == nil, let bytes = archive.key {
            let key = try MasterKey(Secret(String(decoding: bytes, as: UTF8.self)), source: "the backup")
            try MasterKeyFile.write(key, to: MasterKeyFile.path(in: folder))
        }
        try StorageBackup.restore(StorageFile.path(in: staging), folder: folder)
        if writesConfig, let bytes = archive.config, let failure = FileBytes.replace(configPath, with: bytes, mode: 0o600) { throw failure }
    }

    private func tellRestored(_ archive: BackupArchive, kept: String?, _ folder: String, wroteConfig: Bool) {
        if wantsJSON {
            return printJSON([
                "restored": .bool(!has("check")), "created": .string(archive.created), "key_id": .string(archive.keyID),
                "data": .string(folder), "kept": kept.map { .string($0) } ?? .null, "wrote_configuration": .bool(wroteConfig),
            ])
        }
        terminal.out(
            has("check")
                ? paint(.good, "sound") + ": the backup of \(FieldText.moment(archive.created)), and the key here opens it"
                : paint(.good, "restored") + ": the store of \(FieldText.moment(archive.created)) into \(folder)")
        if let kept { terminal.out("the store that was there is \(kept) now") }
        if wroteConfig { terminal.out("wrote \(configPath)") }
    }

    private static func removeStaging(_ folder: String) {
        for suffix in ["", "-wal", "-shm"] { unlink(StorageFile.path(in: folder) + suffix) }
        rmdir(folder)
    }
}

extension FileBytes.Failure: CustomStringConvertible {
    var description: String { sentence }
}
