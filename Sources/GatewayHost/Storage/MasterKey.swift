// The key that opens everything sealed in a store, and what is made of it.
//
// Kind: value; its bytes are shared and overwritten with the last copy.

struct MasterKey: Sendable, CustomStringConvertible {
    static let idCharacters = 16
    /// Below this a text can be guessed.
    static let textMinimum = 32

    /// What sealed values call it; says nothing of the key.
    let id: String
    /// Where it comes from, for messages: `ENCRYPTION_KEY`, `data/master.key`.
    let source: String
    let secret: SecretBytes
    private let sealKey: SecretBytes

    private init(_ secret: SecretBytes, source: String) {
        func derive(_ purpose: StaticString) -> SecretBytes {
            secret.withBytes { HKDF.derive($0, salt: Bytes(""), purpose: Bytes(purpose)) }
        }
        self.secret = secret
        self.source = source
        sealKey = derive("gateway: seal")
        id = derive("gateway: key id").withBytes { Hexadecimal.text($0.slice(0, Self.idCharacters / 2)) }
    }

    /// 64 hexadecimal digits are the key itself; any other text of at least 32 characters is made into one.
    /// - Throws: `VaultFault.key` naming the source.
    init(_ text: Secret, source: String) throws(VaultFault) {
        var bytes = Array(text.reveal().utf8)
        defer { bytes.wipe() }
        while let last = bytes.last, last == 0x0a || last == 0x0d { bytes.removeLast() }
        guard bytes.count >= Self.textMinimum else {
            throw .key(
                "\(source) has \(bytes.count) characters; a master key is 64 hexadecimal digits (openssl rand -hex 32), or a text "
                    + "of at least \(Self.textMinimum) characters")
        }
        if var key = Hexadecimal.bytes(bytes), key.count == AESGCM.keyBytes {
            self.init(key.withUnsafeBytes { SecretBytes(copying: $0) }, source: source)
            key.wipe()
        } else {
            let secret = bytes.withUnsafeBytes {
                HKDF.derive(Bytes($0), salt: Bytes("gateway: master key"), purpose: Bytes("gateway: from text"))
            }
            self.init(secret, source: source)
        }
    }

    /// The secret of a key that another one has kept.
    init(secret: SecretBytes, source: String) throws(VaultFault) {
        guard secret.count == AESGCM.keyBytes else { throw .malformed }
        self.init(secret, source: source)
    }

    /// A new key.
    static func random(source: String) -> MasterKey {
        MasterKey(SecretBytes(count: AESGCM.keyBytes) { RandomBytes.fill($0) }, source: source)
    }

    /// The key as a file holds it. Hand it to nothing else.
    func reveal() -> Secret { Secret(secret.withBytes { Hexadecimal.text($0) }) }

    func seal(_ plain: [UInt8], at place: SealPlace) -> String {
        SealedText(keyID: id, sealed: AESGCM.seal(plain, key: sealKey, place: place.bytes)).text
    }

    /// nil when it is not what this key has sealed at this place.
    func open(_ sealed: SealedText, at place: SealPlace) -> [UInt8]? {
        sealed.keyID == id ? AESGCM.open(sealed.sealed, key: sealKey, place: place.bytes) : nil
    }

    var description: String { "key \(id) of \(source)" }
}
