// Prices by the exact name of a model. A name that is not in it has no price: nothing is guessed from
// names that look alike.
//
// Every ledger row names the table it was priced by, by `snapshot`: eight bytes of the SHA-256 of `text`,
// which the ledger keeps beside its rows, so that an old cost can be explained when prices have changed.
//
// Kind: value; made once and shared by the loops.

struct PriceTable: Sendable {
    /// In the order of ids.
    let models: [ModelPrice]
    let snapshot: UInt64
    /// What the snapshot is the hash of; see `PriceText`.
    let text: [UInt8]
    private let places: [String: Int]

    /// - Parameter models: of models with the same name the last one counts.
    init(_ models: [ModelPrice]) {
        var byID: [String: ModelPrice] = [:]
        for model in models { byID[model.id] = model }
        var sorted = byID.values.sorted { $0.id < $1.id }
        for place in sorted.indices { sorted[place].aliases = Set(sorted[place].aliases).sorted() }
        self.models = sorted
        var places: [String: Int] = [:]
        // An id is stronger than an alias of the same name.
        for (place, model) in sorted.enumerated() { for alias in model.aliases { places[alias] = place } }
        for (place, model) in sorted.enumerated() { places[model.id] = place }
        self.places = places
        text = PriceText.write(sorted)
        snapshot = text.withUnsafeBytes { SHA256.digest(Bytes($0)) }.withBytes { digest in
            (0..<8).reduce(0) { $0 << 8 | UInt64(digest[$1]) }
        }
    }

    /// These prices, with those of `others` in their place or beside them.
    func replacing(_ others: [ModelPrice]) -> PriceTable { PriceTable(models + others) }

    /// - Parameter name: an id or an alias, exactly.
    func price(of name: String) -> ModelPrice? { places[name].map { models[$0] } }

    /// Nano-dollars for what a request used; nil when the model, or something it used, has no price.
    func cost(_ name: String, _ usage: Usage) -> Int64? {
        guard let place = places[name] else { return nil }
        return models[place].rates(for: usage).cost(of: usage)
    }

    /// As rows and people see it: 16 hexadecimal digits.
    var snapshotText: String { Self.text(of: snapshot) }

    static func text(of snapshot: UInt64) -> String {
        let digits = String(snapshot, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
