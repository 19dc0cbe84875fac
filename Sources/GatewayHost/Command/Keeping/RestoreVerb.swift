// `gateway restore`: the store of a backup, checked and put in place, in the data folder or in the Redis that the configuration names.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let restore = Verb(
        name: "restore", section: .keeping, summary: "Puts the store of a backup in place, after checking all of it.",
        details: """
            Checks sums, version and soundness, and that the master key which is here (or in the archive) opens it, before anything
            changes. The store goes where store says: into the data folder, or into a Redis, from a backup of either. Refuses while a
            gateway runs; those at the same Redis stop first. Where there is a store already it takes --force, and keeps the old one
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
    fileprivate func restore(from file: String) -> ExitCode {
        do {
            terminal.progress("reading \(file)")
            let archive = try BackupArchive(file)
            terminal.progress(nil)
            let hasConfig = access(configPath, F_OK) == 0
            guard hasConfig || archive.config != nil else {
                return fail("there is no \(configPath), and the backup holds none. Name one with --config.", .invalid)
            }
            let config = try hasConfig ? ConfigLoader.keepingPlaces(of: configPath) : configuration(archive.config ?? [])
            let (folder, place) = (config.data, StorePlace(config))
            if !has("check") {
                if let running = RunningGateway(in: folder) {
                    return fail("process \(running.process) serves from \(folder). Stop it first: gateway stop.", .refused)
                }
                guard try has("force") || !place.exists() else {
                    return fail(
                        "there is a store at \(place). Add --force to put the backup in its place; the old one is kept in \(folder).",
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
                tellRestored(archive, Placed(kept: [], hasLedger: !archive.ledgerParts.isEmpty), place, folder, wroteConfig: false)
                return .done
            }
            let placed = try put(archive, from: staging, at: place, in: folder, writesConfig: !hasConfig)
            tellRestored(archive, placed, place, folder, wroteConfig: !hasConfig)
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

    /// A configuration that is not in place yet.
    private func configuration(_ config: [UInt8]) throws -> GatewayConfig {
        var environment = try Environment.current()
        if Demonstration.isWanted(by: config, environment) {
            environment = Environment(environment.values.merging([Demonstration.credential: Demonstration.placeholder]) { $1 })
        }
        return try ConfigLoader.read(config, file: configPath, environment: environment)
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
    private func put(
        _ archive: borrowing BackupArchive, from staging: String, at place: StorePlace, in folder: String, writesConfig: Bool
    ) throws -> Placed {
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
        switch place {
        case .folder:
            if access(StorageFile.path(in: folder), F_OK) == 0 { kept.append(StorageFile.path(in: folder) + ".replaced") }
            try StorageBackup.restore(StorageFile.path(in: staging), folder: folder)
        case .redis(let target):
            if let old = try putStore(staging, into: target, folder) { kept.append(old) }
        }
        if hasLedger, let aside = try LedgerCopy.put(Invocation.stagedLedger(staging), in: folder) { kept.append(aside) }
        if writesConfig, let bytes = archive.config, let failure = FileBytes.replace(configPath, with: bytes, mode: 0o600) { throw failure }
        return Placed(kept: kept, hasLedger: hasLedger)
    }

    /// Fills a Redis with the store of the backup. Only when all of it is there it gets the id by which gateways know theirs:
    /// until then one that runs goes on with what it has read, and then with what is there now.
    /// - Returns: the file with what was there.
    private func putStore(_ staging: String, into target: RedisTarget, _ folder: String) throws -> String? {
        let place = StorePlace.redis(target)
        var id = StoreMark.readable(in: folder)
        var old: String?
        // A move that was not finished has left part of a store, which is none.
        if try place.exists(), try RedisEnd(target).allMeta()[StoreMove.mark] == nil {
            id = try RedisStoreFile.identity(target)
            old = try setAside(target, folder)
        }
        try place.clear()
        let move = try StoreMove(source: SQLiteEnd(folder: staging), target: RedisEnd(target))
        if let refusal = try move.refusal() { throw BackupArchive.Fault(description: refusal) }
        terminal.progress("filling \(place)")
        defer { terminal.progress(nil) }
        _ = try move.run()
        if let id { try RedisStoreFile.identify(target, as: id) }
        try StoreMark.keep(place, in: folder)
        return old
    }

    /// A file with what a Redis holds.
    private func setAside(_ target: RedisTarget, _ folder: String) throws -> String {
        let (file, aside) = ("\(folder)/redis.replaced.db", "\(folder)/replaced.\(getpid())")
        defer { Invocation.removeStaging(aside) }
        try DataFolder.make(aside)
        try StoreCopy.make(of: target, in: aside)
        unlink(file)
        try StorageBackup.write(StorageFile.path(in: aside), to: file)
        return file
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

    private func tellRestored(
        _ archive: borrowing BackupArchive, _ placed: Placed, _ place: StorePlace, _ folder: String, wroteConfig: Bool
    ) {
        if wantsJSON {
            return printJSON([
                "restored": .bool(!has("check")), "created": .string(archive.created), "key_id": .string(archive.keyID),
                "data": .string(folder), "store": .string(place.description), "kept": placed.kept.first.map { .string($0) } ?? .null,
                "kept_ledger": placed.kept.first { $0.hasSuffix("/ledger.replaced") }.map { .string($0) } ?? .null,
                "with_ledger": .bool(placed.hasLedger), "wrote_configuration": .bool(wroteConfig),
            ])
        }
        let what = placed.hasLedger ? "the store and the ledger" : "the store"
        terminal.out(
            has("check")
                ? paint(.good, "sound") + ": the backup of \(FieldText.moment(archive.created)) with \(what), and the key here opens it"
                : paint(.good, "restored") + ": \(what) of \(FieldText.moment(archive.created)) into \(folder)"
                    + (place == .folder(folder) ? "" : " and \(place)"))
        for path in placed.kept { terminal.out("what was there is \(path) now") }
        if wroteConfig { terminal.out("wrote \(configPath)") }
    }

    private static func stagedLedger(_ staging: String) -> String { "\(staging)/ledger" }

    static func removeStaging(_ folder: String) {
        for suffix in ["", "-wal", "-shm"] { unlink(StorageFile.path(in: folder) + suffix) }
        LedgerCopy.removeLedger(stagedLedger(folder))
        rmdir(folder)
    }
}
