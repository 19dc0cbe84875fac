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
    do {
        switch try CommandLineParser(verbs: verbs).parse(words) {
        case .run(let verb, let flags):
            return verb.run(
                Invocation(verb: verb.name, flags: flags, terminal: terminal, services: services))
        case .help(nil): terminal.out(HelpText.all(verbs))
        case .help(let verb?): terminal.out(HelpText.one(verb))
        case .helpGroup(let first): terminal.out(HelpText.group(first, verbs))
        case .version: terminal.out(Verbs.version)
        }
        return .done
    } catch {
        terminal.problem("gateway: \(error)")
        return .usage
    }
}
