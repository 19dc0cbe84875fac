// The program: finds the command, runs it, and gives its exit status.
//
// Kind: the main thread's.

/// Runs `arguments`, the first of which is the name of the program, and returns the exit status.
public func gatewayMain(_ arguments: [String]) -> Int32 {
    runCommand(Array(arguments.dropFirst()), terminal: .standard, services: .gateway).rawValue
}

/// The same with everything it touches handed in.
func runCommand(_ words: [String], terminal: Terminal, services: CommandServices) -> ExitCode {
    let verbs = Verbs.all
    if words.first == Completion.word {
        return Completion(verbs: verbs).answer(Array(words.dropFirst()), terminal: terminal)
    }
    let words = CommandWords.withLeadingConfigLast(words)
    let help = HelpText(
        verbs: verbs, width: min(terminal.width ?? HelpText.usualWidth, HelpText.usualWidth), paint: terminal.paint)
    do {
        switch try CommandLineParser(verbs: verbs).parse(words) {
        case .run(let verb, let arguments):
            return verb.run(
                Invocation(verb: verb.name, arguments: arguments, terminal: terminal, services: services))
        case .help(nil): terminal.out(help.all())
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
}
