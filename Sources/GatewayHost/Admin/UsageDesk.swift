// Usage for the admin interface: what `gateway usage` and `usage rows` show, read on a thread of its own.
//
// Kind: shared.

import CLinux

final class UsageDesk: Sendable {
    typealias Done = @Sendable (Result<[UInt8], ProblemDocument>) -> Void

    /// Groups of an answer, some 5 MB of JSON; the command line has no such limit.
    static let groupLimit = 10_000

    private let folders: LedgerFolders
    private let ledger: LedgerConfig
    private let target: RedisTarget?
    private let queue = WorkQueue("usage")

    init(_ config: GatewayConfig) {
        folders = LedgerFolders(data: config.data)
        ledger = config.ledger
        target = RedisTarget(config)
    }

    func close() { queue.close() }

    /// Sums: `by`, `since`, `until`, `node`.
    /// - Returns: false when too many wait; then `done` is not called.
    /// - Thread: any; `done` is called on the desk's.
    func sums(_ parameters: [String: String], _ done: @escaping Done) -> Bool {
        queue.submit { [self] in done(answering { try sums(parameters) }) }
    }

    /// Rows of this node, oldest first: `since`, `until`, `id`, `cursor`.
    func rows(_ parameters: [String: String], limit: Int, _ done: @escaping Done) -> Bool {
        queue.submit { [self] in done(answering { try rows(parameters, limit) }) }
    }

    private func sums(_ parameters: [String: String]) throws -> [UInt8] {
        let zone = try CalendarZone.named(ledger.zone)
        let dimensions = try UsageDimension.list(parameters["by"] ?? "").get()
        let days = try UsagePeriod.days(since: parameters["since"], until: parameters["until"], zone, now: now)
        let answer = try ClusterUsage(
            query: UsageQuery(dimensions: dimensions, days: days, groupLimit: Self.groupLimit),
            scope: ClusterUsage.Scope(parameters["node"] ?? "all"), folders: folders.exists ? folders : nil, zone: zone, target: target,
            nodeName: ledger.node
        ).run()
        let object: JSONValue = [
            "data": UsageJSON.lines(answer.lines, dimensions), "nodes": .array(answer.nodes.map { .string($0) }),
            "notes": .array(answer.notes.map { .string($0) }),
        ]
        return object.compact
    }

    private func rows(_ parameters: [String: String], _ limit: Int) throws -> [UInt8] {
        let zone = try CalendarZone.named(ledger.zone)
        var question = JournalReader.Question(
            times: try UsagePeriod.moments(since: parameters["since"], until: parameters["until"], zone, now: now))
        if let text = parameters["id"] {
            guard let id = RowID(text) else { throw ProblemDocument(400, "id is none of a request; it looks like gw_00000000000000000001") }
            question.id = id
        }
        var cursor: RowPage.Cursor?
        if let text = parameters["cursor"] {
            cursor = RowPage.Cursor(text)
            if cursor == nil { throw ProblemDocument(400, "the cursor is not one that a page of this list ended with") }
        }
        return try RowPage(folders.journal, question, after: cursor, limit: limit).document
    }

    private var now: Int64 { Int64(gwl_wall_ns() / 1_000_000_000) }

    private func answering(_ body: () throws -> [UInt8]) -> Result<[UInt8], ProblemDocument> {
        do {
            return .success(try body())
        } catch let problem as ProblemDocument {
            return .failure(problem)
        } catch let fault as UsagePeriod.Fault {
            return .failure(ProblemDocument(400, "\(fault.name) \(fault.words)"))
        } catch let fault as LedgerFault where fault.isOfQuestion {
            return .failure(ProblemDocument(400, fault.description))
        } catch {
            log.error("usage cannot be read for the admin interface", .field("reason", "\(error)"))
            return .failure(
                ProblemDocument.unavailable("usage cannot be read now; the gateway's log says why. node=this asks no other node"))
        }
    }
}
