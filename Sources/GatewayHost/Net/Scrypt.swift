// Passwords, so that whoever steals the store has to guess each one dearly: scrypt (RFC 7914).
//
//   $scrypt$ln=15,r=8,p=3$<salt>$<hash>     base64url; the parameters are read back, so they can grow
//
// One hash takes 32 MB and a good quarter of a second of one core: never on a loop, and never many at once.
//
// Kind: pure, but for the random salt.

import COpenSSL

enum Scrypt {
    /// OWASP's recommendation of equal strength with the least memory among those above 16 MB.
    private static let costLog: UInt64 = 15
    private static let blockSize: UInt64 = 8
    private static let parallelism: UInt64 = 3
    private static let saltBytes = 16
    private static let hashBytes = 32
    /// Of a stored text's parameters: 256 MB, so that a text from elsewhere cannot take the machine down.
    private static let memoryLimit: UInt64 = 256 << 20

    /// The text to store for a password.
    /// - Thread: any but a loop's; blocks for a quarter of a second.
    static func hash(_ password: Secret) -> String {
        var salt = [UInt8](repeating: 0, count: saltBytes)
        salt.withUnsafeMutableBytes { RandomBytes.fill($0) }
        return hash(password, salt: salt, costLog: costLog, blockSize: blockSize, parallelism: parallelism)
    }

    static func hash(_ password: Secret, salt: [UInt8], costLog: UInt64, blockSize: UInt64, parallelism: UInt64) -> String {
        guard let hash = derive(password, salt, costLog, blockSize, parallelism, count: hashBytes) else {
            preconditionFailure("OpenSSL could not compute scrypt: too little memory?")
        }
        return "$scrypt$ln=\(costLog),r=\(blockSize),p=\(parallelism)$\(Base64URL.text(salt))$\(Base64URL.text(hash))"
    }

    /// A text that nobody knows the password of, and that costs as much to hold one against as any that `hash` makes: for
    /// users that there are not.
    static func textOfNobody() -> String {
        func random(_ count: Int) -> String {
            var bytes = [UInt8](repeating: 0, count: count)
            bytes.withUnsafeMutableBytes { RandomBytes.fill($0) }
            return Base64URL.text(bytes)
        }
        return "$scrypt$ln=\(costLog),r=\(blockSize),p=\(parallelism)$\(random(saltBytes))$\(random(hashBytes))"
    }

    /// Whether `stored` is the text of this password. False for a text that is none of ours.
    /// - Thread: any but a loop's; blocks for a quarter of a second.
    static func verify(_ password: Secret, against stored: String) -> Bool {
        let parts = stored.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt", let salt = Base64URL.bytes(parts[3]),
            let hash = Base64URL.bytes(parts[4]), hash.count == hashBytes
        else { return false }
        var numbers: [UInt64] = []
        for (parameter, name) in zip(parts[2].split(separator: ","), ["ln=", "r=", "p="]) {
            guard parameter.hasPrefix(name), let number = UInt64(parameter.dropFirst(name.count)) else { return false }
            numbers.append(number)
        }
        guard numbers.count == 3, 1...20 ~= numbers[0], 1...32 ~= numbers[1], 1...16 ~= numbers[2],
            let found = derive(password, salt, numbers[0], numbers[1], numbers[2], count: hash.count)
        else { return false }
        return ConstantTime.equal(found, hash)
    }

    /// A key for sealing what leaves the store, made of a passphrase.
    /// - Thread: any but a loop's; blocks for a quarter of a second.
    static func key(of passphrase: Secret, salt: [UInt8]) -> SecretBytes {
        guard var bytes = derive(passphrase, salt, costLog, blockSize, parallelism, count: AESGCM.keyBytes) else {
            preconditionFailure("OpenSSL could not compute scrypt: too little memory?")
        }
        defer { bytes.wipe() }
        return bytes.withUnsafeBytes { SecretBytes(copying: $0) }
    }

    /// The key that somebody else made of a passphrase, with parameters of theirs.
    static func foreignKey(of passphrase: Secret, salt: [UInt8], costLog: UInt64, blockSize: UInt64, parallelism: UInt64) -> SecretBytes {
        guard var bytes = derive(passphrase, salt, costLog, blockSize, parallelism, count: AESCBC.keyBytes) else {
            preconditionFailure("OpenSSL could not compute scrypt: too little memory?")
        }
        defer { bytes.wipe() }
        return bytes.withUnsafeBytes { SecretBytes(copying: $0) }
    }

    private static func derive(
        _ password: Secret, _ salt: [UInt8], _ costLog: UInt64, _ blockSize: UInt64, _ parallelism: UInt64, count: Int
    ) -> [UInt8]? {
        var hash = [UInt8](repeating: 0, count: count)
        var text = password.reveal()
        let done = text.withUTF8 { text in
            text.withMemoryRebound(to: CChar.self) {
                EVP_PBE_scrypt(
                    $0.baseAddress, $0.count, salt, salt.count, 1 << costLog, blockSize, parallelism, memoryLimit, &hash, count)
            }
        }
        if done != 1 { TLSQueue.clear() }
        return done == 1 ? hash : nil
    }
}

enum ConstantTime {
    /// Equality whose time says nothing of where two texts of one length differ.
    static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
    }
}
