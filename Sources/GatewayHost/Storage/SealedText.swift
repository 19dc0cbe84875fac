// A secret as it stands in a document: `gws1.<key id>.<base64url of nonce, ciphertext and tag>`.
//
// It names its key, so that a store can hold values of two keys while one replaces the other, and is bound to
// its place, so that it cannot be moved to where somebody else could read it.
//
// Kind: value. Pure.

/// Where a sealed value stands: a field of a record, as a JSON pointer.
struct SealPlace: Sendable, Hashable {
    var collection: String
    var id: String
    var field: String

    init(_ collection: String, _ id: String, _ field: String) {
        self.collection = collection
        self.id = id
        self.field = field
    }

    /// Each part with its length before it, so that no two places have the same bytes.
    var bytes: [UInt8] {
        var bytes = Array("gws1".utf8)
        for part in [collection, id, field] {
            withUnsafeBytes(of: UInt32(part.utf8.count).littleEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: part.utf8)
        }
        return bytes
    }
}

struct SealedText {
    static let prefix = "gws1."

    let keyID: String
    let sealed: [UInt8]

    init(keyID: String, sealed: [UInt8]) {
        self.keyID = keyID
        self.sealed = sealed
    }

    /// nil for a text of another kind.
    init?(_ text: String) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let parts = text.dropFirst(Self.prefix.count).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == MasterKey.idCharacters, let sealed = Base64URL.bytes(parts[1]) else {
            return nil
        }
        keyID = String(parts[0])
        self.sealed = sealed
    }

    var text: String { "\(Self.prefix)\(keyID).\(Base64URL.text(sealed))" }
}
