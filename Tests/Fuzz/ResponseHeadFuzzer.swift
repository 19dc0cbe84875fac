// Fuzzes ResponseParser: any split reads the same, ranges stay inside, and the frame follows the rules.

@testable import GatewayHost

private struct ResponseReading: Equatable {
    var result: HeadResult
    var status: UInt16
    var reason: Range<Int>
    var framing: BodyFraming
    var keepAlive: Bool
    var fields: [HTTPField]

    init(_ parser: borrowing ResponseParser, _ result: HeadResult) {
        self.result = result
        status = parser.status
        reason = parser.reason
        framing = parser.framing
        keepAlive = parser.keepAlive
        fields = Array(parser.fields)
    }
}

private func read(_ input: FuzzInput, stops: [Int], _ limits: HTTPLimits, _ method: HTTPMethod) -> ResponseReading {
    var parser = ResponseParser(limits: limits)
    parser.reset(method: method)
    var result = HeadResult.needMore
    for stop in stops {
        let seen = Piece(input.bytes.slice(0, stop))
        result = parser.parse(seen.bytes.buffer)
        if result != .needMore { break }
    }
    return ResponseReading(parser, result)
}

private func confirm(_ reading: ResponseReading, _ input: FuzzInput, _ method: HTTPMethod) {
    guard case .complete(let headBytes) = reading.result else { return }
    let head = input.bytes.slice(0, headBytes)
    require((100...599).contains(reading.status) && reading.status != 101, "the status is one we relay")
    require(reading.reason.upperBound + 2 <= headBytes, "the reason lies inside the head")
    for field in reading.fields {
        _ = field.name(in: head)
        require(!field.value(in: head).buffer.contains { $0 < 32 && $0 != 9 }, "a value has no control bytes")
    }
    let hasNoBody = reading.status < 200 || reading.status == 204 || reading.status == 304 || method == .head
    require(!hasNoBody || reading.framing == .none, "an answer without a body has no frame")
    require(hasNoBody || reading.framing != .none, "every other answer has one")
    require(reading.framing != .untilClose || !reading.keepAlive, "a body that ends with the connection ends it")
}

func fuzzResponseHead(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    var tight = HTTPLimits()
    tight.headBytes = 128
    tight.fieldCount = 4
    for (limits, method) in [(HTTPLimits.standard, HTTPMethod.post), (tight, .head)] {
        let whole = read(input, stops: [count], limits, method)
        confirm(whole, input, method)
        require(read(input, stops: [input.cut(), count], limits, method) == whole, "a split changes nothing")
        if input.isTriedByteByByte {
            require(
                read(input, stops: Array(0...count), limits, method) == whole, "bytes one by one change nothing")
        }
    }
    return 0
}
