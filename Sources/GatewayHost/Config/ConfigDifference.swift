// What a reload would change: two configurations, value by value.
//
//     - timeouts.connect: 10s
//     + timeouts.connect: 5s
//     + chain.Quota.config.per_day: 1000
//     - chain.Auth.config.keys[0].key: "[redacted]"
//     + chain.Auth.config.keys[0].key: "[redacted]"
//
// Entries of the chain are compared by name, so that one more in front does not change all the others.
// Secrets are compared and not shown.
//
// Kind: value. Pure.

enum ConfigDifference {
    private struct Leaf {
        let path: String
        let text: String
        let shown: String
    }

    /// The lines that lead from `old` to `new`; empty when both say the same.
    static func lines(from old: GatewayConfig, to new: GatewayConfig) -> [String] {
        let before = leaves(of: old)
        let after = leaves(of: new)
        let beforeTexts = Dictionary(before.map { ($0.path, $0.text) }) { first, _ in first }
        let afterByPath = Dictionary(after.map { ($0.path, $0) }) { first, _ in first }
        var lines: [String] = []
        for leaf in before where afterByPath[leaf.path]?.text != leaf.text {
            lines.append("- \(leaf.path): \(leaf.shown)")
            if let changed = afterByPath[leaf.path] { lines.append("+ \(changed.path): \(changed.shown)") }
        }
        for leaf in after where beforeTexts[leaf.path] == nil { lines.append("+ \(leaf.path): \(leaf.shown)") }
        return lines
    }

    private static func leaves(of config: GatewayConfig) -> [Leaf] {
        var leaves = Options.gateway.rows.filter { $0.key != "chain" }.map { row in
            let shown = row.show(config)
            return Leaf(path: row.key, text: shown, shown: shown)
        }
        if let token = config.metrics.token, let place = leaves.firstIndex(where: { $0.path == "metrics.token" }) {
            leaves[place] = Leaf(path: "metrics.token", text: token.reveal(), shown: yamlText(Secret.redacted))
        }
        let order = config.activeChain.map(\.name).joined(separator: ", ")
        leaves.append(Leaf(path: "chain", text: order, shown: "[\(order)]"))
        for entry in config.activeChain {
            let place = "chain.\(entry.name)"
            for row in Options.chain.rows where !["name", "enabled", "config", "secrets"].contains(row.key) {
                leaves.append(Leaf(path: "\(place).\(row.key)", text: row.show(entry), shown: row.show(entry)))
            }
            for (name, secret) in entry.secrets.sorted(by: { $0.key < $1.key }) {
                leaves.append(
                    Leaf(path: "\(place).secrets.\(name)", text: secret.reveal(), shown: yamlText(Secret.redacted)))
            }
            collect(entry.config, "\(place).config", under: "", into: &leaves)
        }
        return leaves
    }

    private static func collect(_ node: YAMLNode, _ path: String, under key: String, into leaves: inout [Leaf]) {
        switch node.content {
        case .scalar(let scalar):
            leaves.append(
                Leaf(
                    path: path, text: "\(scalar.style)\(scalar.text)", shown: YAMLWriter.inline(node, under: key)))
        case .sequence(let items):
            if items.isEmpty { leaves.append(Leaf(path: path, text: "[]", shown: "[]")) }
            for (index, item) in items.enumerated() { collect(item, "\(path)[\(index)]", under: key, into: &leaves) }
        case .mapping(let entries):
            for entry in entries { collect(entry.value, "\(path).\(entry.key)", under: entry.key, into: &leaves) }
        }
    }
}
