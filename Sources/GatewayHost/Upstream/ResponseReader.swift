// From the bytes of a connection to one response: head, body without its framing, end.
//
//   head ──complete──► body ──► end
//    ▲ │1xx               └─(connection ends, untilClose)──► end
//    └─┘
//
// Interim heads (1xx) are read over; 101 is a fault, as nobody asked for an upgrade. Trailers are
// read and dropped. The reader says nothing about what comes after the end: that is the
// connection's business.
//
// Kind: value; pure. Results do not depend on how the bytes were cut.

struct ResponseReader: ~Copyable {
    enum Event: Equatable {
        /// Nothing more in these bytes. What lies from `offset` on must be passed again, with more behind it.
        case needMore
        /// The final head is this range.
        case head(Range<Int>)
        case body(Range<Int>)
        case end
        case failed(HTTPFault)
    }

    private enum Stage { case head, length(UInt64), chunked, untilClose, end }

    /// The final head, after `head` was returned and until `reset`.
    private(set) var parser: ResponseParser
    private var chunks: ChunkedDecoder
    private var stage = Stage.head
    private var method = HTTPMethod.other
    /// Interim heads of one response. More than this is an attack or a loop.
    private static let interimLimit: UInt8 = 16
    private var interimCount: UInt8 = 0

    init(limits: HTTPLimits = .standard) {
        parser = ResponseParser(limits: limits)
        chunks = ChunkedDecoder(limits: limits)
    }

    /// Begins with the next response. HEAD has one without a body.
    mutating func reset(method: HTTPMethod) {
        self.method = method
        parser.reset(method: method)
        stage = .head
        interimCount = 0
    }

    /// The next event in `bytes` from `offset` on; moves `offset` behind what it used.
    @inline(__always)
    mutating func next(_ bytes: UnsafeBufferPointer<UInt8>, from offset: inout Int) -> Event {
        switch stage {
        case .head: return readHead(bytes, &offset)
        case .length(let left):
            if left == 0 {
                stage = .end
                return .end
            }
            let count = Int(min(left, UInt64(bytes.count - offset)))
            if count == 0 { return .needMore }
            stage = .length(left - UInt64(count))
            offset += count
            return .body(offset - count..<offset)
        case .chunked:
            switch chunks.next(bytes, from: &offset) {
            case .data(let range): return .body(range)
            case .needMore: return .needMore
            case .end:
                stage = .end
                return .end
            case .failed(let fault): return .failed(fault)
            }
        case .untilClose:
            if offset == bytes.count { return .needMore }
            let start = offset
            offset = bytes.count
            return .body(start..<offset)
        case .end: return .end
        }
    }

    /// The connection has ended and all bytes were read. True if that completes the response.
    mutating func connectionEnded() -> Bool {
        if case .untilClose = stage { stage = .end }
        if case .end = stage { return true }
        return false
    }

    private mutating func readHead(_ bytes: UnsafeBufferPointer<UInt8>, _ offset: inout Int) -> Event {
        while true {
            switch parser.parse(UnsafeBufferPointer(rebasing: bytes[offset...])) {
            case .needMore: return .needMore
            case .failed(let fault): return .failed(fault)
            case .complete(let count):
                let start = offset
                offset += count
                if parser.isInterim {
                    interimCount += 1
                    if interimCount > ResponseReader.interimLimit { return .failed(.headTooLarge) }
                    parser.reset(method: method)
                    continue
                }
                switch parser.framing {
                case .none: stage = .end
                case .length(let length): stage = .length(length)
                case .chunked:
                    chunks = ChunkedDecoder(limits: chunks.limits)
                    stage = .chunked
                case .untilClose: stage = .untilClose
                }
                return .head(start..<offset)
            }
        }
    }
}
