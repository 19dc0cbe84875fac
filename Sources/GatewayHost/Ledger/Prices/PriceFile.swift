// The prices in force: those the gateway comes with, and in their place those that an operator has imported
// into the data folder (prices.json).
//
// Kind: value; blocks, so for the control thread and the command line.

enum PriceFile {
    static let name = "prices.json"
    static let bytesLimit = 8 << 20

    static func path(in data: String) -> String { "\(data)/\(name)" }

    /// Prices of the data folder; none when the file is missing.
    /// - Throws: a sentence that names the file and how to mend it.
    static func imported(in data: String) throws(PriceText.Fault) -> [ModelPrice] {
        let path = path(in: data)
        switch FileBytes.read(path, limit: bytesLimit) {
        case .failure(let failure) where failure.errno == 2: return []
        case .failure(let failure): throw PriceText.Fault(description: failure.sentence)
        case .success(let bytes):
            do {
                return try PriceText.read(bytes)
            } catch {
                throw PriceText.Fault(
                    description: "\(path) is not a file of prices: \(error.description). Import one again, or remove it")
            }
        }
    }

    static func inForce(in data: String) throws(PriceText.Fault) -> PriceTable {
        let models = try imported(in: data)
        return models.isEmpty ? ShippedPrices.table : ShippedPrices.table.replacing(models)
    }

    /// Keeps what differs from the prices that the gateway comes with.
    static func keep(_ table: PriceTable, in data: String) throws(PriceText.Fault) {
        let models = table.models.filter { ShippedPrices.table.price(of: $0.id) != $0 }
        if let failure = FileBytes.replace(path(in: data), with: PriceText.write(models), mode: 0o600) {
            throw PriceText.Fault(description: failure.sentence)
        }
    }
}
