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
        var state = State(key0, key1)
        return state.finish(state.take(bytes), count: bytes.count)
    }

    /// Of two texts in one pass. Neither can run into the other, whatever they are: what is hashed is the count of the
    /// first in eight bytes, the first with zeros up to a multiple of eight, and the second.
    public func tag(of first: Bytes, _ second: Bytes) -> SipTag {
        var state = State(key0, key1)
        state.take(UInt64(first.count))
        let rest = state.take(first)
        if first.count & 7 != 0 { state.take(rest) }
        return state.finish(state.take(second), count: (first.count + 7) & ~7 &+ second.count)
    }

    private struct State {
        var v0, v1, v2, v3: UInt64

        @inline(__always)
        init(_ key0: UInt64, _ key1: UInt64) {
            v0 = key0 ^ 0x736f_6d65_7073_6575
            v1 = key1 ^ 0x646f_7261_6e64_6f6d ^ 0xee  // 0xee: the variant with 128 bits
            v2 = key0 ^ 0x6c79_6765_6e65_7261
            v3 = key1 ^ 0x7465_6462_7974_6573
        }

        @inline(__always)
        mutating func round() {
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
        mutating func take(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        /// Takes the whole words of `bytes`; what is left of them, up to seven bytes, is the low end of the result.
        @inline(__always)
        mutating func take(_ bytes: Bytes) -> UInt64 {
            let raw = UnsafeRawBufferPointer(bytes.buffer)
            var offset = 0
            while offset &+ 8 <= raw.count {
                take(UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
                offset &+= 8
            }
            let left = raw.count &- offset
            guard left > 0 else { return 0 }
            if offset > 0 {
                // The last eight bytes, without those that were in the word before.
                let last = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: raw.count - 8, as: UInt64.self))
                return last &>> UInt64((8 &- left) &* 8)
            }
            var rest: UInt64 = 0
            for byte in raw.reversed() { rest = rest &<< 8 | UInt64(byte) }
            return rest
        }

        /// - Parameters:
        ///   - rest: the bytes of the last word, up to seven.
        ///   - count: of all bytes.
        @inline(__always)
        mutating func finish(_ rest: UInt64, count: Int) -> SipTag {
            take(rest | UInt64(count & 0xff) << 56)
            v2 ^= 0xee
            for _ in 0..<4 { round() }
            let low = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xdd
            for _ in 0..<4 { round() }
            return SipTag(low: low, high: v0 ^ v1 ^ v2 ^ v3)
        }
    }
}
