// `gateway audit`: who did what, newest first.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let audit = Verb(
        name: "audit", section: .keeping, summary: "Shows who changed what, newest first.",
        details: """
            Every change made through the admin interface or the command line, logins, and actions. Values are never kept, only
            names of fields.
            """,
        flags: [
            Flag(name: "by", value: "ACTOR", help: "only this one's: user:admin, token:ci, cli:root"),
            Flag(name: "resource", value: "NAME", help: "only changes of these: keys, accounts"),
            Flag(name: "record", value: "ID", help: "only changes of this record"),
            Flag(name: "since", value: "WHEN", help: "from a time on: 7d ago, written 7d, or 2025-11-23T18:00:00Z"),
            Flag(name: "limit", short: "n", value: "N", help: "no more than these; 50 unless given"),
            Flag(name: "after", value: "CURSOR", help: "go on behind a page that ended with this next_cursor"),
            .config, .json,
        ]
    ) { invocation in
        guard let limit = invocation.count("limit", 1...100_000, unless: 50) else { return .usage }
        var query: [(String, String)] = []
        for (flag, name) in [("by", "actor"), ("resource", "resource"), ("record", "record")] {
            if let value = invocation[flag] { query.append((name, value)) }
        }
        if let text = invocation["since"] {
            guard let since = Moment.parse(text, now: gwl_wall_ns()) else {
                return invocation.fail(
                    "--since \(ConfigFault.printable(text, limit: 60)) is no time. Write 7d for seven days ago, or 2025-11-23T18:00:00Z.",
                    .usage)
            }
            query.append(("since", Moment.text(since)))
        }
        return invocation.withAdministration { $0.audit(query, limit, invocation) }
    }
}

extension Administration {
    fileprivate func audit(_ query: [(String, String)], _ limit: Int, _ invocation: Invocation) -> ExitCode {
        var entries: [JSONValue] = []
        var next = invocation["after"]
        do throws(AdministrationFault) {
            repeat {
                let page = query + [("limit", "\(min(500, limit - entries.count))")] + (next.map { [("cursor", $0)] } ?? [])
                let text = page.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
                let answer = try client.call("GET", "/admin/v1/audit?\(text)")
                guard answer.isDone, let data = answer.body?["data"]?.array else { return invocation.fail(answer) }
                entries += data
                next = answer.body?["next_cursor"]?.string
            } while next != nil && entries.count < limit
        } catch {
            return invocation.fail("\(error)")
        }
        if invocation.wantsJSON {
            invocation.printJSON(["data": .array(entries), "next_cursor": next.map { .string($0) } ?? .null])
            return .done
        }
        AuditTable.make(entries).lines(width: invocation.terminal.width, paint: invocation.paint).forEach(invocation.terminal.out)
        if let next { invocation.terminal.problem("there is more: --limit, or --after \(next)") }
        return .done
    }
}

enum AuditTable {
    static func make(_ entries: [JSONValue]) -> Table {
        var table = Table(
            columns: ["time", "who", "from", "what", "record", "fields", "outcome"].map { .init(title: $0) })
        table.columns[0].isWhole = true
        table.rows = entries.map { entry in
            func text(_ name: String) -> String { entry[name]?.string ?? "" }
            let outcome = text("outcome")
            let what = [text("resource"), text("action")].filter { !$0.isEmpty }.joined(separator: " ")
            let fields = entry["fields"]?.array?.compactMap(\.string).map { JSONPointer.tokens($0).joined(separator: ".") } ?? []
            return [
                Table.Cell(FieldText.moment(text("time")), .dim), Table.Cell(text("actor"), .name), Table.Cell(text("source"), .dim),
                Table.Cell(what), Table.Cell(text("record")), Table.Cell(fields.joined(separator: " ")),
                Table.Cell(outcome, outcome == "done" ? .good : .warning),
            ]
        }
        return table
    }
}
