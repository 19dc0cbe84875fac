// The texts of `--help`, made from the verbs.
//
// Kind: value. Pure.

enum HelpText {
    static func all(_ verbs: [Verb]) -> String {
        """
        gateway: relays requests to Anthropic's Messages API through a chain of plugins

        Usage: gateway COMMAND [--flag value]...

        \(list(verbs))

        "gateway COMMAND --help" explains one. Exit codes: 0 done, 1 failed, 2 wrong command line,
        3 configuration invalid or refused, 4 no gateway runs. docs/CONFIG.md describes gateway.yaml.
        """
    }

    static func group(_ first: String, _ verbs: [Verb]) -> String {
        "Usage: gateway \(first) COMMAND\n\n" + list(verbs.filter { $0.name.hasPrefix(first + " ") })
    }

    static func one(_ verb: Verb) -> String {
        var text = "Usage: gateway \(verb.name)\(usageFlags(verb.flags))\n\n\(verb.summary)"
        if !verb.details.isEmpty { text += "\n\n" + verb.details }
        if !verb.flags.isEmpty {
            text +=
                "\n\nFlags:\n"
                + columns(verb.flags.map { ("--\($0.name)" + ($0.value.map { " \($0)" } ?? ""), $0.help) })
        }
        return text
    }

    private static func usageFlags(_ flags: [Verb.Flag]) -> String {
        flags.map { flag in " [--\(flag.name)" + (flag.value.map { " \($0)" } ?? "") + "]" }.joined()
    }

    private static func list(_ verbs: [Verb]) -> String {
        "Commands:\n" + columns(verbs.map { ($0.name, $0.summary) })
    }

    private static func columns(_ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { left, right in
            "  " + left + String(repeating: " ", count: width - left.count + 2) + right
        }.joined(separator: "\n")
    }
}
