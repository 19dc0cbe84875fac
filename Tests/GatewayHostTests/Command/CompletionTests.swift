import Testing

@testable import GatewayHost

@Suite struct CompletionTests {
    private let verbs =
        Verbs.all + [
            Verb(
                name: "accounts test", summary: "Asks the provider.",
                operands: [.init(name: "ID", isOptional: true, offers: .records("accounts"))],
                flags: [
                    .init(name: "id", value: "ID", help: "which", offers: .records("accounts")),
                    .init(name: "models", value: "LIST", help: "models", isRepeatable: true),
                    .init(name: "mode", value: "MODE", help: "how", offers: .words(["fast", "full"])),
                    .init(name: "enabled", help: "on", hasOpposite: true), .config,
                ]
            ) { _ in .done },
            Verb(name: "accounts list", summary: "Lists accounts.") { _ in .done },
        ]

    private func offered(_ words: String...) -> [String] {
        Completion(
            verbs: verbs,
            records: { resource, prefix in
                ["main", "Spare One"].filter { $0.hasPrefix(prefix) }.map { .init(text: $0, about: "of \(resource)") }
            }
        ).candidates(words).map(\.text)
    }

    @Test func verbsOfEveryKindAreOffered() {
        #expect(offered("st") == ["start", "stop", "status", "store"])
        #expect(offered("acc") == ["accounts"])
        #expect(offered("accounts", "") == ["test", "list"])
        #expect(offered("config", "s") == ["show", "schema"])
        #expect(offered("help", "config", "d") == ["diff", "docs"])
        #expect(offered("help", "exit") == ["exit-codes"])
        #expect(offered("completion", "") == ["bash", "zsh", "fish", "--help"].dropLast())
        #expect(offered("nothing", "x").isEmpty)
    }

    @Test func flagsAndTheirValuesAreOffered() {
        #expect(offered("accounts", "test", "--m") == ["--models", "--mode"])
        #expect(offered("accounts", "test", "--mode", "f") == ["fast", "full"])
        #expect(offered("accounts", "test", "--mode=fu") == ["--mode=full"])
        #expect(offered("accounts", "test", "--config", "") == [Completion.files])
        #expect(offered("accounts", "test", "--no") == ["--no-enabled"])
        // Given once, a flag is offered again only if it may be.
        #expect(offered("accounts", "test", "--mode", "fast", "--models", "x", "--m") == ["--models"])
        #expect(offered("--config", "f.yaml", "accounts", "l") == ["list"])
    }

    @Test func recordsAreOffered() {
        #expect(offered("accounts", "test", "") == ["main", "Spare One"])
        #expect(offered("accounts", "test", "--id", "S") == ["Spare One"])
        #expect(offered("accounts", "test", "main", "").contains("--id"))
    }

    @Test func aHiddenVerbIsNot() {
        let hidden = Verb(name: "secret", summary: "x", isHidden: true) { _ in .done }
        #expect(Completion(verbs: [hidden]).candidates([""]).map(\.text) == ["help"])
    }

    @Test func theAnswerIsOneLineEach() {
        let memory = MemoryTerminal()
        #expect(runCommand(["__complete", "relo"], terminal: memory.terminal, services: .idle) == .done)
        #expect(memory.out == "reload\tMakes the running gateway apply its changed configuration.")
        for shell in CompletionScript.allCases { #expect(shell.text.contains(Completion.word)) }
    }
}
