// Which node this is among those that share a Redis, and whether the others hear of its usage.
//
// Kind: free of state; asks Redis.

import CLinux

enum LedgerFindings {
    /// A gateway that serves says every three seconds that it lives.
    private static let silentSeconds: Int64 = 60

    static func all(_ config: GatewayConfig, isServing: Bool) -> [Finding] {
        guard let target = RedisTarget(config), let node = NodeIdentity.find(LedgerFolders(data: config.data), name: config.ledger.node)
        else { return [] }
        do {
            let nodes = try SharedLedger(target).nodes()
            return judge(node, nodes, zone: config.ledger.zone, isServing: isServing, now: Int64(gwl_wall_ns() / 1_000_000))
        } catch {
            // That Redis cannot be asked is said of the store; here it is what follows.
            return [Finding(.warning, "node", "\(node.name) (\(node.id)); whether others hear of its usage is not known: \(error)")]
        }
    }

    /// - Parameter now: milliseconds since 1970.
    static func judge(_ node: NodeIdentity, _ nodes: [SharedLedger.Node], zone: String, isServing: Bool, now: Int64) -> [Finding] {
        let others = nodes.filter { $0.id != node.id }
        let count = others.isEmpty ? "no other node" : "\(others.count) other \(others.count == 1 ? "node" : "nodes")"
        var findings: [Finding] = []
        let own = nodes.first { $0.id == node.id }
        let silence = own.map { max(0, now - $0.seen) / 1000 }
        if isServing, silence.map({ $0 > silentSeconds }) ?? true {
            findings.append(
                Finding(
                    .warning, "node", "\(node.name) (\(node.id)) serves, and the others do not hear of its usage",
                    mend: "The gateway's log and the metric gateway_ledger_ship_failures_total say why."))
        } else {
            findings.append(Finding(.ok, "node", "\(node.name) (\(node.id)); \(count)"))
        }
        let alike = others.filter { $0.name == node.name }
        if !alike.isEmpty {
            findings.append(
                Finding(
                    .note, "node", "\(alike.map(\.id).joined(separator: ", ")) is called \(node.name) as well",
                    mend: "Set ledger.node, so that people can tell them apart."))
        }
        for other in others where !other.zone.isEmpty && other.zone != zone {
            findings.append(
                Finding(
                    .warning, "node", "days of \(other.name) (\(other.id)) are those of \(other.zone), here of \(zone)",
                    mend: "Set ledger.zone alike at all nodes."))
        }
        return findings
    }
}
