// SHA-256 and HMAC-SHA-256: plugins link against nothing, so the two functions that keys need are
// here, in plain words and checked against the published vectors.
//
// Kind: pure values. Their running time depends on the length of the input and never on its content.
// Source: FIPS 180-4 sections 4 to 6, RFC 2104 section 2.

/// 256 bits, compared in constant time.
public struct Digest: Sendable {
    public var words: InlineArray<8, UInt32>

    public init(words: InlineArray<8, UInt32>) { self.words = words }

    /// From 64 hexadecimal digits; nil for anything else.
    public init?(hexadecimal text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 64 else { return nil }
        words = InlineArray(repeating: 0)
        for (index, digit) in digits.enumerated() {
            guard let value = Character(Unicode.Scalar(digit)).hexDigitValue, digit < 0x80 else {
                return nil
            }
            words[index / 8] = words[index / 8] << 4 | UInt32(value)
        }
    }

    /// Equality whose time says nothing about where two digests differ.
    public func equals(_ other: Digest) -> Bool {
        var difference: UInt32 = 0
        for index in 0..<8 { difference |= words[index] ^ other.words[index] }
        return difference == 0
    }

    public var hexadecimal: String {
        var text = ""
        for index in 0..<8 {
            let digits = String(words[index], radix: 16)
            text += String(repeating: "0", count: 8 - digits.count) + digits
        }
        return text
    }
}

public struct SHA256: Sendable {
    private var state: InlineArray<8, UInt32> = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
        0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    private var block = InlineArray<64, UInt8>(repeating: 0)
    private var pending = 0
    private var length: UInt64 = 0

    public init() {}

    public static func digest(of bytes: Bytes) -> Digest {
        var hash = SHA256()
        hash.append(bytes)
        return hash.finish()
    }

    public mutating func append(_ bytes: Bytes) {
        for byte in bytes.buffer { append(byte) }
    }

    public mutating func append(_ digest: Digest) {
        for index in 0..<8 {
            for shift in stride(from: 24, through: 0, by: -8) {
                append(UInt8(truncatingIfNeeded: digest.words[index] >> UInt32(shift)))
            }
        }
    }

    @inline(__always)
    public mutating func append(_ byte: UInt8) {
        block[pending] = byte
        pending += 1
        length &+= 8
        if pending == 64 {
            compress()
            pending = 0
        }
    }

    public consuming func finish() -> Digest {
        let bits = length
        append(0x80)
        while pending != 56 { append(0) }
        for shift in stride(from: 56, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
        }
        return Digest(words: state)
    }

    private mutating func compress() {
        // The schedule in a ring of 16 words: word t overwrites word t - 16.
        var w = InlineArray<16, UInt32>(repeating: 0)
        for t in 0..<16 {
            w[t] =
                UInt32(block[4 * t]) << 24 | UInt32(block[4 * t + 1]) << 16
                | UInt32(block[4 * t + 2]) << 8 | UInt32(block[4 * t + 3])
        }
        var a = state[0]
        var b = state[1]
        var c = state[2]
        var d = state[3]
        var e = state[4]
        var f = state[5]
        var g = state[6]
        var h = state[7]
        for t in 0..<64 {
            if t >= 16 {
                let w15 = w[(t + 1) & 15]
                let w2 = w[(t + 14) & 15]
                let s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ w15 >> 3
                let s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ w2 >> 10
                w[t & 15] = w[t & 15] &+ s0 &+ w[(t + 9) & 15] &+ s1
            }
            let sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
            let choice = e & f ^ ~e & g
            let t1 = h &+ sum1 &+ choice &+ roundConstants[t] &+ w[t & 15]
            let sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
            let majority = a & b ^ a & c ^ b & c
            h = g
            g = f
            f = e
            e = d &+ t1
            d = c
            c = b
            b = a
            a = t1 &+ sum0 &+ majority
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
        state[5] &+= f
        state[6] &+= g
        state[7] &+= h
    }
}

/// HMAC-SHA-256 under one key; the two hashes that begin with the key are prepared once.
public struct HMACSHA256: Sendable {
    private var inner = SHA256()
    private var outer = SHA256()

    /// - Parameter key: at most 64 bytes; a longer one would have to be hashed first.
    public init(key: Bytes) {
        precondition(key.count <= 64, "a key longer than a block of the hash")
        for index in 0..<64 {
            let byte = index < key.count ? key[index] : 0
            inner.append(byte ^ 0x36)
            outer.append(byte ^ 0x5c)
        }
    }

    public func tag(of digest: Digest) -> Digest {
        var hash = inner
        hash.append(digest)
        return finish(hash)
    }

    public func tag(of bytes: Bytes) -> Digest {
        var hash = inner
        hash.append(bytes)
        return finish(hash)
    }

    private func finish(_ innerHash: SHA256) -> Digest {
        var hash = outer
        hash.append(innerHash.finish())
        return hash.finish()
    }
}

@inline(__always)
private func rotate(_ word: UInt32, _ bits: UInt32) -> UInt32 { word >> bits | word << (32 - bits) }

private let roundConstants: InlineArray<64, UInt32> = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
    0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe,
    0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f,
    0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da, 0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
    0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc,
    0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
    0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070, 0x19a4_c116,
    0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
    0xc671_78f2,
]
