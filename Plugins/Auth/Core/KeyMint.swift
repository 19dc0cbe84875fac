// New keys, and what people may see of one.
//
// Kind: pure; random bytes come from the caller.

import PluginKit

enum KeyMint {
    /// `cr_` and 64 hexadecimal digits: 256 bits that nobody can guess.
    static func key(prefix: String, _ random: (UnsafeMutableRawBufferPointer) -> Void) -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        bytes.withUnsafeMutableBytes(random)
        let digits = Array("0123456789abcdef".utf8)
        return prefix + String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Its first seven and last four characters, by which its owner knows it again; of a short one less.
    static func hint(_ key: String) -> String {
        key.utf8.count >= 24 ? "\(key.prefix(7))…\(key.suffix(4))" : "\(key.prefix(2))…"
    }

    /// Letters, digits, `_` and `-`.
    static func isPlain(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte == 0x5f || byte == 0x2d
    }
}
