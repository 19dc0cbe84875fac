// How claude-relay-service seals a field: AES-256-CBC, written `<iv>:<ciphertext>` in hexadecimal, under a key that scrypt makes of its
// ENCRYPTION_KEY and a salt of the kind of account.
//
// It stores the plain text when sealing fails, and returns the sealed one when opening fails, so what stands in a field is looked at,
// not believed.
//
// Kind: pure; a key takes some 50 ms, once for each salt.

struct CRSCipher {
    /// What stood in a field.
    enum Opened: Equatable {
        case text(Secret)
        /// It was never sealed.
        case plain(Secret)
        /// Sealed with another key, or damaged.
        case unreadable
    }

    private let key: SecretBytes

    init(encryptionKey: Secret, salt: String) {
        key = Scrypt.foreignKey(of: encryptionKey, salt: Array(salt.utf8), costLog: 14, blockSize: 8, parallelism: 1)
    }

    func open(_ field: String) -> Opened {
        guard let (vector, sealed) = CRSCipher.parts(field) else { return .plain(Secret(field)) }
        guard let plain = AESCBC.open(sealed, key: key, vector: vector), let text = String(validating: plain, as: UTF8.self) else {
            return .unreadable
        }
        // What was sealed twice, because opening it had failed, is still sealed.
        return CRSCipher.parts(text) == nil ? .text(Secret(text)) : .unreadable
    }

    private static func parts(_ field: String) -> (vector: [UInt8], sealed: [UInt8])? {
        let parts = field.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 2 * AESCBC.vectorBytes, let vector = bytes(parts[0]), let sealed = bytes(parts[1]),
            !sealed.isEmpty
        else { return nil }
        return (vector, sealed)
    }

    private static func bytes(_ text: Substring) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[place...place + 1], as: UTF8.self), radix: 16) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
