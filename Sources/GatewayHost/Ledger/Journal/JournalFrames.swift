// Rows in the frames in which loops hand them over: the length is there, the checksum is not; the journal's thread
// computes it, off the loops.
//
// Kind: pure functions.

enum JournalFrames {
    /// Puts the length before a row that was encoded behind `memory + JournalRecord.headBytes`.
    /// - Returns: the length of the frame.
    @inline(__always)
    static func end(_ memory: UnsafeMutableRawPointer, _ encoder: RowEncoder) -> Int {
        memory.storeBytes(of: UInt32(truncatingIfNeeded: encoder.count).littleEndian, as: UInt32.self)
        return JournalRecord.headBytes + encoder.count
    }

    static func frame(_ row: (inout RowEncoder) -> Void) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: JournalRecord.headBytes + RowEncoder.rowLimit) { buffer, count in
            let memory = UnsafeMutableRawPointer(buffer.baseAddress!)
            var encoder = RowEncoder(memory + JournalRecord.headBytes)
            row(&encoder)
            count = end(memory, encoder)
        }
    }

    /// Tells each row of whole frames.
    @inline(__always)
    static func forEach(_ frames: UnsafeRawBufferPointer, _ body: (Bytes) -> Void) {
        var offset = 0
        while offset < frames.count {
            let length = length(frames, at: offset)
            body(Bytes(UnsafeRawBufferPointer(rebasing: frames[offset + JournalRecord.headBytes..<offset + length])))
            offset += length
        }
    }

    /// The length of the frame at `offset`.
    static func length(_ frames: UnsafeRawBufferPointer, at offset: Int) -> Int {
        JournalRecord.headBytes + Int(UInt32(littleEndian: frames.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
}
