// Reads the command line: `gateway VERB [--flag[=value]]...`.
//
// Kind: value. Pure.

enum ParsedCommand: Sendable {
    case run(Verb, flags: [String: String])
    /// Help for a verb, or for all of them.
    case help(Verb?)
    /// Help for the verbs that share a first word.
    case helpGroup(String)
    case version
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
        if rest.contains("--help") || rest.contains("-h") { return .help(verb) }
        return .run(verb, flags: try flags(rest, of: verb))
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
            guard words.count >= 2, words[1] != "--help", words[1] != "-h" else { return (nil, []) }
            throw unknown("\(words[0]) \(words[1])", words[1], inner, "gateway help \(words[0])")
        }
        throw unknown(words[0], words[0], verbs.map(\.name), "gateway help")
    }

    private func help(_ words: [String]) throws(UsageFault) -> ParsedCommand {
        if words.isEmpty { return .help(nil) }
        let (verb, _) = try find(words)
        return verb.map { .help($0) } ?? .helpGroup(words[0])
    }

    private func flags(_ words: [String], of verb: Verb) throws(UsageFault) -> [String: String] {
        var flags: [String: String] = [:]
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("--"), word.utf8.count > 2 else {
                throw UsageFault(
                    sentence: "gateway \(verb.name) takes no \"\(ConfigFault.printable(word, limit: 60))\"",
                    suggestion: verb.flags.contains { $0.name == "config" } && word.hasSuffix(".yaml")
                        ? "Did you mean --config \(word)?" : "\"gateway \(verb.name) --help\" lists what it takes.")
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard let flag = verb.flags.first(where: { $0.name == name }) else {
                throw unknown(
                    "--\(name)", name, verb.flags.map(\.name), "gateway \(verb.name) --help", prefix: "--", kind: "flag"
                )
            }
            if flags[name] != nil {
                throw UsageFault(sentence: "--\(name) is given twice", suggestion: "Keep one of the two.")
            }
            switch (flag.value, parts.count == 2) {
            case (nil, false): flags[name] = ""
            case (nil, true):
                throw UsageFault(sentence: "--\(name) takes no value", suggestion: "Write --\(name) alone.")
            case (_?, true): flags[name] = String(parts[1])
            case (let value?, false):
                guard let next = rest.popFirst(), !next.hasPrefix("--") else {
                    throw UsageFault(
                        sentence: "--\(name) needs a value", suggestion: "Write --\(name) \(value): \(flag.help).")
                }
                flags[name] = next
            }
        }
        return flags
    }

    private func unknown(
        _ whole: String, _ written: String, _ known: [String], _ list: String, prefix: String = "",
        kind: String = "command"
    ) -> UsageFault {
        let near = SpellingSuggestion.nearest(to: written, in: known)
        return UsageFault(
            sentence: "unknown \(kind) \"\(ConfigFault.printable(whole, limit: 60))\"",
            suggestion: near.map { "Did you mean \(prefix)\($0)?" } ?? "\"\(list)\" lists them.")
    }
}
