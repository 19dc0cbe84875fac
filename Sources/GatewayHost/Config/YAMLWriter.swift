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
            let parts = entries.map { "\(yamlText($0.key, isKey: true)): \(inline($0.value, under: $0.key))" }
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
                let name = margin + yamlText(entry.key, isKey: true)
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
        if scalar.fromReference || (speaksOfSecret(key) && scalar.resolved != .null && !scalar.text.isEmpty) {
            return "\"\(Secret.redacted)\""
        }
        switch scalar.resolved {
        case .text(let text): return yamlText(text)
        case .null: return "null"
        default: return scalar.text
        }
    }
}

/// A text as YAML, inside brackets or out of them: bare where that says the same, in double quotes elsewhere.
/// - Parameter isKey: references are not resolved in keys, so `$` needs no doubling there.
func yamlText(_ text: String, isKey: Bool = false) -> String {
    let bare = text.utf8.allSatisfy {
        (0x61...0x7a).contains($0 | 0x20) && $0 >= 0x41 || (0x2d...0x3a).contains($0) || $0 == 0x5f
    }
    guard bare, let first = text.utf8.first, first != 0x2d, first != 0x3a, text.utf8.last != 0x3a,
        !text.hasPrefix("file:"), case .text = YAMLScalar(text: text, style: .plain).resolved
    else { return quoted(text, doubling: !isKey) }
    return text
}

/// In double quotes (YAML 1.2 section 5.7). What is not printable, and the line breaks of Unicode, are escaped; with
/// `doubling`, `$` before a brace is doubled, so that it stays a text.
private func quoted(_ text: String, doubling: Bool) -> String {
    var quoted = "\""
    var after: Unicode.Scalar?
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case 0x22: quoted += "\\\""
        case 0x5c: quoted += "\\\\"
        case 0x0a: quoted += "\\n"
        case 0x09: quoted += "\\t"
        case 0x7b where doubling && after == "$": quoted += "${"
        case 0..<0x20, 0x7f...0xa0, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff:
            let digits = String(scalar.value, radix: 16)
            quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: quoted.unicodeScalars.append(scalar)
        }
        after = scalar
    }
    return quoted + "\""
}
