// The first 32 bytes of a segment: what it is, its number, when it was begun, whether it was compacted, a checksum.
//
// Kind: value. Pure.

import CLinux

struct SegmentHeader: Equatable {
    static let byteCount = 32
    /// "GWLEDG" and the version of the frame, which is another thing than the version of a row.
    private static let magic: UInt64 = 0x31_30_47_44_45_4c_57_47

    var number: UInt64
    /// Nanoseconds since 1970.
    var created: Int64
    /// Open rows were left out when all of them had a seal.
    var isCompacted = false

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        func add(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { bytes += $0 } }
        add(Self.magic)
        add(number)
        add(UInt64(bitPattern: created))
        let flags: UInt64 = isCompacted ? 1 : 0
        add(flags << 32 | UInt64(bytes.withUnsafeBytes { gwl_crc32c(UInt32(flags), $0.baseAddress, $0.count) }))
        return bytes
    }

    init(number: UInt64, created: Int64, isCompacted: Bool = false) {
        self.number = number
        self.created = created
        self.isCompacted = isCompacted
    }

    /// Nil when these are not the first bytes of a segment.
    init?(_ bytes: Bytes) {
        guard bytes.count >= Self.byteCount, let base = bytes.base else { return nil }
        func word(_ at: Int) -> UInt64 { UInt64(littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self)) }
        let flags = UInt32(truncatingIfNeeded: word(24) >> 32)
        guard word(0) == Self.magic, UInt32(truncatingIfNeeded: word(24)) == gwl_crc32c(flags, base, 24) else { return nil }
        isCompacted = flags & 1 != 0
        number = word(8)
        created = Int64(bitPattern: word(16))
    }
}
