// A tree of the configuration as YAML again, for `gateway config show`.
//
// What came through a reference is printed as `[redacted]`; what stands in the file itself under a
// name that speaks of a secret (`key`, `token`, `password`, …) too, so that the output can be pasted into a question.
//
// Kind: value. Pure.

enum YAMLWriter {
    /// The node on one line: `{ keys: [{ name: laptop, key: "[redacted]" }] }`.
    static func inline(_ node: YAMLNode, under key: String = "") -> String {
        switch node.content {
        case .scalar(let scalar): return text(scalar, under: key)
        case .sequence(let items):
            return "[" + items.map { inline($0, under: key) }.joined(separator: ", ") + "]"
        case .mapping(let entries):
            if entries.isEmpty { return "{}" }
            let parts = entries.map { "\(yamlText($0.key)): \(inline($0.value, under: $0.key))" }
            return "{ " + parts.joined(separator: ", ") + " }"
        }
    }

    /// The node as lines of block style, each begun with `indent` blanks.
    static func block(_ node: YAMLNode, indent: Int, under key: String = "") -> [String] {
        let margin = String(repeating: " ", count: indent)
        switch node.content {
        case .scalar: return [margin + inline(node, under: key)]
        case .sequence(let items):
            if items.isEmpty { return [margin + "[]"] }
            return items.flatMap { item in
                var lines = block(item, indent: indent + 2, under: key)
                lines[0] = "\(margin)- " + lines[0].dropFirst(indent + 2)
                return lines
            }
        case .mapping(let entries):
            if entries.isEmpty { return [margin + "{}"] }
            return entries.flatMap { entry -> [String] in
                let short = inline(entry.value, under: entry.key)
                let name = margin + yamlText(entry.key)
                if name.utf8.count + short.utf8.count < 90 { return ["\(name): \(short)"] }
                return ["\(name):"] + block(entry.value, indent: indent + 2, under: entry.key)
            }
        }
    }

    /// Whether a key names something that should not be printed.
    static func speaksOfSecret(_ key: String) -> Bool {
        let word = key.lowercased()
        return ["key", "token", "secret", "password", "passphrase", "credential", "authorization"]
            .contains { word == $0 || word.hasSuffix("_" + $0) || word.hasSuffix("-" + $0) }
    }

    private static func text(_ scalar: YAMLScalar, under key: String) -> String {
        if scalar.fromReference || (speaksOfSecret(key) && !scalar.text.isEmpty) {
            return "\"\(Secret.redacted)\""
        }
        return scalar.style == .plain ? scalar.text : yamlText(scalar.text)
    }
}
