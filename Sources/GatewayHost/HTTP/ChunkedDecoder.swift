// Finds the data in a chunked body, wherever it is cut (RFC 9112 section 7.1).
//
// Data comes out as ranges of what was fed in; nothing is copied or kept. Strict: sizes are
// hexadecimal digits and nothing else, every line ends in CR LF, extensions and trailers are bounded, and
// trailers must be well-formed lines. They are read over and not passed on.
//
//   size ──CR LF──► data ──► CR LF ──► size ...
//    │  ──;──► extension ──CR LF──┘
//    └─(size 0)──► trailers ──empty line──► end
//
// Kind: value, confined to the connection that owns it. Invariant: events depend only on the bytes, but
// for data, which is cut where the input is cut.

enum ChunkedEvent: Equatable {
    /// Data of the body: this range of the bytes fed in.
    case data(Range<Int>)
    /// All bytes are used; the body goes on.
    case needMore
    /// The body is complete; `offset` stands behind its last byte.
    case end
    /// The message must be refused and the connection closed.
    case failed(HTTPFault)
}

struct ChunkedDecoder {
    private enum State {
        case size, extensions, sizeLineFeed, data, dataReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, endLineFeed, end
        case failed(HTTPFault)
    }

    /// Sixteen digits hold every size; more are padding that somebody else may cut off.
    private static let sizeDigitsLimit = 16

    let limits: HTTPLimits
    private var state = State.size
    /// Size of the chunk while it is read, then what is left of it.
    private var remaining: UInt64 = 0
    private var digitCount = 0
    private var extensionBytes = 0
    private var extensionTotalBytes = 0
    private var trailerBytes = 0

    init(limits: HTTPLimits = .standard) { self.limits = limits }

    /// The next event in `bytes` from `offset` on; moves `offset` behind what it used.
    @inline(__always)
    mutating func next(_ bytes: UnsafeBufferPointer<UInt8>, from offset: inout Int) -> ChunkedEvent {
        assert(offset >= 0 && offset <= bytes.count)
        if case .data = state {
            guard offset < bytes.count else { return .needMore }
            return takeData(bytes, &offset)
        }
        return readFrame(bytes, &offset)
    }

    private mutating func takeData(_ bytes: UnsafeBufferPointer<UInt8>, _ offset: inout Int) -> ChunkedEvent {
        let start = offset
        let count = Int(min(remaining, UInt64(bytes.count - offset)))
        offset &+= count
        remaining &-= UInt64(count)
        if remaining == 0 { state = .dataReturn }
        return .data(start..<offset)
    }

    private mutating func readFrame(_ bytes: UnsafeBufferPointer<UInt8>, _ offset: inout Int) -> ChunkedEvent {
        if case .end = state { return .end }
        if case .failed(let fault) = state { return .failed(fault) }
        skipPlainFrame(bytes, &offset)
        if case .data = state { return offset < bytes.count ? takeData(bytes, &offset) : .needMore }
        while offset < bytes.count {
            let byte = bytes[offset]
            offset &+= 1
            if let fault = step(byte) {
                state = .failed(fault)
                return .failed(fault)
            }
            if case .data = state {
                return offset < bytes.count ? takeData(bytes, &offset) : .needMore
            }
            if case .end = state { return .end }
        }
        return .needMore
    }

    /// Takes the frame between two chunks as nearly everybody writes it: CR LF, up to eight digits, CR LF, all
    /// of it here. Whatever else comes is left to `step`, which judges each byte.
    private mutating func skipPlainFrame(_ bytes: UnsafeBufferPointer<UInt8>, _ offset: inout Int) {
        if case .dataReturn = state, Self.isLineEnd(bytes, offset) {
            offset &+= 2
            state = .size
        }
        guard case .size = state, digitCount == 0 else { return }
        var at = offset
        var size: UInt64 = 0
        while at < bytes.count, at &- offset < 8, let digit = JSONString.hexadecimalDigit(bytes[at]) {
            size = size << 4 | UInt64(digit)
            at &+= 1
        }
        guard size > 0, Self.isLineEnd(bytes, at) else { return }
        offset = at &+ 2
        remaining = size
        state = .data
    }

    @inline(__always)
    private static func isLineEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int) -> Bool {
        at &+ 1 < bytes.count && bytes[at] == 0x0d && bytes[at &+ 1] == 0x0a
    }

    /// Takes one byte outside of data. Returns what is wrong with it, or nil.
    private mutating func step(_ byte: UInt8) -> HTTPFault? {
        switch state {
        case .size: return stepSize(byte)
        case .extensions: return stepExtension(byte)
        case .sizeLineFeed:
            guard byte == 0x0a else { return .chunkSizeInvalid }
            state = remaining == 0 ? .trailerStart : .data
            digitCount = 0
            extensionBytes = 0
        case .dataReturn:
            guard byte == 0x0d else { return .chunkEndMissing }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0a else { return .chunkEndMissing }
            state = .size
        default: return stepTrailer(byte)
        }
        return nil
    }

    private mutating func stepSize(_ byte: UInt8) -> HTTPFault? {
        let lower = byte | 0x20
        let digit: UInt8
        if HTTPCharacters.isDigit(byte) {
            digit = byte - 0x30
        } else if lower >= 0x61, lower <= 0x66 {
            digit = lower - 0x61 + 10
        } else {
            guard digitCount > 0 else { return .chunkSizeInvalid }
            if byte == 0x0d {
                state = .sizeLineFeed
            } else if byte == 0x3b {
                state = .extensions
            } else {
                return .chunkSizeInvalid
            }
            return nil
        }
        digitCount &+= 1
        guard digitCount <= Self.sizeDigitsLimit, remaining >> 58 == 0 else { return .chunkSizeTooLarge }
        remaining = remaining << 4 | UInt64(digit)
        return nil
    }

    private mutating func stepExtension(_ byte: UInt8) -> HTTPFault? {
        if byte == 0x0d {
            state = .sizeLineFeed
            return nil
        }
        guard byte >= 0x20 || byte == 0x09, byte != 0x7f else { return .chunkSizeInvalid }
        extensionBytes &+= 1
        extensionTotalBytes &+= 1
        guard extensionBytes <= limits.chunkExtensionBytes, extensionTotalBytes <= limits.chunkExtensionTotalBytes
        else { return .chunkExtensionTooLong }
        return nil
    }

    private mutating func stepTrailer(_ byte: UInt8) -> HTTPFault? {
        trailerBytes &+= 1
        guard trailerBytes <= limits.trailerBytes else { return .trailersTooLarge }
        switch state {
        case .trailerStart:
            if byte == 0x0d {
                state = .endLineFeed
                return nil
            }
            guard HTTPCharacters.isToken(byte) else { return .trailerInvalid }
            state = .trailerName
        case .trailerName:
            if byte == 0x3a {
                state = .trailerValue
            } else if !HTTPCharacters.isToken(byte) {
                return .trailerInvalid
            }
        case .trailerValue:
            if byte == 0x0d {
                state = .trailerLineFeed
            } else if (byte < 0x20 && byte != 0x09) || byte == 0x7f {
                return .trailerInvalid
            }
        case .trailerLineFeed:
            guard byte == 0x0a else { return .trailerInvalid }
            state = .trailerStart
        case .endLineFeed:
            guard byte == 0x0a else { return .trailerInvalid }
            state = .end
        default: preconditionFailure("a chunked body in \(state) has no use for a byte of its frame")
        }
        return nil
    }
}
