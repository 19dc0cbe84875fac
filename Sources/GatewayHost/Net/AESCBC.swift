// AES-256-CBC, to read what another system has sealed with it. It does not notice changes: whoever uses this looks at what comes out.
//
// Kind: pure.

import COpenSSL

enum AESCBC {
    static let keyBytes = 32
    static let vectorBytes = 16

    /// nil when the length is not one of whole blocks or the padding (PKCS#7) is none, which a wrong key shows nearly always.
    static func open(_ sealed: [UInt8], key: SecretBytes, vector: [UInt8]) -> [UInt8]? {
        guard key.count == keyBytes, vector.count == vectorBytes, !sealed.isEmpty, sealed.count % 16 == 0 else { return nil }
        var plain = [UInt8](repeating: 0, count: sealed.count)
        let count = plain.withUnsafeMutableBufferPointer { room in
            key.withBytes { gwtls_cbc_open($0.base!, vector, sealed, Int32(sealed.count), room.baseAddress!) }
        }
        guard count >= 0 else { return nil }
        return Array(plain[..<Int(count)])
    }
}
