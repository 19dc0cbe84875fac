import CLinux
import Testing

@testable import GatewayHost

@Suite struct PriceVerbTests {
    private let ledger = LedgerFolder()

    private func run(_ words: String...) -> (code: ExitCode, out: String, problems: String) {
        let memory = MemoryTerminal()
        let code = runCommand(words + ["--data", ledger.path], terminal: memory.terminal, services: .idle)
        return (code, memory.out, memory.problems)
    }

    private func file(_ text: String) -> String {
        ledger.write("litellm.json", Array(text.utf8))
        return "\(ledger.path)/litellm.json"
    }

    @Test func pricesAreListedAndShown() {
        let list = run("prices", "list")
        #expect(list.code == .done)
        #expect(list.out.contains("claude-haiku-5-5") && list.out.contains("100000") && list.out.contains(ShippedPrices.table.snapshotText))
        let show = run("prices", "show", "claude-opus-4-1")
        #expect(show.out.contains("claude-opus-4-1-20250805") && show.out.contains("$18.75 for a million tokens"))
        #expect(show.out.contains("source") && show.out.contains("platform.claude.com"))
        let none = run("prices", "show", "claude-opus-4-9")
        #expect(none.code == .absent && none.problems.contains("has no price") && none.problems.contains("Did you mean"))
    }

    @Test func anImportShowsFirstAndAppliesWhenAsked() throws {
        let path = file(
            "{\"claude-opus-5\": {\"litellm_provider\": \"anthropic\", \"input_cost_per_token\": 4.5e-06, \"output_cost_per_token\": 2.5e-05}}"
        )
        let dry = run("prices", "import", path)
        #expect(dry.code == .done && dry.out == "~ claude-opus-5: input 5.00 → 4.50")
        #expect(dry.problems.contains("nothing was changed"))
        #expect(run("prices", "diff").code == .done)
        let applied = run("prices", "import", path, "--apply")
        #expect(applied.code == .done && applied.out == dry.out)
        let diff = run("prices", "diff")
        #expect(diff.code == .failed && diff.out == dry.out)
        let table = try PriceFile.inForce(in: ledger.path)
        #expect(table.price(of: "claude-opus-5")?.rates.input == 4_500_000_000)
        #expect(table.price(of: "claude-opus-5")?.source.hasPrefix("litellm.json, imported 20") == true)
        #expect(table.price(of: "claude-opus-5")?.rates.cacheRead == 500_000_000)
        #expect(table.models.count == ShippedPrices.table.models.count)
        let again = run("prices", "import", path, "--apply")
        #expect(again.code == .done && again.out.isEmpty)
    }

    @Test func whatIsNoPriceFileIsSaid() {
        #expect(run("prices", "import", "/does/not/exist").problems.contains("No such file"))
        #expect(run("prices", "import", file("[1]")).problems.contains("is not a JSON object"))
        #expect(run("prices", "import", file("{\"gpt\": {\"litellm_provider\": \"openai\"}}")).code == .failed)
        ledger.write("prices.json", Array("{".utf8))
        let broken = run("prices", "list")
        #expect(broken.code == .invalid && broken.problems.contains("Import one again, or remove it"))
    }
}
