// Fuzzes ChunkedDecoder: any split gives the same data and the same end, and what is accepted, written
// anew in the plainest way, decodes to the same again.

@testable import GatewayHost

private struct ChunkedReading: Equatable {
    var data: [UInt8] = []
    var fault: HTTPFault?
    /// Where the body ends; nil when it does not.
    var end: Int?

    init(_ pieces: [Piece], _ limits: HTTPLimits) {
        var decoder = ChunkedDecoder(limits: limits)
        var before = 0
        for piece in pieces {
            var offset = 0
            reading: while fault == nil, end == nil {
                let start = offset
                switch decoder.next(piece.bytes.buffer, from: &offset) {
                case .data(let range):
                    require(
                        range.lowerBound >= start && range.upperBound == offset && !range.isEmpty, "data moves on")
                    data += piece.bytes.buffer[range]
                case .needMore:
                    require(offset == piece.bytes.count, "more is asked for when all is used")
                    break reading
                case .end: end = before + offset
                case .failed(let fault): self.fault = fault
                }
            }
            before += piece.bytes.count
        }
    }
}

private func rewrite(_ data: [UInt8]) -> Piece {
    var text: [UInt8] = []
    if !data.isEmpty {
        let size = ChunkSize(data.count)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ChunkSize.bytesLimit) { room in
            let count = size.write(to: room.baseAddress!)
            text += room[..<count]
        }
        text += data + [13, 10]
    }
    text += Bytes(ChunkSize.end).buffer
    return text.withUnsafeBytes { Piece(Bytes($0)) }
}

func fuzzChunked(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    var tight = HTTPLimits()
    tight.chunkExtensionBytes = 8
    tight.chunkExtensionTotalBytes = 12
    tight.trailerBytes = 16
    for limits in [.standard, tight] {
        let whole = ChunkedReading(input.pieces([]), limits)
        require(ChunkedReading(input.cutting(), limits) == whole, "a split changes nothing")
        require(whole.data.count <= count, "data is not made up")
        if whole.end != nil {
            let again = ChunkedReading([rewrite(whole.data)], limits)
            require(again.end != nil && again.data == whole.data, "what was decoded encodes and decodes the same")
        }
    }
    return 0
}
