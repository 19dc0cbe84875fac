// A configuration as `gateway config show` prints it: every option with the value in force, secrets redacted.
//
// The text is YAML again and means the same, but for the secrets.
//
// Kind: value. Pure.

enum ConfigListing {
    static func text(_ config: GatewayConfig) -> String {
        var lines = ["# \(config.file), with the defaults of everything it leaves out"]
        for group in Options.gateway.groups {
            if group.key == "chain" {
                lines += chain(config.chain)
                continue
            }
            guard group.rows[0].key.contains(".") else {
                lines.append("\(group.key): \(group.rows[0].show(config))")
                continue
            }
            lines.append("\(group.key):")
            for row in group.rows { lines.append("  \(row.key.dropFirst(group.key.count + 1)): \(row.show(config))") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func chain(_ entries: [ChainEntry]) -> [String] {
        if entries.isEmpty { return ["chain: []"] }
        var lines = ["chain:"]
        for entry in entries {
            var dash = "  - "
            for row in Options.chain.rows where row.key != "config" {
                lines.append("\(dash)\(row.key): \(row.show(entry))")
                dash = "    "
            }
            let config = YAMLWriter.inline(entry.config)
            if config.utf8.count < 90 {
                lines.append("    config: \(config)")
            } else {
                lines.append("    config:")
                lines += YAMLWriter.block(entry.config, indent: 6)
            }
        }
        return lines
    }
}
