// Fuzzes EventStreamReader, UsageReader and Inflater: any split gives the same events and usage, what
// is handed out is the stream byte for byte, and memory goes back.

@testable import GatewayHost

private struct EventStreamReading: Equatable {
    var names: [[UInt8]] = []
    var data: [[UInt8]] = []
    var raw: [UInt8] = []

    init(_ pieces: [Piece], limit: Int) {
        let pool = BlockPool()
        do {
            var reader = EventStreamReader(pool: pool, limit: limit)
            for piece in pieces { take(piece, &reader) }
            require(reader.remainder.count <= limit + 1, "what is kept is bounded")
            raw += reader.remainder.buffer
        }
        require(pool.outstanding == 0, "memory goes back")
    }

    private mutating func take(_ piece: Piece, _ reader: inout EventStreamReader) {
        var offset = 0
        while true {
            switch reader.next(piece.bytes, from: &offset) {
            case .event(let event):
                raw += event.raw.buffer
                require(event.hasData || event.data.isEmpty, "no data without a data line")
                if event.hasData {
                    names.append(Array(event.name.buffer))
                    data.append(Array(event.data.buffer))
                }
            case .oversized(let bytes, isLast: _): raw += bytes.buffer
            case .needMore:
                require(offset == piece.bytes.count, "more is asked for when all is used")
                return
            }
        }
    }
}

private struct UsageReading: Equatable {
    var usage: Usage
    var model: ShortText
    var id: ShortText
    var error: ShortText
    var flags: [Bool]

    init(_ pieces: [Piece], _ isEventStream: Bool, _ coding: ContentCoding) {
        let reader = UsageReader(pool: BlockPool())
        reader.begin(isEventStream: isEventStream, coding: coding)
        for piece in pieces { reader.feed(piece.bytes) }
        reader.finish()
        usage = reader.usage
        model = reader.model
        id = reader.messageID
        error = reader.errorType
        flags = [reader.hasUsage, reader.hasMessageStart, reader.hasMessageStop, reader.hasError]
        require(
            usage.inputTokens >= 0 && usage.outputTokens >= 0 && usage.cacheReadTokens >= 0
                && usage.cacheWrite5mTokens >= 0 && usage.cacheWrite1hTokens >= 0, "no count is negative")
    }
}

func fuzzEventStream(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    let one = input.pieces([])
    let pieces = input.cutting()
    let whole = EventStreamReading(one, limit: 1 << 20)
    require(whole.raw.elementsEqual(input.buffer), "the raw events are the stream")
    require(EventStreamReading(pieces, limit: 1 << 20) == whole, "a split changes nothing")
    require(EventStreamReading(pieces, limit: 24).raw == whole.raw, "events above the limit pass unread")
    let isCompressed = count > 1 && data?[0] == 0x1f && data?[1] == 0x8b
    let coding = isCompressed ? ContentCoding.gzip : .identity
    let isEventStream = input.choose(2) == 0
    let usage = UsageReading(one, isEventStream, coding)
    require(UsageReading(pieces, isEventStream, coding) == usage, "a split changes no usage")
    return 0
}
