// Reads the command line: `gateway VERB [WORD]... [--flag[=value]]...`.
//
// Kind: value. Pure.

enum ParsedCommand: Sendable {
    case run(Verb, Arguments)
    /// Help for a verb, or for all of them.
    case help(Verb?)
    /// Help for the verbs that share a first word.
    case helpGroup(String)
    case helpTopic(HelpTopic)
    case version
}

/// What help explains beside verbs.
enum HelpTopic: String, Sendable, CaseIterable {
    case exitCodes = "exit-codes"
}

/// What is wrong with the command line, and what to write instead.
struct UsageFault: Error, Sendable, Equatable, CustomStringConvertible {
    let sentence: String
    let suggestion: String

    var description: String { "\(sentence). \(suggestion)" }
}

struct CommandLineParser: Sendable {
    let verbs: [Verb]

    /// - Parameter words: without the name of the program.
    func parse(_ words: [String]) throws(UsageFault) -> ParsedCommand {
        guard let first = words.first else { return .help(nil) }
        switch first {
        case "--help", "-h": return .help(nil)
        case "--version": return .version
        case "help": return try help(Array(words.dropFirst().prefix { !$0.hasPrefix("-") }))
        default: break
        }
        let (verb, rest) = try find(words)
        guard let verb else { return .helpGroup(first) }
        if rest.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) { return .help(verb) }
        return .run(verb, try arguments(rest, of: verb))
    }

    /// Whether a first word is one that these verbs know, so that nobody else need be asked.
    func knows(_ first: String) -> Bool {
        first.hasPrefix("-") || first == "help"
            || verbs.contains { $0.name == first || $0.name.hasPrefix(first + " ") }
    }

    /// The verb that `words` begin with; nil when they name a group and ask for its help.
    private func find(_ words: [String]) throws(UsageFault) -> (Verb?, [String]) {
        if words.count >= 2, let verb = verbs.first(where: { $0.name == "\(words[0]) \(words[1])" }) {
            return (verb, Array(words.dropFirst(2)))
        }
        if let verb = verbs.first(where: { $0.name == words[0] }) { return (verb, Array(words.dropFirst())) }
        let inner = verbs.filter { $0.name.hasPrefix(words[0] + " ") }.map {
            String($0.name.dropFirst(words[0].count + 1))
        }
        if !inner.isEmpty {
            guard words.count >= 2, !words[1].hasPrefix("-") else { return (nil, []) }
            throw CommandLineParser.unknown("\(words[0]) \(words[1])", words[1], inner, "gateway help \(words[0])")
        }
        throw CommandLineParser.unknown(words[0], words[0], firstWords, "gateway help")
    }

    /// What a command can begin with.
    private var firstWords: [String] {
        verbs.filter { !$0.isHidden }.map { String($0.name.prefix { $0 != " " }) }
    }

    private func help(_ words: [String]) throws(UsageFault) -> ParsedCommand {
        if words.isEmpty { return .help(nil) }
        if let topic = HelpTopic(rawValue: words.joined(separator: "-")) { return .helpTopic(topic) }
        let (verb, _) = try find(words)
        return verb.map { .help($0) } ?? .helpGroup(words[0])
    }

    // MARK: Behind the verb

    private func arguments(_ words: [String], of verb: Verb) throws(UsageFault) -> Arguments {
        var arguments = Arguments()
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                arguments.operands += rest
                break
            }
            if let short = shortFlag(word, of: verb) {
                try take(short, written: word, attached: nil, from: &rest, into: &arguments)
            } else if word.hasPrefix("--"), word.utf8.count > 2 {
                let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let name = String(parts[0])
                let attached = parts.count == 2 ? String(parts[1]) : nil
                if let flag = verb.flags.first(where: { $0.isNamed(name) }) {
                    try take(flag, written: "--\(name)", attached: attached, from: &rest, into: &arguments)
                } else if let flag = opposite(name, of: verb), attached == nil {
                    try add("false", of: flag, written: "--\(name)", to: &arguments)
                } else {
                    throw CommandLineParser.unknown(
                        "--\(name)", name, verb.flags.flatMap { [$0.name] + $0.aliases }, "gateway \(verb.name) --help",
                        prefix: "--", kind: "flag")
                }
            } else {
                arguments.operands.append(word)
            }
        }
        try check(arguments.operands, of: verb)
        return arguments
    }

    private func shortFlag(_ word: String, of verb: Verb) -> Verb.Flag? {
        guard word.count == 2, word.first == "-", let letter = word.last, letter != "-" else { return nil }
        return verb.flags.first { $0.short == letter }
    }

    private func opposite(_ name: String, of verb: Verb) -> Verb.Flag? {
        guard name.hasPrefix("no-") else { return nil }
        return verb.flags.first { $0.hasOpposite && $0.isNamed(String(name.dropFirst(3))) }
    }

    private func take(
        _ flag: Verb.Flag, written: String, attached: String?, from rest: inout ArraySlice<String>,
        into arguments: inout Arguments
    ) throws(UsageFault) {
        switch (flag.value, attached) {
        case (nil, nil): try add("", of: flag, written: written, to: &arguments)
        case (nil, let value?):
            guard flag.hasOpposite, value == "true" || value == "false" else {
                throw UsageFault(
                    sentence: flag.hasOpposite ? "\(written) is true or false" : "\(written) takes no value",
                    suggestion: flag.hasOpposite
                        ? "Write \(written) or --no-\(flag.shownName)." : "Write \(written) alone.")
            }
            try add(value == "true" ? "" : "false", of: flag, written: written, to: &arguments)
        case (_?, let value?): try add(value, of: flag, written: written, to: &arguments)
        case (let value?, nil):
            guard let next = rest.first, !next.hasPrefix("--") || next == "--" else {
                throw UsageFault(
                    sentence: "\(written) needs a value", suggestion: "Write \(written) \(value): \(flag.help).")
            }
            rest.removeFirst()
            try add(next, of: flag, written: written, to: &arguments)
        }
    }

    private func add(
        _ value: String, of flag: Verb.Flag, written: String, to arguments: inout Arguments
    ) throws(UsageFault) {
        if arguments.flags[flag.name] != nil, !flag.isRepeatable {
            throw UsageFault(sentence: "\(written) is given twice", suggestion: "Keep one of the two.")
        }
        arguments.flags[flag.name, default: []].append(value)
    }

    private func check(_ operands: [String], of verb: Verb) throws(UsageFault) {
        if operands.count > verb.operands.count {
            let word = operands[verb.operands.count]
            throw UsageFault(
                sentence: "gateway \(verb.name) takes no \"\(ConfigFault.printable(word, limit: 60))\"",
                suggestion: verb.flags.contains { $0.name == "config" } && word.hasSuffix(".yaml")
                    ? "Did you mean --config \(word)?" : "\"gateway \(verb.name) --help\" lists what it takes.")
        }
        guard operands.count < verb.operands.count else { return }
        let missing = verb.operands[operands.count]
        if !missing.isOptional {
            throw UsageFault(
                sentence: "gateway \(verb.name) needs \(missing.name)",
                suggestion: "\"gateway \(verb.name) --help\" explains it.")
        }
    }

    static func unknown(
        _ whole: String, _ written: String, _ known: [String], _ list: String, prefix: String = "",
        kind: String = "command"
    ) -> UsageFault {
        let near = SpellingSuggestion.nearest(to: written, in: known)
        return UsageFault(
            sentence: "unknown \(kind) \"\(ConfigFault.printable(whole, limit: 60))\"",
            suggestion: near.map { "Did you mean \(prefix)\($0)?" } ?? "\"\(list)\" lists them.")
    }
}
