import Testing

@testable import GatewayHost

/// Flags and operands behind a verb of every kind.
@Suite struct ArgumentsTests {
    private let verb = Verb(
        name: "keys create", summary: "Makes one.",
        operands: [.init(name: "ID"), .init(name: "MORE", isOptional: true)],
        flags: [
            .init(name: "name", value: "TEXT", help: "its name"),
            .init(name: "limits-token-limit", aliases: ["limit"], value: "N", help: "tokens"),
            .init(name: "models", value: "LIST", help: "models", isRepeatable: true),
            .init(name: "enabled", help: "whether it counts", hasOpposite: true),
            .init(name: "follow", short: "f", help: "go on"),
            .init(name: "lines", short: "n", value: "N", help: "how many"),
        ]
    ) { _ in .done }

    private func parse(_ words: String...) throws -> Arguments {
        guard case .run(_, let arguments) = try CommandLineParser(verbs: [verb]).parse(["keys", "create"] + words) else {
            throw UsageFault(sentence: "not run", suggestion: "")
        }
        return arguments
    }

    @Test func everyFormOfAFlagIsRead() throws {
        #expect(try parse("a").operands == ["a"])
        #expect(try parse("a", "--name", "Test Key").flags == ["name": ["Test Key"]])
        #expect(try parse("--name=a=b", "x").flags == ["name": ["a=b"]])
        #expect(try parse("x", "--limit", "1000").flags == ["limits-token-limit": ["1000"]])
        #expect(try parse("x", "--models", "a,b", "--models=c").flags == ["models": ["a,b", "c"]])
        #expect(try parse("x", "--enabled").flags == ["enabled": [""]])
        #expect(try parse("x", "--no-enabled").flags == ["enabled": ["false"]])
        #expect(try parse("x", "--enabled=false").flags == ["enabled": ["false"]])
        #expect(try parse("x", "--enabled=true").flags == ["enabled": [""]])
        #expect(try parse("x", "-f", "-n", "5").flags == ["follow": [""], "lines": ["5"]])
        #expect(try parse("--name", "-", "x").flags == ["name": ["-"]])
        #expect(try parse("--name", "-5", "x") == Arguments(flags: ["name": ["-5"]], operands: ["x"]))
        #expect(try parse("--", "--name", "x") == Arguments(operands: ["--name", "x"]))
    }

    @Test(arguments: [
        ([], "gateway keys create needs ID. \"gateway keys create --help\" explains it."),
        (["a", "b", "c"], "gateway keys create takes no \"c\". \"gateway keys create --help\" lists what it takes."),
        (["a", "--limit", "1", "--limits-token-limit", "2"], "--limits-token-limit is given twice. Keep one of the two."),
        (["a", "--enabled=maybe"], "--enabled is true or false. Write --enabled or --no-enabled."),
        (["a", "--no-follow"], "unknown flag \"--no-follow\". Did you mean --follow?"),
        (["a", "--follow=1"], "--follow takes no value. Write --follow alone."),
        (["a", "--limt", "1"], "unknown flag \"--limt\". Did you mean --limit?"),
        (["a", "-n"], "-n needs a value. Write -n N: how many."),
        (["a", "--name", "--enabled"], "--name needs a value. Write --name TEXT: its name."),
    ])
    func whatIsWrongIsSaid(words: [String], sentence: String) {
        let fault = #expect(throws: UsageFault.self) {
            try CommandLineParser(verbs: [verb]).parse(["keys", "create"] + words)
        }
        #expect(fault?.description == sentence)
    }

    @Test func theConfigurationMayStandInFront() {
        #expect(CommandWords.withLeadingConfigLast(["--config", "f", "keys", "list"]) == ["keys", "list", "--config", "f"])
        #expect(CommandWords.withLeadingConfigLast(["--config=f", "status"]) == ["status", "--config=f"])
        #expect(CommandWords.withLeadingConfigLast(["status"]) == ["status"])
        #expect(CommandWords.withLeadingConfigLast(["--config", "f"]) == ["--config", "f"])
    }
}
