// The texts of `--help`, made from the verbs.
//
// Kind: value. Pure.

struct HelpText {
    /// Without a terminal there is no width to fit.
    static let usualWidth = 120

    var verbs: [Verb]
    var width = HelpText.usualWidth
    var paint = Paint(isOn: false)

    /// - Parameter whyNoResources: why the verbs of resources are not among `verbs`, perhaps empty; nil: they are.
    func all(whyNoResources: String? = nil) -> String {
        var parts = [
            """
            gateway: relays requests to Anthropic's Messages API through a chain of plugins

            Usage: gateway COMMAND [WORD]... [--flag value]...
            """
        ]
        for section in Verb.Section.allCases {
            let listed = fixed(in: section)
            if !listed.isEmpty { parts.append(list(section.rawValue, listed)) }
        }
        if let reason = whyNoResources {
            let words =
                "keys, accounts and whatever else the configured plugins declare" + (reason.isEmpty ? "" : "; now not known: \(reason)")
            parts.append(paint(.bold, "Resources") + "\n  " + words)
        }
        let groups = resourceGroups
        if !groups.isEmpty { parts.append(paint(.bold, "Resources") + "\n" + columns(groups)) }
        parts.append(
            """
            "gateway COMMAND --help" explains one; "gateway help exit-codes" what scripts can tell from it.
            docs/CONFIG.md describes gateway.yaml. Completion: gateway completion bash|zsh|fish.
            """)
        return parts.joined(separator: "\n\n")
    }

    func group(_ first: String) -> String {
        "Usage: gateway \(first) COMMAND\n\n" + list("Commands", verbs.filter { $0.name.hasPrefix(first + " ") })
    }

    func one(_ verb: Verb) -> String {
        var text = "Usage: gateway \(verb.name)\(usage(verb))\n\n\(verb.summary)"
        if !verb.details.isEmpty { text += "\n\n" + verb.details }
        if !verb.flags.isEmpty {
            text += "\n\n" + paint(.bold, "Flags") + "\n" + columns(verb.flags.map { (HelpText.spelling($0), $0.help) })
        }
        return text
    }

    func topic(_ topic: HelpTopic) -> String {
        switch topic {
        case .exitCodes:
            "Exit codes, the same for every command:\n\n"
                + columns(ExitCode.allCases.map { ("\($0.rawValue)", $0.meaning) })
        }
    }

    /// `--follow, -f`, `--enabled, --no-enabled`, `--limit N`
    static func spelling(_ flag: Verb.Flag) -> String {
        var text = "--\(flag.shownName)"
        if let short = flag.short { text += ", -\(short)" }
        if flag.hasOpposite { text += ", --no-\(flag.shownName)" }
        return text + (flag.value.map { " \($0)" } ?? "")
    }

    private func usage(_ verb: Verb) -> String {
        let operands = verb.operands.map { $0.isOptional ? " [\($0.name)]" : " \($0.name)" }.joined()
        // More than fit on a line are better read below.
        if verb.flags.count > 6 { return operands + " [--flag value]..." }
        return operands
            + verb.flags.map { flag in " [--\(flag.shownName)" + (flag.value.map { " \($0)" } ?? "") + "]" }.joined()
    }

    private func fixed(in section: Verb.Section) -> [Verb] {
        verbs.filter { $0.section == section && !$0.isHidden && $0.resource == nil }
    }

    /// One line for each resource, its verbs named.
    private var resourceGroups: [(String, String)] {
        var groups: [(name: String, verbs: [String])] = []
        for verb in verbs where !verb.isHidden {
            guard let resource = verb.resource else { continue }
            let second = String(verb.name.dropFirst(resource.count + 1))
            if let place = groups.firstIndex(where: { $0.name == resource }) {
                groups[place].verbs.append(second)
            } else {
                groups.append((resource, [second]))
            }
        }
        return groups.map { ($0.name, $0.verbs.joined(separator: ", ")) }
    }

    private func list(_ title: String, _ verbs: [Verb]) -> String {
        paint(.bold, title) + "\n" + columns(verbs.map { ($0.name, $0.summary) })
    }

    private func columns(_ rows: [(String, String)]) -> String {
        // One long flag shall not push everything to the right: what is longer has its help on the next line.
        let left = min(rows.map { DisplayWidth.of($0.0) }.max() ?? 0, 34)
        let room = max(30, width - left - 4)
        return rows.map { name, help in
            let lines = DisplayWidth.wrap(help, to: room)
            let indent = String(repeating: " ", count: left + 4)
            let length = DisplayWidth.of(name)
            let first =
                length > left
                ? "  \(paint(.name, name))\n\(indent)" : "  " + paint(.name, name) + String(repeating: " ", count: left - length + 2)
            return first + lines.joined(separator: "\n" + indent)
        }.joined(separator: "\n")
    }
}
