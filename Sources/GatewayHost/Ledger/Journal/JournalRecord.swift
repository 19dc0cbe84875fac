// The frame of a row in a journal: its length and a checksum of length and row, both 32 bits little-endian,
// then the row.
//
// A frame is whole or it is not there: whoever reads takes nothing of a frame whose checksum is wrong. A length
// of zero, which is what a file has that was extended and not written, is no frame.
//
// Kind: pure functions over memory.

import CLinux

enum JournalRecord {
    static let headBytes = 8

    /// Puts the head before a row of `count` bytes that stands at `record + headBytes`.
    static func seal(_ record: UnsafeMutableRawPointer, _ count: Int) {
        assert(count > 0 && count <= RowEncoder.rowLimit)
        let length = UInt32(truncatingIfNeeded: count)
        record.storeBytes(of: length.littleEndian, as: UInt32.self)
        record.storeBytes(of: gwl_crc32c_counted(length, record + headBytes).littleEndian, toByteOffset: 4, as: UInt32.self)
    }

    /// The row of the frame at `offset`; nil when none is whole there.
    static func row(_ bytes: Bytes, at offset: Int) -> Bytes? {
        guard bytes.count - offset > headBytes, let base = bytes.base else { return nil }
        let record = UnsafeRawPointer(base + offset)
        let length = UInt32(littleEndian: record.loadUnaligned(as: UInt32.self))
        guard length > 0, length <= RowEncoder.rowLimit, bytes.count - offset - headBytes >= Int(length) else { return nil }
        let sum = UInt32(littleEndian: record.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        guard sum == gwl_crc32c_counted(length, record + headBytes) else { return nil }
        return bytes.slice(offset + headBytes, offset + headBytes + Int(length))
    }
}
