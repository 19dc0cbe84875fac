// Reads prices in the format of LiteLLM's model_prices_and_context_window.json.
//
// Only models of the provider `anthropic` are taken: the same model costs something else at a reseller, and its
// name there is another one. Figures are dollars for a token, written as decimals; they are read digit by digit.
// A figure that is finer than our unit (10^-15 dollars a token) is refused with its place, never rounded.
//
// Kind: value. Pure.

struct LiteLLMPrices: Sendable {
    static let bytesLimit = 64 << 20

    /// What the file says of a model: rates that it does not name are nil.
    struct Entry: Sendable, Equatable {
        var id: String
        var rates = PriceRates()
        /// By the number of input tokens above which they hold.
        var tiers: [Int64: PriceRates] = [:]
    }

    private(set) var entries: [Entry] = []
    /// Models of other providers, and such of this one as are not billed by tokens.
    private(set) var ignoredCount = 0
    /// What could not be taken, a sentence each.
    private(set) var problems: [String] = []

    /// - Returns: nil when it is not a JSON object.
    init?(_ text: Bytes) {
        guard JSONValidator.isValid(text) else { return nil }
        let scanner = JSONScanner(text)
        var entries: [Entry] = []
        var ignored = 0
        var problems: [String] = []
        let isObject = scanner.forEachTopLevelMember { key, value in
            let id = Self.text(key.raw)
            guard value.kind == .object, Self.isAnthropic(scanner, value) else {
                ignored += 1
                return
            }
            let (entry, faults) = Self.entry(id, scanner, value)
            problems += faults
            if entry.rates.input != nil || entry.rates.output != nil { entries.append(entry) } else { ignored += 1 }
        }
        guard isObject else { return nil }
        self.entries = entries
        ignoredCount = ignored
        self.problems = problems
    }

    private static func isAnthropic(_ scanner: JSONScanner, _ entry: JSONSpan) -> Bool {
        var isIt = false
        scanner.forEachMember(of: entry) { key, value in
            if key.equals("litellm_provider") { isIt = scanner.rawString(value)?.equals(Bytes("anthropic")) ?? false }
        }
        return isIt
    }

    private static func entry(_ id: String, _ scanner: JSONScanner, _ span: JSONSpan) -> (Entry, [String]) {
        var entry = Entry(id: id)
        var problems: [String] = []
        func take(_ value: JSONSpan, _ name: String, digits: Int) -> Int64? {
            // Some files quote them.
            let text = scanner.rawString(value) ?? (value.kind == .number ? scanner.bytes(value) : Bytes.absent)
            switch ExactDecimal.scaled(text, by: digits) {
            case .success(let rate) where rate <= PriceRates.rateLimit: return rate
            case .success, .failure(.tooLarge): problems.append("\(id): \(name) is above $10,000 a million tokens")
            case .failure(.finerThanUnit): problems.append("\(id): \(name) is finer than 0.000000000000001 dollars a token")
            case .failure(.negative): problems.append("\(id): \(name) is below zero")
            case .failure(.notANumber): problems.append("\(id): \(name) is no number")
            }
            return nil
        }
        scanner.forEachMember(of: span) { key, value in
            let name = text(key.raw)
            if name == "search_context_cost_per_query" {
                scanner.forEachMember(of: value) { key, value in
                    guard key.equals("search_context_size_medium") else { return }
                    // Dollars for one search.
                    entry.rates.webSearch = take(value, name, digits: 9)
                }
                return
            }
            guard let (path, above) = rate(name) else { return }
            // Dollars for a token in 10^-15.
            guard let rate = take(value, name, digits: 15) else { return }
            if let above {
                entry.tiers[above, default: PriceRates()][keyPath: path] = rate
            } else {
                entry.rates[keyPath: path] = rate
            }
        }
        return (entry, problems)
    }

    /// Which rate a member is, and of which tier: `input_cost_per_token_above_200k_tokens`.
    static func rate(_ name: String) -> (WritableKeyPath<PriceRates, Int64?>, above: Int64?)? {
        var name = name[...]
        var above: Int64?
        if name.hasSuffix("k_tokens"), let mark = name.lastRange(of: "_above_") {
            guard let thousands = Int64(name[mark.upperBound...].dropLast("k_tokens".count)), thousands > 0, thousands < 1_000_000
            else { return nil }
            above = thousands * 1000
            name = name[..<mark.lowerBound]
        }
        switch name {
        case "input_cost_per_token": return (\.input, above)
        case "output_cost_per_token": return (\.output, above)
        case "cache_read_input_token_cost": return (\.cacheRead, above)
        case "cache_creation_input_token_cost": return (\.cacheWrite5m, above)
        case "cache_creation_input_token_cost_above_1hr": return (\.cacheWrite1h, above)
        default: return nil
        }
    }

    /// Model names are plain; one that is escaped is kept as it stands and matches nothing.
    private static func text(_ raw: Bytes) -> String { raw.string }
}

extension LiteLLMPrices {
    /// The models of the file as they would stand in `table`: a rate that the file does not name stays as it is there.
    func models(over table: PriceTable, source: String) -> [ModelPrice] {
        entries.map { entry in
            var model = table.models.first { $0.id == entry.id } ?? ModelPrice(id: entry.id, rates: PriceRates(), source: source)
            let before = model
            model.rates.take(entry.rates)
            for (above, rates) in entry.tiers.sorted(by: { $0.key < $1.key }) {
                if let place = model.tiers.firstIndex(where: { $0.above == above }) {
                    model.tiers[place].rates.take(rates)
                } else {
                    // What a tier does not name costs what it costs below.
                    var whole = model.rates
                    whole.take(rates)
                    model.tiers.append(ModelPrice.Tier(above: above, rates: whole))
                }
            }
            model.tiers.sort { $0.above < $1.above }
            if model != before { model.source = source }
            return model
        }
    }
}

extension PriceRates {
    /// Replaces what `other` names.
    mutating func take(_ other: PriceRates) {
        for (_, path) in Self.fields { self[keyPath: path] = other[keyPath: path] ?? self[keyPath: path] }
    }
}

extension Substring {
    /// Where `text` stands for the last time.
    fileprivate func lastRange(of text: String) -> Range<Index>? {
        var at = endIndex
        while at > startIndex {
            at = index(before: at)
            if self[at...].hasPrefix(text) { return at..<index(at, offsetBy: text.count) }
        }
        return nil
    }
}
