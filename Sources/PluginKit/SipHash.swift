// SipHash-2-4 with 128 bits: a keyed hash for short inputs that costs tens of nanoseconds.
//
// Under a secret random key it is a pseudorandom function, so equal tags mean equal inputs but for
// a chance of 2^-128 per guess, and a tag tells nothing about its input to whoever lacks the key.
//
// Kind: pure value. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF"; the 128-bit
// variant as in the authors' reference code.

public struct SipTag: Hashable, Sendable, BitwiseCopyable {
    public var low: UInt64
    public var high: UInt64

    @inlinable
    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }
}

public struct SipHash: Sendable {
    private let key0: UInt64
    private let key1: UInt64

    public init(key0: UInt64, key1: UInt64) {
        self.key0 = key0
        self.key1 = key1
    }

    public func tag(of bytes: Bytes) -> SipTag {
        var v0 = key0 ^ 0x736f_6d65_7073_6575
        var v1 = key1 ^ 0x646f_7261_6e64_6f6d ^ 0xee  // 0xee: the variant with 128 bits
        var v2 = key0 ^ 0x6c79_6765_6e65_7261
        var v3 = key1 ^ 0x7465_6462_7974_6573

        @inline(__always)
        func round() {
            v0 &+= v1
            v1 = v1 << 13 | v1 >> 51
            v1 ^= v0
            v0 = v0 << 32 | v0 >> 32
            v2 &+= v3
            v3 = v3 << 16 | v3 >> 48
            v3 ^= v2
            v0 &+= v3
            v3 = v3 << 21 | v3 >> 43
            v3 ^= v0
            v2 &+= v1
            v1 = v1 << 17 | v1 >> 47
            v1 ^= v2
            v2 = v2 << 32 | v2 >> 32
        }

        @inline(__always)
        func take(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        let raw = UnsafeRawBufferPointer(bytes.buffer)
        var offset = 0
        while offset + 8 <= raw.count {
            take(UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        var last = UInt64(raw.count & 0xff) << 56
        for index in offset..<raw.count { last |= UInt64(raw[index]) << UInt64((index - offset) * 8) }
        take(last)

        v2 ^= 0xee
        for _ in 0..<4 { round() }
        let low = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xdd
        for _ in 0..<4 { round() }
        return SipTag(low: low, high: v0 ^ v1 ^ v2 ^ v3)
    }
}
