// `gateway prices list`, `show`, `diff` and `import`.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let pricesList = Verb(
        name: "prices list", section: .looking, summary: "Lists the prices in force, in dollars for a million tokens.",
        details: """
            The prices that the gateway comes with, and in their place those that were imported. Exits with 3 when the imported
            ones cannot be read.
            """,
        flags: [.config, .data, .json]
    ) { invocation in
        guard let table = invocation.prices() else { return .invalid }
        if invocation.wantsJSON {
            invocation.terminal.out(String(decoding: table.text.dropLast(), as: UTF8.self))
            return .done
        }
        for line in PriceListing.table(table).lines(width: invocation.terminal.width, paint: invocation.paint) {
            invocation.terminal.out(line)
        }
        invocation.terminal.out("")
        invocation.terminal.out("snapshot \(table.snapshotText)")
        return .done
    }

    static let pricesShow = Verb(
        name: "prices show", section: .looking, summary: "Shows the price of one model and where it stands.",
        details: "Names are taken exactly. Exits with 5 when the model has no price.",
        operands: [Operand(name: "MODEL", offers: .words(ShippedPrices.table.models.map(\.id)))], flags: [.config, .data]
    ) { invocation in
        guard let table = invocation.prices() else { return .invalid }
        let name = invocation.arguments.operands[0]
        guard let model = table.price(of: name) else {
            let names = table.models.flatMap { [$0.id] + $0.aliases }
            let question = SpellingSuggestion.question(for: name, in: names).map { " \($0)" } ?? ""
            return invocation.fail(
                "\(ConfigFault.printable(name, limit: 100)) has no price, so its requests are recorded without a cost.\(question)", .absent)
        }
        for line in PriceListing.listing(model).lines(width: invocation.terminal.width, paint: invocation.paint) {
            invocation.terminal.out(line)
        }
        return .done
    }

    static let pricesDiff = Verb(
        name: "prices diff", section: .looking, summary: "Shows how the prices in force differ from those the gateway comes with.",
        details: "Prints nothing and exits with 0 when they are the same, else exits with 1.",
        flags: [.config, .data]
    ) { invocation in
        guard let table = invocation.prices() else { return .invalid }
        let lines = PriceDifference.lines(from: ShippedPrices.table, to: table)
        for line in lines { invocation.terminal.out(line) }
        return lines.isEmpty ? .done : .failed
    }

    static let pricesImport = Verb(
        name: "prices import", section: .managing, summary: "Reads prices from a file in LiteLLM's format.",
        details: """
            FILE is a model_prices_and_context_window.json. Only models of the provider "anthropic" are taken; what the file does not
            name of a model stays as it is. Shows the difference; with --apply it is kept in the data folder and holds from
            the next start or reload on. Costs that were recorded do not change.
            """,
        operands: [Operand(name: "FILE", offers: .files)],
        flags: [.config, .data, Verb.Flag(name: "apply", help: "keep the prices, instead of only showing what would change")]
    ) { invocation in invocation.importPrices(invocation.arguments.operands[0]) }
}

extension Invocation {
    /// The data folder that is meant; nil when neither a flag nor a configuration names it.
    var dataFolder: String? { self["data"] ?? quietConfig()?.data }

    /// The prices in force, or nil after a complaint. Without a configuration: those that the gateway comes with.
    fileprivate func prices() -> PriceTable? {
        guard let data = dataFolder else {
            if has("config") {
                _ = loadConfig()
                return nil
            }
            terminal.problem("gateway: there is no \(configPath) here; these are the prices that the gateway comes with")
            return ShippedPrices.table
        }
        do {
            return try PriceFile.inForce(in: data)
        } catch {
            _ = fail(error.description)
            return nil
        }
    }

    fileprivate func importPrices(_ path: String) -> ExitCode {
        guard let data = dataFolder else { return loadConfig() == nil ? .invalid : .failed }
        guard let before = prices() else { return .invalid }
        let file: LiteLLMPrices
        switch FileBytes.read(path, limit: LiteLLMPrices.bytesLimit) {
        case .failure(let failure): return fail(failure.sentence)
        case .success(let bytes):
            guard let read = bytes.withUnsafeBytes({ LiteLLMPrices(Bytes($0)) }) else {
                return fail("\(path) is not a JSON object, as LiteLLM's model_prices_and_context_window.json is")
            }
            file = read
        }
        for problem in file.problems { terminal.problem("not taken: \(problem)") }
        guard !file.entries.isEmpty else { return fail("\(path) has no model of the provider \"anthropic\"") }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let today = CivilDay.of(seconds: Int64(gwl_wall_ns() / 1_000_000_000)).day
        let after = before.replacing(file.models(over: before, source: "\(name), imported \(today)"))
        let lines = PriceDifference.lines(from: before, to: after)
        for line in lines { terminal.out(line) }
        terminal.problem(
            "\(file.entries.count) models of anthropic, \(file.ignoredCount) of others left out; \(lines.count) differ from the prices in force"
        )
        guard has("apply") else {
            if !lines.isEmpty { terminal.problem("nothing was changed; --apply keeps these prices") }
            return .done
        }
        if lines.isEmpty { return .done }
        do {
            try PriceFile.keep(after, in: data)
        } catch {
            return fail(error.description)
        }
        terminal.problem("kept in \(PriceFile.path(in: data)); snapshot \(after.snapshotText). gateway reload applies them")
        return .done
    }
}

/// Prices as people read them.
enum PriceListing {
    static func table(_ prices: PriceTable) -> Table {
        var table = Table(columns: [Table.Column(title: "model", isWhole: true), Table.Column(title: "over", alignsRight: true)])
        table.columns += ["input", "write 5m", "write 1h", "read", "output"].map { Table.Column(title: $0, alignsRight: true) }
        for model in prices.models {
            table.rows.append(row(model.id, "", model.rates))
            for tier in model.tiers { table.rows.append(row("", "\(tier.above)", tier.rates)) }
        }
        return table
    }

    private static func row(_ name: String, _ above: String, _ rates: PriceRates) -> [Table.Cell] {
        [Table.Cell(name), Table.Cell(above)]
            + [rates.input, rates.cacheWrite5m, rates.cacheWrite1h, rates.cacheRead, rates.output].map {
                Table.Cell(PriceDifference.text($0))
            }
    }

    static func listing(_ model: ModelPrice) -> Listing {
        var listing = Listing()
        listing.rows.append(("model", Table.Cell(model.id)))
        if !model.aliases.isEmpty { listing.rows.append(("also called", Table.Cell(model.aliases.joined(separator: ", ")))) }
        func add(_ rates: PriceRates, _ suffix: String) {
            for (name, path) in PriceRates.fields {
                guard let rate = rates[keyPath: path] else { continue }
                let unit = name == "web_search" ? "for one" : "for a million tokens"
                listing.rows.append(("\(name)\(suffix)", Table.Cell("$\(PriceDifference.text(rate)) \(unit)")))
            }
        }
        add(model.rates, "")
        for tier in model.tiers { add(tier.rates, ", over \(tier.above) input tokens") }
        listing.rows.append(("source", Table.Cell(model.source)))
        return listing
    }
}
