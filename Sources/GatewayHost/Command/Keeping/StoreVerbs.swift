// `gateway store migrate`: moves records from the data folder to a Redis, or back. `gateway store accept`: takes the store that is
// in Redis now for the one that this node knows.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let storeMigrate = Verb(
        name: "store migrate", section: .keeping, summary: "Moves records from the data folder to Redis, or back.",
        details: """
            --from and --to are "local" or the URL of a Redis. Everything goes along: keys, accounts, users, the audit trail, revisions;
            secrets stay sealed with the same master key. Every record is compared afterwards. Stop the gateways first. The source stays
            as it is; interrupted, the same command goes on. Set store in the configuration to the new place when it is done.
            """,
        flags: [
            Flag(name: "from", value: "PLACE", help: "local, or redis://host:port/database"),
            Flag(name: "to", value: "PLACE", help: "the same"),
            Flag(name: "overwrite", help: "empty the target first"),
            Flag(name: "dry-run", help: "only say what would be moved"),
            .config, .json,
        ]
    ) { invocation in
        guard let config = invocation.loadSharedConfig() else { return .invalid }
        return invocation.migrateStore(config)
    }
}

extension Verb {
    static let storeAccept = Verb(
        name: "store accept", section: .keeping, summary: "Goes on with the store that is in Redis now, or founds one there.",
        details: """
            A node that has served from a store in Redis does not start when Redis holds another one, or none: it would have forgotten
            keys and accounts. This says that it shall, with what is there. Run it at each node; nothing in Redis is changed by it. To
            have the old records again, restore Redis from its copy, or a backup with gateway restore.
            """,
        flags: [.config, .json]
    ) { invocation in
        guard let config = invocation.loadSharedConfig() else { return .invalid }
        return invocation.acceptStore(config)
    }
}

extension Invocation {
    fileprivate func acceptStore(_ config: GatewayConfig) -> ExitCode {
        guard case .redis(let target) = StorePlace(config) else {
            return fail("store is local in \(configPath); there is nothing to accept.", .usage)
        }
        do {
            let known = StoreMark.readable(in: config.data)
            let found = try RedisStoreFile.identity(target)
            // Taken for known at the next start, which founds one where there is none.
            if found != known || known == nil { StoreMark.forget(in: config.data) }
            if wantsJSON {
                printJSON(["known": known.map { .string($0) } ?? .null, "found": found.map { .string($0) } ?? .null])
            } else if let found {
                terminal.out(paint(.good, "accepted") + ": the store \(found) at \(StorePlace(config))")
            } else {
                terminal.out(
                    paint(.good, "accepted") + ": the next start founds a new store at \(StorePlace(config)), without any key or account")
            }
            return .done
        } catch {
            return fail("\(error)")
        }
    }

    fileprivate func migrateStore(_ config: GatewayConfig) -> ExitCode {
        guard let from = self["from"], let to = self["to"] else {
            return fail("--from and --to say where records are and where they go.", .usage)
        }
        guard let source = place(from, config), let target = place(to, config) else {
            return fail("a place is \"local\", or the URL of a Redis like redis://127.0.0.1:6379/0.", .usage)
        }
        guard source != target else { return fail("--from and --to are the same place.", .usage) }
        do {
            try DataFolder.make(config.data)
            guard try source.exists() else { return fail("there is no store at \(source).", .absent) }
            // No gateway may serve from the folder meanwhile; those at a Redis cannot be seen from here.
            let lock = try has("dry-run") ? nil : DataFolder(config.data)
            defer { withExtendedLifetime(lock) {} }
            return try move(source, target, config.data)
        } catch {
            terminal.progress(nil)
            return fail("\(error)")
        }
    }

    private func place(_ text: String, _ config: GatewayConfig) -> StorePlace? {
        if text == "local" { return .folder(config.data) }
        guard case .success(let address) = RedisAddress.parse(text) else { return nil }
        var target = RedisTarget(address, prefix: config.redis.prefix)
        if address.password == nil { target.address.password = config.redis.password }
        target.limits.answerMilliseconds = 30_000
        return .redis(target)
    }

    private func move(_ source: StorePlace, _ target: StorePlace, _ data: String) throws -> ExitCode {
        let from = try source.end()
        let state = try from.state()
        if has("dry-run") {
            let isThere = try target.exists()
            if wantsJSON {
                printJSON(["records": .int(Int64(state.records)), "audit": .int(Int64(state.entries)), "target_exists": .bool(isThere)])
            } else {
                terminal.out("\(state.records) records and \(state.entries) audit entries would go from \(source) to \(target)")
                if isThere { terminal.out("There is a store at \(target) already; it must be empty, or --overwrite empties it.") }
            }
            return .done
        }
        if has("overwrite") { try target.clear() }
        var move = StoreMove(source: from, target: try target.end())
        if let refusal = try move.refusal() { return fail(refusal) }
        let terminal = terminal
        move.progress = { terminal.progress("moved \($0) of \(state.records) records, \($1) of \(state.entries) audit entries") }
        let done = try move.run()
        terminal.progress(nil)
        try StoreMark.keep(target, in: data)
        if wantsJSON {
            printJSON(["records": .int(Int64(done.records)), "audit": .int(Int64(done.entries)), "revision": .int(done.revision)])
        } else {
            terminal.out(paint(.good, "moved") + ": \(done.records) records and \(done.entries) audit entries, compared one by one")
            terminal.out("Set store to the new place in \(configPath), give every node the same master key, and start.")
        }
        return .done
    }
}
