// A price table as JSON: what a snapshot is the hash of, and what `gateway prices import --apply` writes.
//
// Rates are strings of dollars for a million tokens ("3.75"), a search's of dollars for one ("0.01"), so that
// no reader is tempted to take them for floating-point numbers. Written from the same table, the text has the same
// bytes.
//
// Kind: value. Pure.

enum PriceText {
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    /// Nano-dollars for a million tokens from dollars for a million, and nano-dollars for a search from dollars.
    static let dollarDigits = 9

    static func write(_ models: [ModelPrice]) -> [UInt8] {
        var json = JSONBuilder(indentedBy: 1)
        json.beginObject()
        json.key("unit")
        json.value("dollars for a million tokens; web_search: dollars for one")
        json.key("models")
        json.beginObject()
        for model in models {
            json.key(model.id)
            json.beginObject()
            if !model.aliases.isEmpty {
                json.key("aliases")
                json.value(.array(model.aliases.map { .string($0) }))
            }
            write(model.rates, &json)
            if !model.tiers.isEmpty {
                json.key("tiers")
                json.beginArray()
                for tier in model.tiers {
                    json.beginObject()
                    json.key("above_input_tokens")
                    json.value(tier.above)
                    write(tier.rates, &json)
                    json.endObject()
                }
                json.endArray()
            }
            json.key("source")
            json.value(model.source)
            json.endObject()
        }
        json.endObject()
        json.endObject()
        return json.bytes + [0x0a]
    }

    private static func write(_ rates: PriceRates, _ json: inout JSONBuilder) {
        for (name, path) in PriceRates.fields {
            guard let rate = rates[keyPath: path] else { continue }
            json.key(name)
            json.value(ExactDecimal.text(rate, digits: dollarDigits, least: 2))
        }
    }

    /// - Throws: a sentence that names the model and what is wrong with it.
    static func read(_ bytes: [UInt8]) throws(Fault) -> [ModelPrice] {
        let document: JSONValue
        do {
            document = try bytes.withUnsafeBytes { raw in
                Result { () throws(JSONError) in try JSONParser.parse(Bytes(raw)) }
            }.get()
        } catch {
            throw Fault(description: "it is not JSON: \(error)")
        }
        guard let models = document["models"]?.object else { throw Fault(description: "it has no object \"models\"") }
        var read: [ModelPrice] = []
        for (id, value) in models { read.append(try model(id, value)) }
        return read
    }

    private static func model(_ id: String, _ value: JSONValue) throws(Fault) -> ModelPrice {
        guard value.object != nil else { throw Fault(description: "models.\(id) is no object") }
        var model = ModelPrice(
            id: id, aliases: value["aliases"]?.array?.compactMap(\.string) ?? [],
            rates: try rates(value, "models.\(id)"), source: value["source"]?.string ?? "")
        for (place, tier) in (value["tiers"]?.array ?? []).enumerated() {
            let name = "models.\(id).tiers[\(place)]"
            guard let above = tier["above_input_tokens"]?.int, above > (model.tiers.last?.above ?? 0) else {
                throw Fault(description: "\(name).above_input_tokens must be a whole number, larger in each tier")
            }
            model.tiers.append(ModelPrice.Tier(above: above, rates: try rates(tier, name)))
        }
        return model
    }

    private static func rates(_ value: JSONValue, _ name: String) throws(Fault) -> PriceRates {
        var rates = PriceRates()
        for (field, path) in PriceRates.fields {
            guard let written = value[field] else { continue }
            guard let text = written.string, case .success(let rate) = ExactDecimal.scaled(text, by: dollarDigits),
                rate <= PriceRates.rateLimit
            else {
                throw Fault(
                    description: "\(name).\(field) must be a string of dollars like \"3.75\", with at most nine digits behind the point")
            }
            rates[keyPath: path] = rate
        }
        return rates
    }
}
