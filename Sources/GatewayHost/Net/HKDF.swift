// Keys from a key: HMAC-SHA256 (RFC 2104) and HKDF over it (RFC 5869).
//
// Kind: pure.

import COpenSSL

enum HMAC {
    static let byteCount = 32

    /// HMAC-SHA256 of `message` into `result`, which has 32 bytes and may overlap neither.
    static func sha256(key: Bytes, _ message: Bytes, into result: UnsafeMutablePointer<UInt8>) {
        var count: UInt32 = 0
        let empty: StaticString = ""
        let done = COpenSSL.HMAC(
            EVP_sha256(), key.base ?? empty.utf8Start, Int32(key.count), message.base ?? empty.utf8Start, message.count,
            result, &count)
        precondition(done != nil && count == byteCount, "OpenSSL could not compute an HMAC")
    }
}

enum HKDF {
    /// 32 bytes from `secret`, different for each `purpose`. `salt` may be empty.
    static func derive(_ secret: Bytes, salt: Bytes, purpose: Bytes) -> SecretBytes {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: HMAC.byteCount) { pseudorandom in
            defer { OPENSSL_cleanse(pseudorandom.baseAddress, pseudorandom.count) }
            HMAC.sha256(key: salt, secret, into: pseudorandom.baseAddress!)
            // One round of the expansion: T(1) = HMAC(PRK, info | 0x01), since no more than 32 bytes are wanted.
            let round = [UInt8](purpose.buffer) + [1]
            return SecretBytes(count: HMAC.byteCount) { output in
                round.withUnsafeBytes { round in
                    HMAC.sha256(
                        key: Bytes(UnsafeRawBufferPointer(pseudorandom)), Bytes(round),
                        into: output.baseAddress!.assumingMemoryBound(to: UInt8.self))
                }
            }
        }
    }
}
