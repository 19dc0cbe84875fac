// `gateway export` and `gateway import`: records as JSON lines.
//
// Both work on the store itself, because an id and what only an owner sets (a key's hash) must stay as they are, and the admin interface
// would give new ones. Kind: the main thread's.

import CLinux

extension Verb {
    static let export = Verb(
        name: "export", section: .keeping, summary: "Prints the records of the store as JSON lines.",
        details: """
            Without secrets, or with --with-secrets sealed under a passphrase. What stands in the configuration file is not in it. Hashes of
            client keys belong to the store that made them: imported into another store, keys keep everything but must be rotated. To
            move a whole gateway, use backup and restore.
            """,
        operands: [Operand(name: "FILE", isOptional: true, offers: .files)],
        flags: [
            Flag(name: "only", value: "NAME", help: "only records of this resource", isRepeatable: true),
            Flag(name: "with-secrets", help: "secrets too, sealed under the passphrase"),
            .passphrase, Flag(name: "force", help: "replace FILE if it exists"), .config,
        ]
    ) { invocation in
        if invocation.has("with-secrets") != invocation.has("passphrase-file") {
            return invocation.fail("--with-secrets and --passphrase-file belong together.", .usage)
        }
        return invocation.withAdministration { invocation.export($0.resources) }
    }

    static let importRecords = Verb(
        name: "import", section: .keeping, summary: "Takes over records that \"gateway export\" wrote.",
        details: """
            Every record is held against the schema of its resource first; one fault refuses the whole before anything is written. Records whose id is
            there already are left as they are, unless --replace is given. Records that name others come after them.
            """,
        operands: [Operand(name: "FILE", offers: .files)],
        flags: [
            Flag(name: "replace", help: "replace records whose id is there"),
            Flag(name: "check", help: "only say whether all could be taken over"),
            .passphrase, .config, .json,
        ]
    ) { invocation in
        invocation.withAdministration { invocation.importRecords($0.resources) }
    }
}

extension Verb.Flag {
    fileprivate static let passphrase = Verb.Flag(
        name: "passphrase-file", value: "FILE", help: "the passphrase, of at least 12 characters; \"-\" reads standard input",
        offers: .files)
}

extension Invocation {
    /// nil when none is given.
    fileprivate func passphrase() throws(ExportFormat.Fault) -> Secret? {
        guard let file = self["passphrase-file"] else { return nil }
        var bytes: [UInt8]
        if file == "-" {
            bytes = terminal.readInput() ?? []
        } else {
            switch FileBytes.read(file, limit: 4096) {
            case .success(let read): bytes = read
            case .failure(let failure): throw ExportFormat.Fault(description: failure.sentence)
            }
        }
        while let last = bytes.last, last == 0x0a || last == 0x0d { bytes.removeLast() }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.count >= ExportFormat.passphraseMinimum else {
            throw ExportFormat.Fault(
                description: "the passphrase has \(text.count) characters; take at least \(ExportFormat.passphraseMinimum)")
        }
        return Secret(text)
    }

    fileprivate func export(_ resources: [ResourceDeclaration]) -> ExitCode {
        let file = arguments.operands.first
        if let file, !has("force"), access(file, F_OK) == 0 { return fail("\(file) exists. Name another, or add --force.", .usage) }
        let wanted = arguments.flags["only"] ?? resources.map(\.name)
        for name in wanted where !resources.contains(where: { $0.name == name }) {
            return fail("\(CommandLineParser.unknown(name, name, resources.map(\.name), "gateway help", kind: "resource"))", .usage)
        }
        guard let config = loadSharedConfig() else { return .invalid }
        do {
            let format = ExportFormat(passphrase: try passphrase())
            let (storage, vault) = try GatewayStore.open(config)
            defer { storage.close() }
            var lines = [format.header(created: Moment.text(gwl_wall_ns()))]
            for resource in resources where wanted.contains(resource.name) {
                try Exporter(storage: storage, vault: vault, format: format).each(of: resource) { record in
                    lines.append(format.line(record))
                    if lines.count % 1000 == 0 { terminal.progress("\(lines.count) records") }
                }
            }
            terminal.progress(nil)
            lines.append(ExportFormat.end(records: lines.count - 1))
            guard let file else {
                lines.forEach(terminal.out)
                return .done
            }
            let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
            if let failure = FileBytes.replace(file, with: bytes, mode: 0o600) { return fail(failure.sentence) }
            terminal.out(paint(.good, "written") + ": \(file), \(lines.count - 2) records")
            return .done
        } catch {
            return fail("\(error)")
        }
    }

    fileprivate func importRecords(_ resources: [ResourceDeclaration]) -> ExitCode {
        guard let config = loadSharedConfig() else { return .invalid }
        let file = arguments.operands[0]
        do {
            guard var reader = LineReader(file) else { return fail("\(file) cannot be read: \(SystemError.text(of: gwl_errno()))") }
            var lines: [String] = []
            reader.read { lines.append($0) }
            guard let header = lines.first else { return fail("\(file) is empty", .refused) }
            let format = try ExportFormat(header: header, passphrase: try passphrase())
            var importer = Importer(resources: resources, format: format)
            importer.read(lines)
            guard importer.faults.isEmpty else {
                importer.faults.forEach { terminal.problem("\(file):\($0)") }
                return fail("nothing has changed", .refused)
            }
            if has("check") {
                terminal.out("\(importer.records.count) records can be taken over")
                return .done
            }
            let (storage, vault) = try GatewayStore.open(config)
            defer { storage.close() }
            let outcome = importer.write(to: storage, vault, replaces: has("replace"), actor: "cli:\(UnixUser.name)") {
                terminal.progress("\($0) of \(importer.records.count) records")
            }
            terminal.progress(nil)
            outcome.faults.forEach { terminal.problem("gateway: \($0)") }
            if wantsJSON {
                printJSON([
                    "written": .int(Int64(outcome.written)), "left": .int(Int64(outcome.left)), "failed": .int(Int64(outcome.faults.count)),
                ])
            } else {
                terminal.out(paint(.good, "taken over") + ": \(outcome.written) records; \(outcome.left) were there and were left")
            }
            return outcome.faults.isEmpty ? .done : .refused
        } catch let fault as ExportFormat.Fault {
            return fail("\(file): \(fault)", .refused)
        } catch {
            return fail("\(error)")
        }
    }
}
