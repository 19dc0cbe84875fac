// The ledgers of all nodes in their Redis: what one node tells, and what everybody reads.
//
// Kind: confined to the thread that made it; blocks, for `ledger-ship`, `ledger-sums` and the command line. Never for a loop.

import CLinux

final class SharedLedger {
    /// What Redis knows of a node.
    struct Node: Sendable, Equatable {
        var id: String
        var name: String
        var zone: String
        /// What readers use; "": it was not whole yet.
        var epoch: String
        /// How far each epoch is told.
        var marks: [String: Int64]
        /// Requests in its sums when they were whole.
        var rows: Int64
        /// When it told something last, in milliseconds since 1970 by Redis's clock.
        var seen: Int64

        /// Sums may be missing: the first telling is under way.
        var isWhole: Bool { !epoch.isEmpty }
        /// The epoch to read: the whole one, or what there is.
        var readable: String? { isWhole ? epoch : marks.max { $0.value < $1.value }?.key }
    }

    /// Hours in Redis go so long after their day; days stay for ever.
    static let hoursKeptDays: Int64 = 92

    let target: RedisTarget
    private let session: RedisSession
    private let base: String

    init(_ target: RedisTarget) {
        self.target = target
        session = RedisSession(target)
        base = "\(target.prefix):{ledger}:"
    }

    private func head(_ id: String) -> [UInt8] { Array("\(base)node:\(id)".utf8) }

    // MARK: Telling

    /// Tells, or with `ShipCursor.unknownMark` asks for the mark, and says by that which epoch will be told.
    /// - Parameter from: the mark that it follows, as ShipCursor writes it.
    /// - Throws: a sentence; whether it was done is not known then.
    func tell(
        _ changes: RollupStore.Changes, from: String, as node: NodeIdentity
    ) throws(LedgerFault) -> ShipCursor.Answer {
        var words = [Array("EVAL".utf8), SharedLedgerScript.tell, Array("1".utf8), head(node.id)]
        let first = [
            base, node.id, node.holder, changes.epoch, from, ShipCursor.text(changes.to), changes.isLast ? "1" : "0", "\(changes.rows)",
            node.name, changes.zone,
        ]
        words += first.map { Array($0.utf8) }
        Self.add(changes.days, hours: false, to: &words)
        Self.add(changes.hours, hours: true, to: &words)
        let answer = try ask(words)
        let parts = answer.array ?? []
        let detail = parts.count == 2 ? parts[1].string ?? "" : ""
        switch parts.first?.string {
        case "ok": return .told
        case "mark": return .stands(Int64(detail))
        case "held": return .held(detail)
        case "other": return .other
        default: throw fault("gave an answer that is none")
        }
    }

    private static func add(_ lines: [RollupStore.Changes.Line], hours: Bool, to words: inout [[UInt8]]) {
        let days = Dictionary(grouping: lines) { $0.group.day.number }
        words.append(Array("\(days.count)".utf8))
        for (day, lines) in days {
            let expires = hours ? (day + hoursKeptDays + 1) * 86_400 : 0
            for number in [day, expires, Int64(lines.count)] { words.append(Array("\(number)".utf8)) }
            for line in lines {
                words.append(SharedSums.who(line.group, hour: hours))
                words.append(SharedSums.text(line.sums))
            }
        }
    }

    /// Removes what was told in epochs that nobody reads any more. Whatever is left over is removed the next time.
    func dropEpochs(of node: NodeIdentity, but kept: String) throws(LedgerFault) {
        guard let found = try self.node(node.id), found.epoch == kept else { return }
        for epoch in found.marks.keys where epoch != kept {
            let words = [Array("EVAL".utf8), SharedLedgerScript.drop, Array("1".utf8), head(node.id)]
            // Ends: each call removes days, and nobody adds to an epoch that has ended.
            while try ask(words + [base, node.id, epoch].map { Array($0.utf8) }).number ?? 0 > 0 {}
        }
    }

    // MARK: Reading

    /// All nodes that ever told something, by id.
    func nodes() throws(LedgerFault) -> [Node] {
        let ids = try ask([Array("SMEMBERS".utf8), Array("\(base)nodes".utf8)]).array?.compactMap(\.string) ?? []
        var nodes: [Node] = []
        for id in ids.sorted() { if let node = try node(id) { nodes.append(node) } }
        return nodes
    }

    func node(_ id: String) throws(LedgerFault) -> Node? {
        let words = try ask([Array("HGETALL".utf8), head(id)]).array?.map { $0.string ?? "" } ?? []
        guard !words.isEmpty else { return nil }
        var fields: [String: String] = [:]
        for place in stride(from: 0, to: words.count - 1, by: 2) { fields[words[place]] = words[place + 1] }
        var marks: [String: Int64] = [:]
        for (name, value) in fields where name.hasPrefix("mark:") { marks[String(name.dropFirst(5))] = Int64(value) ?? -1 }
        return Node(
            id: id, name: fields["name"] ?? "", zone: fields["zone"] ?? "", epoch: fields["epoch"] ?? "", marks: marks,
            rows: fields["rows"].flatMap { Int64($0) } ?? 0, seen: fields["seen"].flatMap { Int64($0) } ?? 0)
    }

    /// Days of which a node told sums, ascending.
    func days(of node: Node) throws(LedgerFault) -> [Int64] {
        guard let epoch = node.readable else { return [] }
        let members = try ask([Array("SMEMBERS".utf8), Array("\(base)have:\(node.id):\(epoch)".utf8)]).array ?? []
        return members.compactMap(\.number).sorted()
    }

    /// Days or hours that are asked for in one go; each may have thousands of groups.
    private static let daysAtOnce = 8

    /// Shows every group of the days, as the node told it.
    func read(_ node: Node, days: [Int64], hours: Bool, _ body: (RollupBatch.Group, RollupSums) -> Void) throws(LedgerFault) {
        guard let epoch = node.readable else { return }
        for start in stride(from: 0, to: days.count, by: Self.daysAtOnce) {
            let some = days[start..<min(start + Self.daysAtOnce, days.count)]
            let answers = try ask(
                all: some.map { day in
                    [Array("HGETALL".utf8), Array("\(base)\(hours ? "hours" : "days"):\(node.id):\(epoch):\(day)".utf8)]
                })
            for (day, answer) in zip(some, answers) {
                let words = answer.array ?? []
                for place in stride(from: 0, to: words.count - 1, by: 2) {
                    guard let who = words[place].bytes, let text = words[place + 1].bytes,
                        let group = SharedSums.group(who, day: day, hour: hours), let sums = SharedSums.sums(text)
                    else { throw fault("holds sums of \(node.id) that no gateway wrote") }
                    body(group, sums)
                }
            }
        }
    }

    // MARK: Asking

    private func ask(_ words: [[UInt8]]) throws(LedgerFault) -> RedisValue { try ask(all: [words])[0] }

    private func ask(all commands: [[[UInt8]]]) throws(LedgerFault) -> [RedisValue] {
        let answers: [RedisValue]
        do throws(RedisFailure) { answers = try session.ask(all: commands) } catch { throw fault("cannot be asked: \(error.description)") }
        for answer in answers { if let words = answer.error { throw fault("refused: \(words)") } }
        return answers
    }

    private func fault(_ words: String) -> LedgerFault { LedgerFault(description: "the Redis \(target.address) \(words)") }
}
