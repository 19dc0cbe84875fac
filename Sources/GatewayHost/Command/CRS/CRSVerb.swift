// `gateway import crs`: takes over keys, accounts with API keys, their proxies, and totals from a claude-relay-service.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let importCRS = Verb(
        name: "import crs", section: .keeping, summary: "Takes over keys and accounts from a claude-relay-service.",
        details: """
            Reads its Redis, and says what would be taken over and what not; --apply does it. Keys go on working: they are found by the hash
            that it kept. Accounts with an API key come with their proxies; what keys had used becomes an opening balance of the ledger, which
            counts for their limits and takes the gateway to be stopped (or --without-totals). OAuth accounts are authorized here
            again. One way: nothing is written there. Doing it again adds what is new, and changes nothing that is here.
            """,
        flags: [
            Flag(name: "redis", value: "URL", help: "its Redis: redis://:password@127.0.0.1:6379/0"),
            Flag(name: "encryption-key-file", value: "FILE", help: "its ENCRYPTION_KEY; \"-\" reads standard input", offers: .files),
            Flag(name: "apply", help: "take it over"),
            Flag(name: "without-totals", help: "leave out what keys had used"), .config, .json,
        ]
    ) { invocation in
        guard let text = invocation["redis"] else {
            return invocation.fail("--redis is missing: the URL of its Redis, as redis://:password@127.0.0.1:6379/0", .usage)
        }
        let address: RedisAddress
        switch RedisAddress.parse(text) {
        case .success(let read): address = read
        case .failure(let failure): return invocation.fail("--redis is no URL of a Redis. \(failure.advice)", .usage)
        }
        guard let key = invocation.crsEncryptionKey() else { return .usage }
        return invocation.withAdministration { invocation.importCRS(address, key, $0.resources) }
    }
}

extension Invocation {
    /// nil after a complaint.
    fileprivate func crsEncryptionKey() -> Secret? {
        guard let file = self["encryption-key-file"] else {
            _ = fail("--encryption-key-file is missing: a file with the ENCRYPTION_KEY of its .env, or - for standard input", .usage)
            return nil
        }
        var bytes: [UInt8]
        if file == "-" {
            bytes = terminal.readInput() ?? []
        } else {
            switch FileBytes.read(file, limit: 4096) {
            case .success(let read): bytes = read
            case .failure(let failure):
                _ = fail("--encryption-key-file: \(failure.sentence)", .usage)
                return nil
            }
        }
        while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
        // Its default wants 32 characters.
        guard bytes.count >= 16, let text = String(validating: bytes, as: UTF8.self) else {
            _ = fail("the ENCRYPTION_KEY is too short to be one", .usage)
            return nil
        }
        return Secret(text)
    }

    fileprivate func importCRS(_ address: RedisAddress, _ key: Secret, _ resources: [ResourceDeclaration]) -> ExitCode {
        guard let config = loadSharedConfig() else { return .invalid }
        do {
            terminal.progress("reading \(address.description)")
            let data = try CRSSource(address).read { terminal.progress("\($0) entries") }
            terminal.progress(nil)
            let plan = CRSPlan(data, encryptionKey: key, now: Int64(gwl_wall_ns()))
            var importer = Importer(resources: resources, format: ExportFormat(passphrase: nil))
            importer.take(plan.records)
            let balances = has("without-totals") ? [] : plan.balances
            guard has("apply") else {
                tell(plan, balances, importer.faults)
                return importer.faults.isEmpty ? .done : .refused
            }
            guard importer.faults.isEmpty else {
                importer.faults.forEach(terminal.problem)
                return fail("nothing has changed", .refused)
            }
            return try apply(plan, balances, importer, config)
        } catch let failure as RedisFailure {
            terminal.progress(nil)
            return fail("the Redis \(address.description) cannot be read: \(failure)")
        } catch {
            terminal.progress(nil)
            return fail("\(error)")
        }
    }

    private func apply(_ plan: CRSPlan, _ balances: [OpeningBalance], _ importer: Importer, _ config: GatewayConfig) throws -> ExitCode {
        if !balances.isEmpty, let running = RunningGateway(in: config.data) {
            return fail(
                "process \(running.process) serves from \(config.data), and opening balances are written while nobody does. Stop it first (gateway stop), or add --without-totals.",
                .refused)
        }
        let (storage, vault) = try GatewayStore.open(config)
        defer { storage.close() }
        let outcome = importer.write(to: storage, vault, replaces: false, actor: "cli:\(UnixUser.name)") {
            terminal.progress("\($0) of \(importer.records.count) records")
        }
        terminal.progress(nil)
        var written = 0
        if !balances.isEmpty {
            // Nobody may start a gateway on the folder meanwhile.
            let lock = try DataFolder(config.data)
            defer { withExtendedLifetime(lock) {} }
            written = try OpeningBalance.write(balances, to: LedgerFolders(data: config.data), now: Int64(gwl_wall_ns()))
        }
        outcome.faults.forEach { terminal.problem("gateway: \($0)") }
        if wantsJSON {
            printJSON([
                "written": .int(Int64(outcome.written)), "left": .int(Int64(outcome.left)), "failed": .int(Int64(outcome.faults.count)),
                "opening_balances": .int(Int64(written)), "notes": notes(plan),
            ])
        } else {
            terminal.out(
                paint(.good, "taken over")
                    + ": \(outcome.written) records, \(written) opening balances; \(outcome.left) were there and were left")
            tellNotes(plan)
        }
        return outcome.faults.isEmpty ? .done : .refused
    }

    private func tell(_ plan: CRSPlan, _ balances: [OpeningBalance], _ faults: [String]) {
        if wantsJSON {
            return printJSON([
                "applied": false, "keys": .int(Int64(plan.count("keys"))), "accounts": .int(Int64(plan.count("accounts"))),
                "proxies": .int(Int64(plan.count("proxies"))), "opening_balances": .int(Int64(balances.count)), "notes": notes(plan),
                "faults": .array(faults.map { .string($0) }),
            ])
        }
        terminal.out(
            "would take over \(plan.count("keys")) keys, \(plan.count("accounts")) accounts, \(plan.count("proxies")) proxies, "
                + "\(balances.count) opening balances")
        tellNotes(plan)
        faults.forEach(terminal.problem)
        terminal.problem("nothing has changed; --apply takes it over")
    }

    private func tellNotes(_ plan: CRSPlan) {
        for note in plan.notes { terminal.out("  \(DisplayWidth.printable(note.subject)): \(DisplayWidth.printable(note.sentence))") }
    }

    private func notes(_ plan: CRSPlan) -> JSONValue {
        .array(plan.notes.map { ["subject": .string($0.subject), "sentence": .string($0.sentence)] })
    }
}
