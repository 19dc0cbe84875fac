// `gateway rotate-master-key`: everything sealed is sealed anew under another key, while others serve.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let rotateMasterKey = Verb(
        name: "rotate-master-key", section: .keeping, summary: "Seals every secret of the store under a new master key.",
        details: """
            Works while a gateway serves, which goes over to the new key by itself. Interrupted, it is taken up again by running it
            again; the store opens with the old key until all is done. With ENCRYPTION_KEY set, the new key comes from
            --new-key-file, and ENCRYPTION_KEY must be set to it before the next start. Old backups need the old key: keep it as long as them.
            """,
        flags: [
            Flag(
                name: "new-key-file", value: "FILE",
                help: "the new key, where ENCRYPTION_KEY holds the old one; \"-\" reads standard input", offers: .files),
            .config, .json,
        ]
    ) { invocation in
        guard let config = invocation.loadSharedConfig() else { return .invalid }
        return invocation.rotateMasterKey(config)
    }
}

extension Invocation {
    fileprivate func rotateMasterKey(_ config: GatewayConfig) -> ExitCode {
        do {
            let isFromEnvironment = try Environment.current()[MasterKeyFile.variable].map { !$0.isEmpty } ?? false
            guard isFromEnvironment == has("new-key-file") else {
                return fail(
                    isFromEnvironment
                        ? "the master key comes from ENCRYPTION_KEY, so the new one must come from --new-key-file FILE (openssl rand -hex 32 makes one)."
                        : "the master key is a file, for which a new one is made. Leave out --new-key-file.",
                    .usage)
            }
            guard try StorePlace(config).exists() else {
                return fail("there is no store in \(StorePlace(config)) yet, so nothing is sealed.")
            }
            let (storage, vault) = try GatewayStore.open(config)
            defer { storage.close() }
            let old = vault.keyID
            var rotation = VaultRotation(storage: storage, vault: vault)
            let terminal = terminal
            rotation.progress = { terminal.progress("sealed \($0) records anew") }
            terminal.progress("handing over to the new key")
            defer { terminal.progress(nil) }
            let report: VaultRotation.Report
            if isFromEnvironment {
                report = try rotation.rotate(to: try newKey())
            } else {
                report = try rotation.rotateFile(in: config.data)
            }
            terminal.progress(nil)
            tell(report, old, vault.keyID, isFromEnvironment)
            return report.unreadable == 0 ? .done : .failed
        } catch {
            return fail("\(error)")
        }
    }

    private func newKey() throws -> MasterKey {
        let file = self["new-key-file"] ?? ""
        let bytes = try file == "-" ? terminal.readInput() ?? [] : FileBytes.read(file, limit: 4096).get()
        return try MasterKey(Secret(String(decoding: bytes, as: UTF8.self)), source: file == "-" ? "standard input" : file)
    }

    private func tell(_ report: VaultRotation.Report, _ old: String, _ new: String, _ isFromEnvironment: Bool) {
        if wantsJSON {
            printJSON([
                "old_key_id": .string(old), "new_key_id": .string(new), "resealed": .int(Int64(report.resealed)),
                "unreadable": .int(Int64(report.unreadable)),
            ])
        } else {
            terminal.out(paint(.good, "rotated") + ": from key \(old) to \(new), \(report.resealed) records sealed anew")
            if isFromEnvironment {
                terminal.out("Set ENCRYPTION_KEY to the new key before the next start; until then both open the store.")
            }
        }
        if report.unreadable > 0 {
            terminal.problem("gateway: \(report.unreadable) values could not be opened and were left as they are; set them again")
        }
    }
}
