// `gateway ledger verify` and `gateway ledger ship`.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let ledgerVerify = Verb(
        name: "ledger verify", section: .keeping, summary: "Adds up all rows again and compares the roll-ups with them.",
        details: """
            Every sum must be what the rows add up to, to the token and the nano-dollar. Works beside a running gateway: what is not
            folded yet is left out on both sides. Exits with 1 when something differs; stop the gateway and remove
            ledger/rollups.db from the data folder, and it is made anew from the rows. Where store is a Redis, what it has of this
            node is compared as well; `gateway ledger ship --again` mends that.
            """,
        flags: [.config, .data, .json]
    ) { invocation in invocation.verifyLedger() }

    static let ledgerShip = Verb(
        name: "ledger ship", section: .keeping, summary: "Tells the other nodes, by their Redis, what this one used.",
        details: """
            A gateway that serves does it each second; then this waits until everything as of now is there. Without one it does it itself,
            so that a node can be taken away whole. --again tells everything anew: what Redis has of this node is replaced when the
            new is whole. Telling something twice counts it once.
            """,
        flags: [
            Flag(name: "again", help: "everything anew, whatever Redis has"),
            Flag(name: "timeout", value: "DURATION", help: "how long to wait for a gateway that serves (60s)"), .config, .json,
        ]
    ) { invocation in
        guard let config = invocation.loadSharedConfig() else { return .invalid }
        return invocation.shipLedger(config)
    }
}

extension Invocation {
    /// The Redis of the configuration; nil: there are no other nodes.
    var sharedLedger: RedisTarget? {
        guard let config = quietConfig() else {
            if access(configPath, F_OK) == 0 {
                terminal.problem("\(configPath) cannot be used (\"gateway check\" says why), so this is this node's usage alone")
            }
            return nil
        }
        return RedisTarget(config)
    }

    /// The ledger of the data folder, which may not be there.
    var ledgerIfAny: LedgerFolders? {
        guard let data = dataFolder else { return ledger() }
        return LedgerFolders(data: data)
    }

    // MARK: Verify

    fileprivate func verifyLedger() -> ExitCode {
        guard let ledger = ledger() else { return .failed }
        guard ledger.hasRollups else { return fail("nothing was folded yet: there is no \(ledger.ledger)/\(RollupStore.name)") }
        do {
            let store = try RollupStore(ledger.ledger, isReader: true)
            let zone = try CalendarZone.named(try store.zone() ?? "UTC")
            let report = try LedgerVerify.run(ledger.journal, store, zone)
            let shared: SharedVerify.Report?
            var silence: String?
            do { shared = try verifyShared(store, ledger) } catch { (shared, silence) = (nil, "\(error)") }
            if wantsJSON {
                var object: JSONObject = [
                    "rows": .int(Int64(report.rows)), "rows_not_folded": .int(Int64(report.rowsNotFolded)),
                    "days": .int(Int64(report.days)), "groups": .int(Int64(report.groups)),
                    "differences": .int(Int64(report.disagreementCount)), "damaged_bytes": .int(Int64(report.damagedBytes)),
                ]
                if let shared {
                    object["shared_groups"] = .int(Int64(shared.compared))
                    object["shared_groups_not_told"] = .int(Int64(shared.notTold))
                    object["shared_differences"] = .int(Int64(shared.disagreementCount))
                }
                printJSON(.object(object))
            }
            for line in report.disagreements + (shared?.disagreements ?? []) { terminal.problem(line) }
            if report.damagedBytes > 0 { terminal.problem("\(report.damagedBytes) bytes between rows are damaged") }
            guard report.disagreementCount == 0 else {
                return fail("\(report.disagreementCount) sums are not what \(report.rows) rows add up to")
            }
            if let shared, shared.disagreementCount > 0 {
                return fail(
                    "\(shared.disagreementCount) sums in Redis are not those of this node; \"gateway ledger ship --again\" makes them anew")
            }
            if !wantsJSON {
                terminal.out("\(report.rows) rows of \(report.days) days add up to the \(report.groups) sums of the roll-ups")
                if report.rowsNotFolded > 0 {
                    terminal.out(
                        "\(report.rowsNotFolded) newer rows are not in the sums yet; a gateway that serves adds them within seconds")
                }
                if let shared { terminal.out(Self.sentence(shared)) }
            }
            if let silence { return fail("what other nodes were told could not be compared: \(silence)") }
            return .done
        } catch {
            return fail("\(error)")
        }
    }

    /// nil: there is no Redis to compare with.
    private func verifyShared(_ store: RollupStore, _ folders: LedgerFolders) throws -> SharedVerify.Report? {
        guard let target = sharedLedger, let node = NodeIdentity.find(folders, name: nil) else { return nil }
        return try SharedVerify.run(store, SharedLedger(target), node.id)
    }

    private static func sentence(_ report: SharedVerify.Report) -> String {
        if report.isUntold { return "nothing of this node is in Redis yet; a gateway that serves tells it within seconds" }
        let rest = report.notTold == 0 ? "" : "; \(report.notTold) groups of days changed since and will be told"
        return "Redis has the same \(report.compared) sums of this node\(rest)"
    }

    // MARK: Ship

    fileprivate func shipLedger(_ config: GatewayConfig) -> ExitCode {
        guard let target = RedisTarget(config) else { return fail("there are no other nodes, because store is local", .usage) }
        guard let patience = duration("timeout", unless: .seconds(60)) else { return .usage }
        let folders = LedgerFolders(data: config.data)
        guard folders.hasRollups else { return fail("there is no ledger in \(config.data); a gateway that serves makes one", .absent) }
        do {
            // Who has the lock serves, and tells.
            let lock = try? DataFolder(config.data)
            defer { withExtendedLifetime(lock) {} }
            // As a start and a stop do: what a dead gateway left is sealed and added up.
            if lock != nil { try Ledger(config.ledger, data: config.data).stop() }
            let node = try NodeIdentity.findOrMake(folders, name: config.ledger.node)
            let store = try RollupStore(folders.ledger)
            try store.prepareChanges()
            if has("again") { try store.beginEpoch() }
            if lock != nil { return shipped(try LedgerTelling(folders, node, target).tell(store), try store.rows(), node) }
            return try awaitShipping(store, SharedLedger(target), node, folders, patience)
        } catch {
            return fail("\(error)")
        }
    }

    private func awaitShipping(
        _ store: RollupStore, _ shared: SharedLedger, _ node: NodeIdentity, _ folders: LedgerFolders, _ patience: Duration
    ) throws -> ExitCode {
        terminal.progress("waiting until the gateway has told everything")
        defer { terminal.progress(nil) }
        let end = try JournalReader.end(of: folders.journal)
        var (isFolded, wanted, epoch, rows): (Bool, Int64, String, Int64) = (false, 0, "", 0)
        var failure: (any Error)?
        let isTold = Patience.wait(patience) {
            do {
                if !isFolded {
                    guard try store.position() >= end else { return false }
                    (isFolded, wanted, epoch, rows) = (true, try store.sequence(), try store.epoch(), try store.rows())
                }
                guard let told = try shared.node(node.id) else { return false }
                return told.epoch == epoch && told.marks[epoch] ?? -1 >= wanted
            } catch {
                failure = error
                return true
            }
        }
        if let failure { throw failure }
        guard isTold else {
            return fail(
                "not everything was told after \(Measure.text(patience)); the gateway's log and gateway_ledger_ship_failures_total say why")
        }
        return shipped(.whole, rows, node)
    }

    private func shipped(_ outcome: LedgerTelling.Outcome, _ rows: Int64, _ node: NodeIdentity) -> ExitCode {
        guard outcome == .whole else {
            return fail(
                "another gateway is \(node.id). If this data folder is a copy, remove ledger/node from it; it then is a node of its own, and what was used until now counts for both"
            )
        }
        if wantsJSON {
            printJSON(["node": .string(node.id), "rows": .int(rows)])
        } else {
            terminal.out("\(rows) rows of \(node.name) (\(node.id)) are in the sums that all nodes see")
        }
        return .done
    }
}
