// `gateway usage`, `usage rows`, `usage tail` and `gateway reconcile`.
//
// They read the data folder themselves, so they work beside a running gateway and without one, and a long export costs
// the gateway nothing.
//
// Kind: the main thread's.

import CLinux

extension Verb.Flag {
    fileprivate static let since = Verb.Flag(
        name: "since", value: "DAY", help: "from this day on: 2026-11-01, or 30d for the last thirty days")
    fileprivate static let until = Verb.Flag(name: "until", value: "DAY", help: "up to this day, itself included")
    fileprivate static let node = Verb.Flag(
        name: "node", value: "NAME", help: "only this one of several nodes: its name or id, this, or all (what goes without saying)")
    fileprivate static let csv = Verb.Flag(name: "csv", help: "print CSV for spreadsheets")
}

extension Verb {
    static let usage = Verb(
        name: "usage", section: .looking, summary: "Shows what was used and what it cost.",
        details: """
            Sums of requests by day, hour, key, group, account, model or node, in the order of --by; one line for all without it. Days
            are those of ledger.zone, and of the last thirty unless --since says otherwise. FAILED counts interrupted ones too.
            A cost with "≥" has requests in it whose model has no price. Where store is a Redis, all nodes that share it are counted:
            this one to the last request, others as of some seconds ago.
            """,
        flags: [
            .config, .data,
            Flag(
                name: "by", value: "WORDS", help: "day,hour,key,group,account,model,node: any of them",
                offers: .words(UsageDimension.allCases.map(\.rawValue))),
            .since, .until, .node, .json, .csv,
        ]
    ) { invocation in invocation.showUsage() }

    static let usageRows = Verb(
        name: "usage rows", section: .looking, summary: "Prints the rows of requests, one a line, oldest first.",
        details: """
            --json prints one object a line with the members id, started, key, account, model, status, end (completed, interrupted,
            failed, refused), input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
            cost_nano_usd, upstream_request_id, attempts, why (this account; who refused; a plugin ended it). Without it the same as
            CSV. --since and --until also take a moment in UTC, as 2026-11-26T04:00:00Z. --details adds group, model_asked, duration_us,
            first_byte_us, stream, reported (the provider reported usage), unpriced, client_left, cut (and its upstream was not read to
            its end) and found_open (its gateway died).
            """,
        flags: [
            .config, .data, .since, .until, Flag(name: "id", value: "ID", help: "the row of this request"), .json, .csv,
            Flag(name: "details", help: "more members; with --json"),
        ]
    ) { invocation in invocation.printRows() }

    static let usageTail = Verb(
        name: "usage tail", section: .looking, summary: "Prints the rows of requests as they end.",
        details: "Goes on until it is interrupted. --json prints what `gateway usage rows --json` prints.",
        flags: [.config, .data, .json]
    ) { invocation in invocation.followRows() }

    static let reconcile = Verb(
        name: "reconcile", section: .looking, summary: "Compares the ledger with a provider's export.",
        details: """
            FILE is the Console's CSV export, with the columns usage_date_utc, model_version, usage_input_tokens_no_cache,
            usage_input_tokens_cache_write_5m, usage_input_tokens_cache_write_1h, usage_input_tokens_cache_read and usage_output_tokens,
            or an answer of the Admin API's usage report grouped by model, as JSON. Compared are days in UTC and models. A number
            behind a count is what the provider has more or less. Exits with 1 when the two differ.
            """,
        operands: [Operand(name: "FILE", offers: .files)], flags: [.config, .data, .json]
    ) { invocation in invocation.reconcile(invocation.arguments.operands[0]) }
}

extension Invocation {
    /// The ledger that is meant, or nil after a complaint.
    func ledger() -> LedgerFolders? {
        guard let data = dataFolder else {
            _ = loadConfig()
            return nil
        }
        let folders = LedgerFolders(data: data)
        guard folders.exists else {
            _ = fail("there is no ledger in \(data); a gateway that serves makes one")
            return nil
        }
        return folders
    }

    fileprivate func zone() -> CalendarZone? {
        do {
            return try CalendarZone.named(quietConfig()?.ledger.zone ?? "UTC")
        } catch {
            _ = fail(error.description)
            return nil
        }
    }

    fileprivate var now: Int64 { Int64(gwl_wall_ns() / 1_000_000_000) }

    /// What the function gives, or nil after a complaint.
    private func asked<Value>(_ body: () throws(UsagePeriod.Fault) -> Value) -> Value? {
        do throws(UsagePeriod.Fault) { return try body() } catch {
            _ = fail("--\(error.name) \(error.words)", .usage)
            return nil
        }
    }

    // MARK: Sums

    fileprivate func showUsage() -> ExitCode {
        guard let zone = zone(),
            let days = asked({ () throws(UsagePeriod.Fault) in
                try UsagePeriod.days(since: self["since"], until: self["until"], zone, now: now)
            }),
            let dimensions = asked({ () throws(UsagePeriod.Fault) in try UsageDimension.list(self["by"] ?? "").get() })
        else { return .usage }
        let scope = ClusterUsage.Scope(self["node"] ?? "all")
        let target = sharedLedger
        // Who only looks at others needs no ledger of its own.
        guard let ledger = target != nil && scope != .this ? ledgerIfAny : ledger() else { return .failed }
        do {
            let answer = try ClusterUsage(
                query: UsageQuery(dimensions: dimensions, days: days), scope: scope, folders: ledger.exists ? ledger : nil, zone: zone,
                target: target, nodeName: quietConfig()?.ledger.node
            ).run()
            let lines = answer.lines
            for note in answer.notes { terminal.problem(note) }
            if wantsJSON {
                printJSON(UsageJSON.lines(lines, dimensions))
            } else if has("csv") {
                for line in UsageReport.csv(lines, dimensions) { terminal.out(line) }
            } else if lines.isEmpty {
                terminal.problem("nothing was used from \(CivilDay(number: days.lowerBound)) to \(CivilDay(number: days.upperBound - 1))")
            } else {
                let table = UsageReport.table(lines, dimensions)
                for line in table.lines(width: terminal.width, paint: paint) { terminal.out(line) }
                let nodes = answer.nodes
                if nodes.count > 1 { terminal.out(paint(.dim, "of \(nodes.count) nodes: \(nodes.joined(separator: ", "))")) }
            }
            return .done
        } catch {
            let hint = target != nil && scope == .all ? ". --node this shows this node without it" : ""
            return fail("\(error)\(hint)")
        }
    }

    // MARK: Rows

    /// Rows are where they were written; who has other nodes should know whose these are.
    private func sayWhoseRows(_ ledger: LedgerFolders) {
        guard sharedLedger != nil, let node = NodeIdentity.find(ledger, name: quietConfig()?.ledger.node) else { return }
        terminal.problem("rows of this node, \(node.name) (\(node.id)); those of other nodes are there")
    }

    fileprivate func printRows() -> ExitCode {
        guard !has("details") || wantsJSON else { return fail("--details are members of --json; say that, too.", .usage) }
        guard let zone = zone(),
            let times = asked({ () throws(UsagePeriod.Fault) in
                try UsagePeriod.moments(since: self["since"], until: self["until"], zone, now: now)
            })
        else { return .usage }
        var question = JournalReader.Question(times: times)
        if let text = self["id"] {
            guard let id = RowID(text) else {
                return fail("\(ConfigFault.printable(text, limit: 60)) is no id. It looks like gw_00000000000000000001", .usage)
            }
            question.id = id
        }
        guard let ledger = ledger() else { return .failed }
        do {
            sayWhoseRows(ledger)
            var reader = try JournalReader(ledger.journal, question)
            var printer = RowPrinter(terminal, asJSON: wantsJSON, hasDetails: has("details"))
            var count = 0
            while let (_, bytes) = try reader.next() {
                guard let row = RowDecoder.sealed(bytes) else { continue }
                printer.print(row)
                count += 1
            }
            printer.flush()
            if reader.damagedBytes > 0 {
                terminal.problem("\(reader.damagedBytes) bytes of the ledger are damaged; the rows in them are missing here")
            }
            return question.id != nil && count == 0 ? .absent : .done
        } catch {
            return fail("\(error)")
        }
    }

    /// How often new rows are looked for.
    private static let followMilliseconds: Int32 = 200

    fileprivate func followRows() -> ExitCode {
        guard let ledger = ledger() else { return .failed }
        do {
            sayWhoseRows(ledger)
            var position = try JournalReader.end(of: ledger.journal)
            var printer = RowPrinter(terminal, asJSON: wantsJSON)
            // Without end: it is ended by a signal, or by the reader of its output going away.
            while true {
                var reader = try JournalReader(ledger.journal, JournalReader.Question(after: position))
                while let (_, bytes) = try reader.next() {
                    if let row = RowDecoder.sealed(bytes) { printer.print(row) }
                }
                position = reader.position
                printer.flush()
                poll(nil, 0, Self.followMilliseconds)
            }
        } catch {
            return fail("\(error)")
        }
    }

    // MARK: Against others

    fileprivate func reconcile(_ path: String) -> ExitCode {
        guard let ledger = ledger() else { return .failed }
        do {
            let bytes = try FileBytes.read(path, limit: 256 << 20).mapError { ProviderExport.Fault(description: $0.sentence) }.get()
            sayWhoseRows(ledger)
            let result = try Reconciliation(try ProviderExport(bytes), ledger.journal)
            if wantsJSON {
                printJSON(result.json)
            } else {
                for line in ReconciliationReport.table(result).lines(width: terminal.width, paint: paint) { terminal.out(line) }
            }
            let differing = result.lines.count { !$0.agrees }
            if result.withoutUsage > 0 {
                terminal.problem("\(result.withoutUsage) requests were interrupted before the provider said what they used")
            }
            terminal.problem(differing == 0 ? "the ledger and the export agree" : "\(differing) of \(result.lines.count) lines differ")
            return differing == 0 ? .done : .failed
        } catch let fault as ProviderExport.Fault {
            return fail("\(ConfigFault.printable(path, limit: 200)): \(fault)")
        } catch {
            return fail("\(error)")
        }
    }
}

/// Prints rows, many a call: a line each would be a system call each.
struct RowPrinter {
    private static let pieceBytes = 64 << 10

    private let terminal: Terminal
    private let asJSON: Bool
    private var json: RowJSON
    private var piece: [UInt8] = []

    init(_ terminal: Terminal, asJSON: Bool, hasDetails: Bool = false) {
        self.terminal = terminal
        self.asJSON = asJSON
        json = RowJSON(hasDetails: hasDetails)
        if !asJSON { piece += Array((RowJSON.members.joined(separator: ",") + "\n").utf8) }
    }

    mutating func print(_ row: SealedRow) {
        if asJSON { piece += json.line(row) } else { piece += Array(RowJSON.csv(row).utf8) }
        piece.append(0x0a)
        if piece.count >= Self.pieceBytes { flush() }
    }

    mutating func flush() {
        guard !piece.isEmpty else { return }
        // The terminal ends the last line itself.
        terminal.out(String(decoding: piece.dropLast(), as: UTF8.self))
        piece.removeAll(keepingCapacity: true)
    }
}

enum ReconciliationReport {
    /// Differences as provider minus ledger: what the provider counts that we do not.
    static func table(_ result: Reconciliation) -> Table {
        var table = Table(columns: [Table.Column(title: "day"), Table.Column(title: "model", isWhole: true)])
        table.columns += ProviderExport.Tokens.fields.map { Table.Column(title: $0.name, alignsRight: true, isWhole: true) }
        for line in result.lines {
            table.rows.append(
                [Table.Cell("\(line.place.day)"), Table.Cell(line.place.model)]
                    + ProviderExport.Tokens.fields.map { _, path, _ in
                        let ours = line.ledger[keyPath: path]
                        let difference = line.provider[keyPath: path] - ours
                        return difference == 0
                            ? Table.Cell("\(ours)") : Table.Cell("\(ours) \(difference > 0 ? "+" : "")\(difference)", .bad)
                    })
        }
        return table
    }
}
