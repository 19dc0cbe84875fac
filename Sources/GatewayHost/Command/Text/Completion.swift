// What may stand at the end of a command line: asked for by the scripts of `gateway completion`.
//
//     gateway __complete keys rot        →  rotate<TAB>Replaces the key …
//     gateway __complete serve --config  →  :files
//
// One candidate a line, with a description behind a tab; `:files` stands for file names, which shells know better.
//
// Kind: value. Pure but for the records that somebody hands in.

struct Completion {
    /// The hidden command.
    static let word = "__complete"
    static let files = ":files"

    struct Candidate: Sendable, Equatable {
        var text: String
        var about = ""
    }

    var verbs: [Verb]
    /// Ids and names of a resource's records that begin with a text.
    var records: (_ resource: String, _ prefix: String) -> [Candidate] = { _, _ in [] }

    /// Prints the candidates. Never complains: a shell would show it in the middle of a line.
    func answer(_ words: [String], terminal: Terminal) -> ExitCode {
        for candidate in candidates(words) {
            let text = DisplayWidth.printable(candidate.text)
            terminal.out(candidate.about.isEmpty ? text : "\(text)\t\(DisplayWidth.printable(candidate.about))")
        }
        return .done
    }

    /// - Parameter words: without the name of the program; the last is the one being written, perhaps empty.
    func candidates(_ words: [String]) -> [Candidate] {
        var words = words
        let written = words.popLast() ?? ""
        // A leading --config FILE belongs to whatever follows.
        if words.first == "--config" { words.removeFirst(min(2, words.count)) }
        guard let first = words.first else { return begin(written, firstWords) }
        if first == "help" { return begin(written, help(Array(words.dropFirst()))) }
        if words.count == 1, written.hasPrefix("-") == false {
            let inner = secondWords(of: first)
            if !inner.isEmpty { return begin(written, inner) }
        }
        guard let (verb, count) = verb(words) else { return [] }
        return behind(verb, Array(words.dropFirst(count)), written)
    }

    // MARK: Verbs

    private var firstWords: [Candidate] {
        var found: [Candidate] = []
        for verb in verbs where !verb.isHidden {
            let first = String(verb.name.prefix { $0 != " " })
            guard !found.contains(where: { $0.text == first }) else { continue }
            found.append(Candidate(text: first, about: verb.name == first ? verb.summary : ""))
        }
        return found + [Candidate(text: "help", about: "Explains a command.")]
    }

    private func secondWords(of first: String) -> [Candidate] {
        verbs.filter { $0.name.hasPrefix(first + " ") && !$0.isHidden }.map {
            Candidate(text: String($0.name.dropFirst(first.count + 1)), about: $0.summary)
        }
    }

    private func help(_ words: [String]) -> [Candidate] {
        if words.isEmpty { return firstWords + HelpTopic.allCases.map { Candidate(text: $0.rawValue) } }
        return words.count == 1 ? secondWords(of: words[0]) : []
    }

    private func verb(_ words: [String]) -> (Verb, Int)? {
        if words.count >= 2, let two = verbs.first(where: { $0.name == "\(words[0]) \(words[1])" }) { return (two, 2) }
        return verbs.first { $0.name == words[0] }.map { ($0, 1) }
    }

    // MARK: Behind a verb

    private func behind(_ verb: Verb, _ words: [String], _ written: String) -> [Candidate] {
        var given: Set<String> = []
        var operands = 0
        var awaiting: Verb.Flag?
        for word in words {
            if awaiting != nil {
                awaiting = nil
            } else if let flag = flag(word, of: verb) {
                given.insert(flag.name)
                if flag.value != nil, !word.contains("=") { awaiting = flag }
            } else if !word.hasPrefix("-") {
                operands += 1
            }
        }
        if let awaiting { return offered(awaiting.offers, written) }
        if written.hasPrefix("--"), let equals = written.firstIndex(of: "="), let flag = flag(written, of: verb) {
            let value = String(written[written.index(after: equals)...])
            // Shells complete file names behind an equals sign by themselves.
            return offered(flag.offers, value).filter { $0.text != Completion.files }.map {
                Candidate(text: written[...equals] + $0.text, about: $0.about)
            }
        }
        if written.hasPrefix("-") { return begin(written, flags(of: verb, given: given)) }
        if operands < verb.operands.count {
            let found = offered(verb.operands[operands].offers, written)
            if !found.isEmpty { return found }
        }
        return written.isEmpty ? flags(of: verb, given: given) : []
    }

    private func flag(_ word: String, of verb: Verb) -> Verb.Flag? {
        if word.hasPrefix("--") {
            let name = String(word.dropFirst(2).prefix { $0 != "=" })
            return verb.flags.first { $0.isNamed(name) || $0.hasOpposite && name == "no-" + $0.shownName }
        }
        return word.count == 2 && word.hasPrefix("-") ? verb.flags.first { $0.short == word.last } : nil
    }

    private func flags(of verb: Verb, given: Set<String>) -> [Candidate] {
        verb.flags.filter { $0.isRepeatable || !given.contains($0.name) }.flatMap { flag in
            [Candidate(text: "--\(flag.shownName)", about: flag.help)]
                + (flag.hasOpposite ? [Candidate(text: "--no-\(flag.shownName)", about: flag.help)] : [])
        } + [Candidate(text: "--help", about: "explains this command")]
    }

    private func offered(_ offer: Verb.Offer, _ written: String) -> [Candidate] {
        switch offer {
        case .nothing: []
        case .files: [Candidate(text: Completion.files)]
        case .words(let words): begin(written, words.map { Candidate(text: $0) })
        case .records(let resource): records(resource, written)
        }
    }

    private func begin(_ written: String, _ candidates: [Candidate]) -> [Candidate] {
        candidates.filter { $0.text.hasPrefix(written) }
    }
}
