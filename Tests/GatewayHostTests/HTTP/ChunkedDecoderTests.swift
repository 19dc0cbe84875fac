// Chunked bodies: what comes out, wherever they are cut, and what is refused.

import Testing

@testable import GatewayHost

/// What a decoder made of a body that came in pieces.
struct ChunkedReading: Equatable {
    var data: [UInt8] = []
    var fault: HTTPFault?
    var hasEnded = false
    /// Bytes behind the end of the body.
    var rest = 0

    init(_ pieces: [WireText], limits: HTTPLimits = .standard) {
        var decoder = ChunkedDecoder(limits: limits)
        for piece in pieces {
            var offset = 0
            reading: while fault == nil, !hasEnded {
                switch decoder.next(piece.buffer, from: &offset) {
                case .data(let range):
                    #expect(!range.isEmpty)
                    data += piece.buffer[range]
                case .needMore:
                    #expect(offset == piece.count)
                    break reading
                case .end: hasEnded = true
                case .failed(let fault): self.fault = fault
                }
            }
            if hasEnded { rest += piece.count - offset }
        }
    }

    init(_ text: String, limits: HTTPLimits = .standard) { self.init([WireText(text)], limits: limits) }
}

@Suite struct ChunkedDecoderTests {
    @Test(arguments: [
        "5\r\nhello\r\n0\r\n\r\nnext",
        "1\r\na\r\n0A;name=\"value\"\r\n0123456789\r\n000\r\nX-Sum: 5\r\nY: \r\n\r\n",
        "5\r\nhel\r\n\r\n0\r\n\r\n", "0\r\n\r\n", "3\r\nabc\r\nx",
    ])
    func everySplitReadsTheSame(_ text: String) {
        let wire = WireText(text)
        let whole = ChunkedReading([wire])
        for pieces in wire.splits { #expect(ChunkedReading(pieces) == whole) }
    }

    @Test func dataComesOutAndTheRestStays() {
        let reading = ChunkedReading("5\r\nhello\r\n1;x\r\n!\r\n0\r\nA: b\r\n\r\nGET /")
        #expect(String(decoding: reading.data, as: UTF8.self) == "hello!")
        #expect(reading.hasEnded)
        #expect(reading.rest == 5)
    }

    static let refused: [(String, HTTPFault)] = [
        ("\r\n", .chunkSizeInvalid), ("g\r\n", .chunkSizeInvalid), ("+5\r\n", .chunkSizeInvalid),
        ("-5\r\n", .chunkSizeInvalid), (" 5\r\n", .chunkSizeInvalid), ("5 \r\n", .chunkSizeInvalid),
        ("5\t;a\r\n", .chunkSizeInvalid), ("0x5\r\n", .chunkSizeInvalid), ("5\nhello", .chunkSizeInvalid),
        ("5\rhello", .chunkSizeInvalid), (";a\r\n", .chunkSizeInvalid), ("5;a\nb", .chunkSizeInvalid),
        ("5;a\u{0}", .chunkSizeInvalid), ("5_\r\n", .chunkSizeInvalid),
        ("fffffffffffffffff\r\n", .chunkSizeTooLarge), ("8000000000000000\r\n", .chunkSizeTooLarge),
        ("00000000000000005\r\n", .chunkSizeTooLarge),
        ("2\r\nabc\r\n", .chunkEndMissing), ("2\r\nab\n0\r\n\r\n", .chunkEndMissing),
        ("2\r\nab\rx", .chunkEndMissing), ("0\r\n\n", .trailerInvalid), ("0\r\n\rx", .trailerInvalid),
        ("0\r\n folded\r\n", .trailerInvalid), ("0\r\n: v\r\n", .trailerInvalid),
        ("0\r\nname\r\n\r\n", .trailerInvalid), ("0\r\na : b\r\n", .trailerInvalid),
        ("0\r\na: b\nc: d\r\n", .trailerInvalid), ("0\r\na: \u{0}\r\n", .trailerInvalid),
        ("1;" + String(repeating: "e", count: 257), .chunkExtensionTooLong),
        (String(repeating: "1;" + String(repeating: "e", count: 256) + "\r\na\r\n", count: 65), .chunkExtensionTooLong),
        ("0\r\nX: " + String(repeating: "t", count: 8192), .trailersTooLarge),
    ]

    @Test(arguments: refused) func bodyIsRefused(_ text: String, _ fault: HTTPFault) {
        let wire = WireText(text)
        #expect(ChunkedReading([wire]).fault == fault)
        #expect(ChunkedReading(wire.buffer.map { WireText([$0]) }).fault == fault)
    }

    @Test func theLargestSizeIsAccepted() {
        #expect(ChunkedReading("3ffffffffffffff\r\nabc").fault == nil)
        #expect(ChunkedReading("3ffffffffffffff\r\nabc").data.count == 3)
    }

    @Test func writtenSizesAreReadBack() {
        for size in [1, 9, 10, 15, 16, 255, 256, 4095, 65_536, 1 << 40, Int.max >> 5] {
            var line = [UInt8](repeating: 0, count: ChunkSize.bytesLimit)
            let chunk = ChunkSize(size)
            let count = line.withUnsafeMutableBufferPointer { chunk.write(to: $0.baseAddress!) }
            #expect(count == chunk.count)
            #expect(String(decoding: line[..<count], as: UTF8.self) == String(size, radix: 16) + "\r\n")
        }
    }
}
