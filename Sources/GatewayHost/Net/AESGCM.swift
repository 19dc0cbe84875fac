// AES-256-GCM: what is sealed can neither be read nor changed, nor put in another place, without the key.
//
//   sealed = nonce (12 random bytes) | ciphertext | tag (16)
//
// Random nonces allow 2^32 messages for one key before two of them may meet (NIST SP 800-38D section 8.3); a
// store that changes a secret every second reaches that after a century.
//
// Kind: pure, but for the random nonce.

import COpenSSL

enum AESGCM {
    static let keyBytes = 32
    private static let nonceBytes = 12
    private static let tagBytes = 16
    static let overheadBytes = nonceBytes + tagBytes

    /// - Parameter place: is not part of the result, and must be the same when it is opened.
    static func seal(_ plain: [UInt8], key: SecretBytes, place: [UInt8]) -> [UInt8] {
        precondition(key.count == keyBytes)
        var sealed = [UInt8](repeating: 0, count: plain.count + overheadBytes)
        let done = sealed.withUnsafeMutableBytes { sealed in
            RandomBytes.fill(UnsafeMutableRawBufferPointer(rebasing: sealed[..<nonceBytes]))
            let start = sealed.baseAddress!.assumingMemoryBound(to: UInt8.self)
            return key.withBytes {
                gwtls_gcm_seal($0.base, start, place, Int32(place.count), plain, Int32(plain.count), start + nonceBytes)
            }
        }
        precondition(done == 1, "OpenSSL could not encrypt")
        return sealed
    }

    /// nil when the key or the place is another, or a bit has changed.
    static func open(_ sealed: [UInt8], key: SecretBytes, place: [UInt8]) -> [UInt8]? {
        precondition(key.count == keyBytes)
        guard sealed.count >= overheadBytes else { return nil }
        var plain = [UInt8](repeating: 0, count: sealed.count - overheadBytes)
        let count = Int32(plain.count)
        let done = sealed.withUnsafeBufferPointer { sealed in
            plain.withUnsafeMutableBytes { plain in
                // An empty array may have no address, and OpenSSL takes none for a request of another kind.
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { spare in
                    let target = plain.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? spare.baseAddress!
                    return key.withBytes {
                        gwtls_gcm_open(
                            $0.base, sealed.baseAddress!, place, Int32(place.count), sealed.baseAddress! + nonceBytes, count,
                            target)
                    }
                }
            }
        }
        if done != 1 { plain.wipe() }
        return done == 1 ? plain : nil
    }
}
