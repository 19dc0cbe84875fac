// The vault as gw.records/1 wants it.
//
// Kind: shared.

extension Vault: RecordSecrets {
    func seal(_ text: String, collection: String, id: String, field: String) -> String {
        seal(Array(text.utf8), at: SealPlace(collection, id, field))
    }

    func open(_ sealed: String, collection: String, id: String, field: String) -> String? {
        guard let plain = try? open(sealed, at: SealPlace(collection, id, field)) else { return nil }
        return String(validating: plain, as: UTF8.self)
    }
}
