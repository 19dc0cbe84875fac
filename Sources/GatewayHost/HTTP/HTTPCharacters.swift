// Which bytes may stand where in a head.
//
// Each class is a set of 128 bits in two constants, so a test is a shift and no memory is read.
//
// Kind: value (pure functions).

enum HTTPCharacters {
    @inline(__always)
    private static func isIn(_ byte: UInt8, _ low: UInt64, _ high: UInt64) -> Bool {
        let word = byte < 64 ? low : high
        return byte < 128 && (word >> UInt64(byte & 63)) & 1 != 0
    }

    /// `tchar`: methods and field names (RFC 9110 section 5.6.2).
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        isIn(byte, 0x03ff_6cfa_0000_0000, 0x57ff_ffff_c7ff_fffe)
    }

    /// `pchar`, `/` and `%`: the path of a target (RFC 3986 section 3.3).
    @inline(__always)
    static func isPath(_ byte: UInt8) -> Bool {
        isIn(byte, 0x2fff_fff2_0000_0000, 0x47ff_fffe_87ff_ffff)
    }

    /// The query of a target: every visible ASCII character but `#`. RFC 3986 allows fewer, but
    /// clients do send brackets and bars there, and nothing is decided by a query's characters.
    @inline(__always)
    static func isQuery(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7f && byte != 0x23 }

    /// A host with optional port: letters, digits, `-._~%:[]`. Without the sub-delimiters that
    /// RFC 3986 also allows: no real name has them, and a comma would mean two joined headers.
    @inline(__always)
    static func isHost(_ byte: UInt8) -> Bool {
        isIn(byte, 0x07ff_6020_0000_0000, 0x47ff_fffe_afff_fffe)
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
}
