// What changes from one price table to another, as lines for people.
//
//   + claude-x        input 3.00 output 15.00
//   ~ claude-y        cache_read 0.30 → 0.20
//   - claude-z
//
// Kind: value. Pure.

enum PriceDifference {
    static func lines(from old: PriceTable, to new: PriceTable) -> [String] {
        var lines: [String] = []
        let olds = Dictionary(uniqueKeysWithValues: old.models.map { ($0.id, $0) })
        let news = Dictionary(uniqueKeysWithValues: new.models.map { ($0.id, $0) })
        for id in Set(olds.keys).union(news.keys).sorted() {
            switch (olds[id], news[id]) {
            case (nil, let model?):
                lines.append("+ \(id): \(changes(PriceRates(), model.rates, "").joined(separator: ", "))")
                for tier in model.tiers {
                    lines.append(
                        "+ \(id), over \(tier.above) input tokens: \(changes(PriceRates(), tier.rates, "").joined(separator: ", "))")
                }
            case (_?, nil): lines.append("- \(id)")
            case (let one?, let other?):
                var parts = changes(one.rates, other.rates, "")
                for bound in Set(one.tiers.map(\.above)).union(other.tiers.map(\.above)).sorted() {
                    let before = one.tiers.first { $0.above == bound }?.rates ?? PriceRates()
                    let after = other.tiers.first { $0.above == bound }?.rates ?? PriceRates()
                    parts += changes(before, after, " over \(bound)")
                }
                if one.aliases != other.aliases { parts.append("aliases \(text(one.aliases)) → \(text(other.aliases))") }
                if !parts.isEmpty { lines.append("~ \(id): \(parts.joined(separator: ", "))") }
            case (nil, nil): break
            }
        }
        return lines
    }

    private static func changes(_ one: PriceRates, _ other: PriceRates, _ suffix: String) -> [String] {
        PriceRates.fields.compactMap { name, path in
            let before = one[keyPath: path]
            let after = other[keyPath: path]
            guard before != after else { return nil }
            return before == nil
                ? "\(name)\(suffix) \(text(after))" : "\(name)\(suffix) \(text(before)) → \(text(after))"
        }
    }

    /// Dollars for a million tokens.
    static func text(_ rate: Int64?) -> String {
        rate.map { ExactDecimal.text($0, digits: PriceText.dollarDigits, least: 2) } ?? "none"
    }

    private static func text(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: " ") }
}
