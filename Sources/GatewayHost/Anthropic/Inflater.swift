// Reads compressed bodies: gzip and zlib, in pieces, up to a limit.
//
// The relay passes compressed bytes on untouched; this works on a copy, to read usage from answers and
// the model from requests. A stream that is not what it says, or that grows beyond the limit, ends
// the reading and nothing else.
//
// Kind: loop-confined. zlib's state takes about 40 KB and exists only while this object does.

import CZlib

final class Inflater {
    enum Failure: Equatable { case malformed, tooLarge, outOfMemory }

    /// One piece of output. Events are shorter than this, so most reads give one piece.
    private static let pieceBytes = 16 << 10

    /// What stopped the reading; nil while all is well.
    private(set) var failure: Failure?
    /// The compressed stream is complete. More input would begin another one, as gzip allows.
    private(set) var isAtEnd = false

    private let stream: UnsafeMutablePointer<z_stream>
    private let piece: UnsafeMutablePointer<UInt8>
    private let outputLimit: Int
    private var outputBytes = 0

    /// - Parameter outputLimit: in bytes; a bomb of 1 MB makes 1 GB.
    init(outputLimit: Int) {
        self.outputLimit = outputLimit
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        piece = .allocate(capacity: Self.pieceBytes)
        // 15 bits of window, plus 32: take the gzip or zlib header as it comes (zlib.h, inflateInit2).
        let status = inflateInit2_(stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        if status != Z_OK { failure = .outOfMemory }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        piece.deallocate()
    }

    /// The next piece of what `input` holds from `offset` on; nil when the input is used up, or after a
    /// failure. A piece is valid until the next call.
    func next(_ input: Bytes, from offset: inout Int) -> Bytes? {
        while failure == nil {
            if isAtEnd {
                guard offset < input.count else { return nil }
                guard inflateReset(stream) == Z_OK else {
                    failure = .malformed
                    return nil
                }
                isAtEnd = false
            }
            let given = min(input.count - offset, Int(UInt32.max))
            // zlib does not write through next_in; its type only lacks the const.
            stream.pointee.next_in = input.base.map { UnsafeMutablePointer(mutating: $0 + offset) }
            stream.pointee.avail_in = UInt32(given)
            stream.pointee.next_out = piece
            stream.pointee.avail_out = UInt32(Self.pieceBytes)
            let status = inflate(stream, Z_NO_FLUSH)
            offset += given - Int(stream.pointee.avail_in)
            let produced = Self.pieceBytes - Int(stream.pointee.avail_out)
            switch status {
            case Z_STREAM_END: isAtEnd = true
            case Z_OK: break
            case Z_BUF_ERROR: return nil  // nothing more can be done without input (zlib.h)
            case Z_MEM_ERROR: failure = .outOfMemory
            default: failure = .malformed
            }
            // What came before the damage, or fits the limit, counts, so that the way the input was
            // split changes nothing.
            let room = outputLimit - outputBytes
            if produced > room { failure = .tooLarge }
            outputBytes += min(produced, room)
            if produced > 0, room > 0 { return Bytes(base: piece, count: min(produced, room)) }
        }
        return nil
    }

    /// A whole compressed body at once; nil when it is malformed, cut off, or inflates beyond the limit.
    static func inflate(_ body: Bytes, limit: Int) -> [UInt8]? {
        let inflater = Inflater(outputLimit: limit)
        var result: [UInt8] = []
        var offset = 0
        while let piece = inflater.next(body, from: &offset) { result.append(contentsOf: piece.buffer) }
        return inflater.failure == nil && inflater.isAtEnd ? result : nil
    }

    private func inflate(_ stream: UnsafeMutablePointer<z_stream>, _ flush: Int32) -> Int32 {
        CZlib.inflate(stream, flush)
    }
}
