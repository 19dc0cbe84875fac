// Reads the head of an answer, as strictly as RequestParser reads requests.
//
// An upstream is not trusted with the frame either: an answer whose end is doubtful could be taken for
// the answer to the next client's request. So length together with chunking, doubled lengths, folded
// lines and codings other than chunked are refused (RFC 9112 section 6.3 would allow some repairs).
//
//   statusLine ──line──► fields ──empty line──► complete         (readStatusLine, add, complete)
//        └─────fault──────┴─────────fault─────► failed           (fail)
//
// Kind: value, confined to the connection that owns it. Invariants: results do not depend on how the
// head was split; all ranges lie inside the head; after `complete` and `failed` only `reset` helps.

struct ResponseParser: ~Copyable {
    private enum Stage { case statusLine, fields, complete(Int), failed(HTTPFault) }

    let limits: HTTPLimits
    private var stage = Stage.statusLine
    private var lines = HeadLines()
    private var section = FieldSection()
    private var requestMethod = HTTPMethod.other

    // Valid after `complete`.
    private(set) var status: UInt16 = 0
    private(set) var reason = 0..<0
    private(set) var minorVersion: UInt8 = 1
    private(set) var framing = BodyFraming.none
    /// The connection may carry another request after this answer has ended.
    private(set) var keepAlive = false

    init(limits: HTTPLimits = .standard) { self.limits = limits }

    /// Not the answer yet: another head follows (RFC 9110 section 15.2).
    var isInterim: Bool { status < 200 }

    /// The header lines in order. Valid until `reset`.
    var fields: UnsafeBufferPointer<HTTPField> { section.fields }

    /// The first field of that name.
    func first(_ name: HeaderName) -> HTTPField? { section.first(name) }

    /// The length that the head names, which for HEAD and 304 is not the length of what follows.
    var contentLength: UInt64? { section.contentLength }

    /// Begins the next head, interim ones included.
    /// - Parameter method: of the request that is answered; HEAD has an answer without a body.
    mutating func reset(method: HTTPMethod) {
        requestMethod = method
        stage = .statusLine
        lines.reset()
        section.reset()
        status = 0
        reason = 0..<0
        minorVersion = 1
        framing = .none
        keepAlive = false
    }

    /// Reads on.
    ///
    /// - Parameter bytes: from the first byte of the answer on, everything that is here. Later calls
    ///   must pass the same bytes again and more behind them; they may have moved.
    mutating func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> HeadResult {
        guard let base = bytes.baseAddress else { return .needMore }
        switch stage {
        case .complete(let headBytes): return .complete(headBytes: headBytes)
        case .failed(let fault): return .failed(fault)
        case .statusLine, .fields: break
        }
        let visible = min(bytes.count, limits.headBytes)
        let head = Bytes(base: base, count: visible)
        while true {
            switch lines.next(base, visible) {
            case .failed(let fault): return fail(fault)
            case .needMore: return visible == limits.headBytes ? fail(.headTooLarge) : .needMore
            case .line(let start, let end):
                if case .statusLine = stage {
                    stage = .fields
                    if let fault = readStatusLine(head, start, end) { return fail(fault) }
                } else if start == end {
                    return complete(head)
                } else if let fault = section.add(head, start, end, limit: limits.fieldCount) {
                    return fail(fault)
                }
            }
        }
    }

    @inline(never)
    private mutating func complete(_ head: Bytes) -> HeadResult {
        if let fault = finish(head) { return fail(fault) }
        stage = .complete(lines.lineStart)
        return .complete(headBytes: lines.lineStart)
    }

    /// `HTTP/1.1 200 OK`; the blank before an empty reason may be missing, as many servers leave it out.
    private mutating func readStatusLine(_ head: Bytes, _ start: Int, _ end: Int) -> HTTPFault? {
        let line = head.slice(start, end)
        guard line.count >= 12, line.begins(with: "HTTP/1."), HTTPCharacters.isDigit(line[7]), line[8] == 0x20
        else { return .malformedStatusLine }
        minorVersion = line[7] == 0x30 ? 0 : 1
        for at in 9..<12 {
            guard HTTPCharacters.isDigit(line[at]) else { return .malformedStatusLine }
            status = status * 10 + UInt16(line[at] - 0x30)
        }
        guard (100...599).contains(status) else { return .malformedStatusLine }
        guard status != 101 else { return .unrequestedUpgrade }
        guard line.count > 12 else {
            reason = end..<end
            return nil
        }
        guard line[12] == 0x20 else { return .malformedStatusLine }
        reason = (start + 13)..<end
        return nil
    }

    private mutating func finish(_ head: Bytes) -> HTTPFault? {
        section.markNominated(head)
        if section.isChunked, minorVersion == 0 { return .transferEncodingInHTTP10 }
        keepAlive = !section.saysClose && (minorVersion >= 1 || section.saysKeepAlive)
        if isInterim || status == 204 {
            // They have no body whatever they say; one that says otherwise is not worth a second request.
            framing = .none
            if section.isChunked || (section.contentLength ?? 0) > 0 { keepAlive = false }
        } else if status == 304 || requestMethod == .head {
            framing = .none
        } else if section.isChunked {
            framing = .chunked
        } else if let length = section.contentLength {
            framing = .length(length)
        } else {
            framing = .untilClose
            keepAlive = false
        }
        return nil
    }

    private mutating func fail(_ fault: HTTPFault) -> HeadResult {
        stage = .failed(fault)
        return .failed(fault)
    }
}
