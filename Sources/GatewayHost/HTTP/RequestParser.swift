// Reads the head of a request, strictly and in pieces (RFC 9112, RFC 9110).
//
// Give it all bytes of the head that are here; it continues where it stopped and says what it
// found. What two readers could understand differently is refused, never repaired: bare LF, folded
// lines, blanks around names, doubled or doubtful lengths (RFC 9112 section 11.2). One empty line before the
// request line is skipped (section 2.2). Nothing is decoded and nothing allocated but the table of fields,
// once per connection.
//
//   requestLine ──line──► fields ──empty line──► complete        (parseStart, add, complete)
//        └──────fault──────┴─────────fault─────► failed          (fail)
//
// Kind: value, confined to the connection that owns it. Invariants: results do not depend on how the
// head was split; all ranges lie inside the head; after `complete` and `failed` only `reset` helps.

struct RequestParser: ~Copyable {
    private enum Stage { case requestLine, fields, complete(Int), failed(HTTPFault) }

    /// What a request line holds besides the target: the method and the version, with room.
    private static let lineOverheadBytes = 64
    /// The longest method; anything longer is implemented by nobody (RFC 9110 section 9.1).
    private static let methodBytesLimit = 32

    let limits: HTTPLimits
    private var stage = Stage.requestLine
    private var lines = HeadLines()
    private var section = FieldSection()

    // Valid after `complete`.
    private(set) var method = HTTPMethod.other
    private(set) var methodRange = 0..<0
    private(set) var target = RequestTarget()
    /// 1 for HTTP/1.1 and later minors, 0 for HTTP/1.0.
    private(set) var minorVersion: UInt8 = 1
    private(set) var framing = BodyFraming.none
    /// The connection may carry another request after this exchange.
    private(set) var keepAlive = false
    /// The client waits for `100 Continue` before it sends the body.
    private(set) var expectContinue = false
    /// Host and port that the client means; nil only for HTTP/1.0 without Host.
    private(set) var host: Range<Int>?

    init(limits: HTTPLimits = .standard) { self.limits = limits }

    /// The header lines in order. Valid until `reset`.
    var fields: UnsafeBufferPointer<HTTPField> { section.fields }

    /// The first field of that name.
    func first(_ name: HeaderName) -> HTTPField? { section.first(name) }

    /// Forgets the request; the next one begins.
    mutating func reset() {
        stage = .requestLine
        lines.reset()
        section.reset()
        method = .other
        methodRange = 0..<0
        target = RequestTarget()
        minorVersion = 1
        framing = .none
        keepAlive = false
        expectContinue = false
        host = nil
    }

    /// Reads on.
    ///
    /// - Parameter bytes: from the first byte of the request on, everything that is here. Later calls
    ///   must pass the same bytes again and more behind them; they may have moved.
    mutating func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> HeadResult {
        guard let base = bytes.baseAddress else { return .needMore }
        switch stage {
        case .complete(let headBytes): return .complete(headBytes: headBytes)
        case .failed(let fault): return .failed(fault)
        case .requestLine: if let result = parseStart(base, bytes.count) { return result }
        case .fields: break
        }
        // Never looking beyond a limit makes the answer independent of how the bytes came.
        let visible = min(bytes.count, limits.headBytes)
        let head = Bytes(base: base, count: visible)
        while true {
            switch lines.next(base, visible) {
            case .failed(let fault): return fail(fault)
            case .needMore: return visible == limits.headBytes ? fail(.headTooLarge) : .needMore
            case .line(let start, let end):
                if start == end { return complete(head) }
                if let fault = section.add(head, start, end, limit: limits.fieldCount) { return fail(fault) }
            }
        }
    }

    /// Reads up to and with the request line; nil when that is done.
    @inline(never)
    private mutating func parseStart(_ base: UnsafePointer<UInt8>, _ count: Int) -> HeadResult? {
        while true {
            let visible = min(count, limits.headBytes, lines.lineStart + limits.targetBytes + Self.lineOverheadBytes)
            switch lines.next(base, visible) {
            case .failed(let fault): return fail(fault)
            case .needMore:
                if visible == limits.headBytes { return fail(.headTooLarge) }
                return visible < count ? fail(.targetTooLong) : .needMore
            case .line(let start, let end):
                if start == end, start == 0 { continue }
                stage = .fields
                return readRequestLine(Bytes(base: base, count: visible), start, end).map { fail($0) }
            }
        }
    }

    @inline(never)
    private mutating func complete(_ head: Bytes) -> HeadResult {
        if let fault = finish(head) { return fail(fault) }
        stage = .complete(lines.lineStart)
        return .complete(headBytes: lines.lineStart)
    }

    private mutating func readRequestLine(_ head: Bytes, _ start: Int, _ end: Int) -> HTTPFault? {
        var at = start
        while at < end, HTTPCharacters.isToken(head[at]) { at &+= 1 }
        guard at > start, at < end, head[at] == 0x20 else { return .malformedRequestLine }
        guard at - start <= Self.methodBytesLimit else { return .unsupportedMethod }
        methodRange = start..<at
        method = HTTPMethod(head.slice(start, at))
        at &+= 1
        let targetStart = at
        at = ByteSearch.space(in: head.base.unsafelyUnwrapped, from: at, to: end)
        guard at > targetStart, at < end else { return .malformedRequestLine }
        if let fault = readVersion(head.slice(at + 1, end)) { return fault }
        guard method != .connect else { return .unsupportedMethod }
        guard at - targetStart <= limits.targetBytes else { return .targetTooLong }
        guard let target = RequestTarget(head, targetStart..<at, method: method) else { return .badTarget }
        self.target = target
        return nil
    }

    private mutating func readVersion(_ text: Bytes) -> HTTPFault? {
        guard text.count == 8, text.begins(with: "HTTP/"), HTTPCharacters.isDigit(text[5]),
            text[6] == 0x2e, HTTPCharacters.isDigit(text[7])
        else { return .malformedVersion }
        guard text[5] == 0x31 else { return .unsupportedVersion }
        // A higher minor is answered as 1.1 (RFC 9110 section 2.5).
        minorVersion = text[7] == 0x30 ? 0 : 1
        return nil
    }

    private mutating func finish(_ head: Bytes) -> HTTPFault? {
        section.markNominated(head)
        if section.isChunked {
            guard minorVersion >= 1 else { return .transferEncodingInHTTP10 }
            framing = .chunked
        } else if let length = section.contentLength {
            framing = .length(length)
        }
        if let index = section.hostIndex {
            let field = section.fields[index]
            host = Int(field.valueStart)..<Int(field.valueStart + field.valueCount)
        } else if minorVersion >= 1 {
            return .hostMissing
        }
        host = target.authority ?? host
        keepAlive = !section.saysClose && (minorVersion >= 1 || section.saysKeepAlive)
        expectContinue = section.expectsContinue && minorVersion >= 1 && framing != .none
        return nil
    }

    private mutating func fail(_ fault: HTTPFault) -> HeadResult {
        stage = .failed(fault)
        return .failed(fault)
    }
}
