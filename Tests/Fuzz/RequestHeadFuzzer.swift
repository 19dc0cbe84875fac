// Fuzzes RequestParser: any split reads the same, ranges stay inside, and what is accepted has a frame
// that a second, slower reading confirms.

@testable import GatewayHost

private struct RequestReading: Equatable {
    var result: HeadResult
    var method: Range<Int>
    var target: RequestTarget
    var host: Range<Int>?
    var framing: BodyFraming
    var flags: [Bool]
    var fields: [HTTPField]

    init(_ parser: borrowing RequestParser, _ result: HeadResult) {
        self.result = result
        method = parser.methodRange
        target = parser.target
        host = parser.host
        framing = parser.framing
        flags = [parser.keepAlive, parser.expectContinue, parser.minorVersion == 1]
        fields = Array(parser.fields)
    }
}

private func read(_ input: FuzzInput, stops: [Int], _ limits: HTTPLimits) -> RequestReading {
    var parser = RequestParser(limits: limits)
    var result = HeadResult.needMore
    for stop in stops {
        let seen = Piece(input.bytes.slice(0, stop))
        result = parser.parse(seen.bytes.buffer)
        if result != .needMore { break }
    }
    return RequestReading(parser, result)
}

/// Counts the lines of an accepted head whose names fold to `name`, by looking at every byte.
private func countLines(_ head: Bytes, named name: StaticString) -> Int {
    head.buffer.split(separator: 0x0a).count { line in
        let given = line.prefix { $0 != 0x3a }
        return given.elementsEqual(Bytes(name).buffer) { $0 == $1 || $0 + 32 == $1 && (65...90).contains($0) }
    }
}

private func confirm(_ reading: RequestReading, _ input: FuzzInput) {
    guard case .complete(let headBytes) = reading.result else { return }
    let head = input.bytes.slice(0, headBytes)
    let bytes = head.buffer
    require(bytes.suffix(4).elementsEqual([13, 10, 13, 10]), "an accepted head ends in an empty line")
    for (place, byte) in bytes.enumerated() {
        if byte == 10 { require(place > 0 && bytes[place - 1] == 13, "an accepted head has no bare LF") }
        if byte == 13 { require(bytes[place + 1] == 10, "an accepted head has no bare CR") }
        require(byte != 0 && byte != 127, "an accepted head has no control bytes")
    }
    let lengths = countLines(head, named: "content-length")
    let codings = countLines(head, named: "transfer-encoding")
    require(lengths + codings <= 1, "an accepted head has one frame")
    require(countLines(head, named: "host") <= 1, "an accepted head has one Host")
    switch reading.framing {
    case .none: require(lengths + codings == 0, "a frame is not overlooked")
    case .length: require(lengths == 1, "a length is written down")
    case .chunked: require(codings == 1, "chunking is written down")
    case .untilClose: fatalError("a request never lasts until the connection closes")
    }
    for field in reading.fields {
        require(field.name(in: head).count > 0, "a field has a name")
        _ = field.value(in: head)
        require(HeaderName(field.name(in: head)) == field.name, "a name is recognised the same twice")
    }
    require(reading.target.path.upperBound <= headBytes, "the path lies inside the head")
    _ = AnthropicPath(head.slice(reading.target.path.lowerBound, reading.target.path.upperBound))
}

func fuzzRequestHead(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    var tight = HTTPLimits()
    tight.headBytes = 256
    tight.targetBytes = 32
    tight.fieldCount = 4
    for limits in [.standard, tight] {
        let whole = read(input, stops: [count], limits)
        confirm(whole, input)
        require(read(input, stops: [input.cut(), count], limits) == whole, "a split changes nothing")
        if input.isTriedByteByByte {
            require(read(input, stops: Array(0...count), limits) == whole, "bytes one by one change nothing")
        }
    }
    return 0
}
