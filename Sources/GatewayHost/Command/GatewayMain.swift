// The program: finds the command, runs it, and gives its exit status.
//
// The verbs of resources are made from what the configured plugins declare, so they cost loading them. That happens only when the
// first word is none that is always there, or when help or completion would be incomplete without.
//
// Kind: the main thread's.

/// Runs `arguments`, the first of which is the name of the program, and returns the exit status.
public func gatewayMain(_ arguments: [String]) -> Int32 {
    runCommand(Array(arguments.dropFirst()), terminal: .standard, services: .gateway).rawValue
}

/// The same with everything it touches handed in.
func runCommand(_ words: [String], terminal: Terminal, services: CommandServices) -> ExitCode {
    let isCompletion = words.first == Completion.word
    let words = isCompletion ? words : CommandWords.withLeadingConfigLast(words)
    var verbs = Verbs.all
    var administration: Administration?
    var reason: ConfigFaults?
    defer { administration?.end() }
    if CommandWords.needResources(words, fixed: verbs) {
        do {
            let config = try Invocation.sharedConfig(CommandWords.config(in: words))
            let opened = try services.openQuietly(config)
            administration = opened
            verbs += ResourceVerbs.make(opened.resources)
        } catch {
            reason = error as? ConfigFaults
            if CommandWords.areAboutResource(words, fixed: verbs) {
                return CommandWords.refuse(words[0], error, fixed: verbs, terminal)
            }
        }
    }
    if isCompletion {
        return Completion(verbs: verbs, records: { administration?.finder.candidates($0, $1) ?? [] })
            .answer(Array(words.dropFirst()), terminal: terminal)
    }
    let help = HelpText(
        verbs: verbs, width: min(terminal.width ?? HelpText.usualWidth, HelpText.usualWidth), paint: terminal.paint)
    do {
        switch try CommandLineParser(verbs: verbs).parse(words) {
        case .run(let verb, let arguments):
            return verb.run(
                Invocation(
                    verb: verb.name, arguments: arguments, terminal: terminal, services: services,
                    administration: administration.map { MainThreadOnly(value: $0) }))
        case .help(nil): terminal.out(help.all(whyNoResources: administration == nil ? reason?.faults.first?.sentence ?? "" : nil))
        case .help(let verb?): terminal.out(help.one(verb))
        case .helpGroup(let first): terminal.out(help.group(first))
        case .helpTopic(let topic): terminal.out(help.topic(topic))
        case .version: terminal.out(Verbs.version)
        }
        return .done
    } catch {
        terminal.problem("gateway: \(error)")
        return .usage
    }
}

/// What must be known of the words before they are parsed.
enum CommandWords {
    /// `gateway --config FILE keys list` means `gateway keys list --config FILE`.
    static func withLeadingConfigLast(_ words: [String]) -> [String] {
        if words.count > 2, words[0] == "--config" { return Array(words[2...]) + words[..<2] }
        if words.count > 1, words[0].hasPrefix("--config=") { return Array(words[1...]) + words[..<1] }
        return words
    }

    static func config(in words: [String]) -> String {
        for (index, word) in words.enumerated() {
            if word == "--config", index + 1 < words.count { return words[index + 1] }
            if word.hasPrefix("--config=") { return String(word.dropFirst(9)) }
        }
        return Invocation.usualConfig
    }

    /// Whether the verbs that are always there do not answer this, or not all of it.
    static func needResources(_ words: [String], fixed: [Verb]) -> Bool {
        let parser = CommandLineParser(verbs: fixed)
        guard let first = words.first else { return true }
        if first == Completion.word {
            var rest = words.dropFirst()
            if rest.first == "--config" { rest = rest.dropFirst(2) }
            if rest.first == "help" { rest = rest.dropFirst() }
            return rest.count < 2 || !parser.knows(rest.first!)
        }
        if first == "help" || first == "--help" || first == "-h" {
            let rest = words.dropFirst().prefix { !$0.hasPrefix("-") }
            return HelpTopic(rawValue: rest.joined(separator: "-")) == nil && !(rest.first.map { parser.knows($0) } ?? false)
        }
        return !parser.knows(first)
    }

    /// Nothing can be said about it without the resources.
    static func areAboutResource(_ words: [String], fixed: [Verb]) -> Bool {
        words.first.map { $0 != Completion.word && !CommandLineParser(verbs: fixed).knows($0) } ?? false
    }

    /// A word that only a resource could explain, and resources cannot be known.
    static func refuse(_ word: String, _ error: any Error, fixed: [Verb], _ terminal: Terminal) -> ExitCode {
        let names = fixed.filter { !$0.isHidden }.map { String($0.name.prefix { $0 != " " }) }
        if SpellingSuggestion.nearest(to: word, in: names) != nil {
            terminal.problem("gateway: \(CommandLineParser.unknown(word, word, names, "gateway help"))")
            return .usage
        }
        // The plugins are there, and something else keeps them from being asked: the store, its key.
        guard let faults = error as? ConfigFaults else {
            terminal.problem("gateway: \(error)")
            return .failed
        }
        let shown = ConfigFault.printable(word, limit: 60)
        terminal.problem("gateway: \"\(shown)\" is no command that is always there; those of resources need the configured plugins:")
        for fault in faults.faults { terminal.problem("\(fault)") }
        return .invalid
    }
}
