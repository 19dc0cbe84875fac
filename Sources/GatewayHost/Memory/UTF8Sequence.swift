// One character of UTF-8, judged as the Unicode standard does (table 3-7: no overlong forms, no
// surrogates, nothing above U+10FFFF).
//
// Kind: value (pure functions).

enum UTF8Sequence {
    /// How many bytes the character at `at` takes, 1...4; 0 when it is not well formed or not whole.
    @inline(__always)
    static func count(_ base: UnsafePointer<UInt8>, _ at: Int, _ end: Int) -> Int {
        assert(at < end)
        let lead = base[at]
        if lead < 0x80 { return 1 }
        return countAboveASCII(base, at, end, lead)
    }

    private static func countAboveASCII(_ base: UnsafePointer<UInt8>, _ at: Int, _ end: Int, _ lead: UInt8) -> Int {
        guard lead >= 0xc2, lead <= 0xf4, at + 1 < end else { return 0 }
        let second = base[at + 1]
        let lowest: UInt8
        let highest: UInt8
        switch lead {
        case 0xe0: (lowest, highest) = (0xa0, 0xbf)
        case 0xed: (lowest, highest) = (0x80, 0x9f)
        case 0xf0: (lowest, highest) = (0x90, 0xbf)
        case 0xf4: (lowest, highest) = (0x80, 0x8f)
        default: (lowest, highest) = (0x80, 0xbf)
        }
        guard second >= lowest, second <= highest else { return 0 }
        if lead < 0xe0 { return 2 }
        guard at + 2 < end, base[at + 2] & 0xc0 == 0x80 else { return 0 }
        if lead < 0xf0 { return 3 }
        guard at + 3 < end, base[at + 3] & 0xc0 == 0x80 else { return 0 }
        return 4
    }

    /// Writes the encoding of a scalar value, at most four bytes, and returns how many; a surrogate
    /// becomes U+FFFD.
    @inline(__always)
    static func write(_ scalar: UInt32, to target: UnsafeMutablePointer<UInt8>) -> Int {
        assert(scalar < 0x110000)
        func continuation(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: scalar >> shift & 0x3f) }
        switch scalar {
        case 0..<0x80:
            target[0] = UInt8(scalar)
            return 1
        case 0x80..<0x800:
            target[0] = 0xc0 | UInt8(scalar >> 6)
            target[1] = continuation(0)
            return 2
        case 0xd800..<0xe000:
            (target[0], target[1], target[2]) = (0xef, 0xbf, 0xbd)
            return 3
        case 0x800..<0x10000:
            target[0] = 0xe0 | UInt8(scalar >> 12)
            target[1] = continuation(6)
            target[2] = continuation(0)
            return 3
        default:
            target[0] = 0xf0 | UInt8(truncatingIfNeeded: scalar >> 18 & 7)
            target[1] = continuation(12)
            target[2] = continuation(6)
            target[3] = continuation(0)
            return 4
        }
    }
}
