// The rates of the last model that was priced, so that the next request of the same model costs no look-up.
//
// A loop sees a handful of models; most requests follow one of the same.
//
// Kind: loop-confined value.

struct PriceMemo {
    private let table: PriceTable
    private var name = ShortText()
    private var isKnown = false
    private var rates = PriceRates()
    private var tiers: [ModelPrice.Tier] = []

    /// Of the table, see `PriceTable.snapshot`.
    let snapshot: UInt64

    init(_ table: PriceTable) {
        self.table = table
        snapshot = table.snapshot
    }

    /// Nano-dollars; nil when the model, or something that was used, has no price.
    mutating func cost(_ model: Bytes, _ usage: Usage) -> Int64? {
        if !name.withBytes({ $0.equals(model) }) { remember(model) }
        guard isKnown else { return nil }
        if tiers.isEmpty { return rates.cost(of: usage) }
        return ModelPrice.rates(rates, tiers, for: usage).cost(of: usage)
    }

    private mutating func remember(_ model: Bytes) {
        let price = table.price(of: model.string)
        isKnown = price != nil
        rates = price?.rates ?? PriceRates()
        tiers = price?.tiers ?? []
        // A name that is too long to keep is looked up every time; none of the table's is.
        name = ShortText(model) ?? ShortText()
    }
}
