// Usage of several nodes: this one's from its own ledger, to the last row; the others' from what they told their Redis,
// which is some seconds behind.
//
// Kind: value; blocks.

import CLinux

struct ClusterUsage {
    enum Scope: Equatable, Sendable {
        case all, this
        /// By id or name.
        case node(String)

        init(_ text: String) {
            switch text {
            case "all": self = .all
            case "this": self = .this
            default: self = .node(text)
            }
        }
    }

    struct Answer {
        var lines: [(group: UsageGroup, sums: RollupSums)] = []
        /// Whose sums these are.
        var nodes: [String] = []
        /// What people should know about them, a sentence each.
        var notes: [String] = []
    }

    /// One whose usage is asked for.
    struct Source {
        var name: String
        /// nil: this node, or the only one.
        var told: SharedLedger.Node?
    }

    var query: UsageQuery
    var scope: Scope
    /// Of the ledger here, if there is one.
    var folders: LedgerFolders?
    var zone: CalendarZone
    /// nil: there is no other node.
    var target: RedisTarget?
    /// As `ledger.node` of the configuration.
    var nodeName: String?

    /// - Throws: a sentence that says what cannot be read, or that there is no such node.
    func run() throws -> Answer {
        let own = folders.flatMap { NodeIdentity.find($0, name: nodeName) }
        guard let target, scope != .this else { return try alone(own) }
        let shared = SharedLedger(target)
        let nodes = try shared.nodes()
        var answer = Answer()
        if scope == .all { answer.notes += missing(nodes) }
        for source in try Self.sources(scope, own, nodes, hasLedger: folders != nil) {
            let found = try source.told.map { try read($0, shared, &answer.notes) } ?? local()
            answer.nodes.append(source.name)
            add(found, of: source.name, to: &answer)
        }
        answer.lines = UsageQuery.sorted(Self.together(answer.lines))
        return answer
    }

    /// Without asking anybody else.
    private func alone(_ own: NodeIdentity?) throws -> Answer {
        if case .node(let name) = scope, name != own?.id, name != own?.name {
            throw LedgerFault(description: "there is only this node, because store is local", isOfQuestion: true)
        }
        var answer = Answer()
        answer.nodes = [own?.name ?? "this"]
        add(try local(), of: answer.nodes[0], to: &answer)
        answer.lines = UsageQuery.sorted(Self.together(answer.lines))
        return answer
    }

    /// Whom to ask. This node is asked itself, whether or not it told something yet.
    static func sources(
        _ scope: Scope, _ own: NodeIdentity?, _ nodes: [SharedLedger.Node], hasLedger: Bool
    ) throws(LedgerFault) -> [Source] {
        var names: [String: Int] = [:]
        for node in nodes where node.id != own?.id { names[node.name, default: 0] += 1 }
        if let own { names[own.name, default: 0] += 1 }
        func shown(_ id: String, _ name: String) -> String { names[name] == 1 ? name : "\(name) (\(id))" }
        var all: [(id: String, name: String, source: Source)] = nodes.filter { $0.id != own?.id }.map {
            ($0.id, $0.name, Source(name: shown($0.id, $0.name), told: $0))
        }
        if let own {
            all.insert((own.id, own.name, Source(name: shown(own.id, own.name), told: nil)), at: 0)
        } else if hasLedger {
            all.insert(("", "", Source(name: "this", told: nil)), at: 0)
        }
        guard case .node(let wanted) = scope else { return all.map(\.source) }
        let found = all.filter { $0.id == wanted || $0.name == wanted }
        if found.count == 1 { return [found[0].source] }
        let known = all.map { "\($0.name) (\($0.id))" }.joined(separator: ", ")
        throw LedgerFault(
            description: found.isEmpty
                ? "there is no node \(ConfigFault.printable(wanted, limit: 80)). There are: \(known.isEmpty ? "none" : known)"
                : "several nodes are called \(ConfigFault.printable(wanted, limit: 80)); give the id: \(known)", isOfQuestion: true)
    }

    private func local() throws -> UsageQuery.Sums {
        guard let folders else { throw LedgerFault(description: "there is no ledger here; a gateway that serves makes one") }
        return try query.sums(folders, zone)
    }

    /// A node whose epoch ends while it is read is read again; it does so once in its life or never.
    private static let attempts = 3

    private func read(_ told: SharedLedger.Node, _ shared: SharedLedger, _ notes: inout [String]) throws -> UsageQuery.Sums {
        var node = told
        let hours = query.dimensions.contains(.hour)
        for attempt in 1... {
            var sums: UsageQuery.Sums = [:]
            let days = try shared.days(of: node).filter { query.days.contains($0) }
            try shared.read(node, days: days, hours: hours) { group, part in
                let group = UsageGroup(group, by: query.dimensions)
                if sums.count <= query.groupLimit { sums[group, default: RollupSums()].add(part) }
            }
            try query.check(sums)
            guard let now = try shared.node(node.id) else { return sums }
            if now.readable == node.readable || attempt == Self.attempts {
                note(now, &notes)
                return sums
            }
            node = now
        }
        return [:]
    }

    /// Nodes that told something before, of which Redis has nothing.
    private func missing(_ nodes: [SharedLedger.Node]) -> [String] {
        guard let folders else { return [] }
        let there = Set(nodes.map(\.id))
        return OtherNodes.read(folders).sorted { $0.key < $1.key }.filter { !there.contains($0.key) }.map { id, known in
            "what \(known.name) (\(id)) used is missing: the Redis has nothing of it. It tells it again when it serves"
        }
    }

    private func note(_ node: SharedLedger.Node, _ notes: inout [String]) {
        if !node.isWhole { notes.append("\(node.name) (\(node.id)) has not told all of its usage yet; its sums are too low") }
        if !node.zone.isEmpty, node.zone != zone.name {
            notes.append("days and hours of \(node.name) (\(node.id)) are those of \(node.zone); set ledger.zone alike at all nodes")
        }
        let today = Int64(gwl_wall_ns() / 86_400_000_000_000)
        if query.dimensions.contains(.hour), query.days.lowerBound < today - SharedLedger.hoursKeptDays {
            notes.append("hours of other nodes go back \(SharedLedger.hoursKeptDays) days only; their days are all there")
        }
    }

    // MARK: Together

    private func add(_ sums: UsageQuery.Sums, of node: String, to answer: inout Answer) {
        for (group, part) in sums where part[.requests] > 0 {
            var group = group
            if query.dimensions.contains(.node) { group.node = node }
            answer.lines.append((group, part))
        }
    }

    private static func together(_ lines: [(group: UsageGroup, sums: RollupSums)]) -> UsageQuery.Sums {
        var sums: UsageQuery.Sums = [:]
        for line in lines { sums[line.group, default: RollupSums()].add(line.sums) }
        return sums
    }
}
