// The header lines of one message, and what they say about its frame.
//
// Shared by the request and the response parser, so that both are equally strict. It judges a line
// when it comes and the whole when the empty line comes; what depends on the start line (HTTP/1.0,
// status) is judged by the parser that owns it.
//
// Kind: value, owned by a parser; keeps its storage from message to message. Invariant: every
// offset in `fields` lies inside the head the lines were taken from.

import CLinux

struct FieldSection: ~Copyable {
    /// Enough for what Claude Code sends (24 lines) without growing.
    private static let firstCapacity = 32
    /// Connection options: each is compared with every field, and nobody needs more than a few.
    private static let nominationLimit = 32

    private var storage: UnsafeMutablePointer<HTTPField>?
    private var capacity = 0
    private(set) var count = 0

    private(set) var contentLength: UInt64?
    private(set) var isChunked = false
    private(set) var saysClose = false
    private(set) var saysKeepAlive = false
    private(set) var expectsContinue = false
    /// Which of the fields is the first Host.
    private(set) var hostIndex: Int?
    /// Connection options that are neither close nor keep-alive.
    private var nominationCount = 0

    init() {}

    deinit { storage?.deallocate() }

    var fields: UnsafeBufferPointer<HTTPField> { UnsafeBufferPointer(start: storage, count: count) }

    /// The first field of that name.
    func first(_ name: HeaderName) -> HTTPField? {
        for index in 0..<count {
            if let field = storage?[index], field.name == name { return field }
        }
        return nil
    }

    mutating func reset() {
        count = 0
        contentLength = nil
        isChunked = false
        saysClose = false
        saysKeepAlive = false
        expectsContinue = false
        hostIndex = nil
        nominationCount = 0
    }

    /// Takes one line, `start..<end` of `head`, without its line end and free of control bytes.
    ///
    /// Returns what is wrong with it, or nil.
    /// - Parameter head: all of it that is here, which may be more than the line.
    @inline(__always)
    mutating func add(_ head: Bytes, _ start: Int, _ end: Int, limit: Int) -> HTTPFault? {
        guard count < limit else { return .tooManyFields }
        guard let base = head.base, start < end else { return .colonMissing }
        let colon = Self.endOfName(base, start, end, readable: head.count)
        guard colon > start, colon < end, base[colon] == 0x3a else {
            return Self.faultOfName(head, start, colon, end)
        }
        var valueStart = colon &+ 1
        var valueEnd = end
        if end &- valueStart >= 2, base[valueStart] == 0x20, base[valueStart &+ 1] > 0x20, base[end &- 1] > 0x20 {
            // One space in front and nothing behind, as nearly everybody writes it.
            valueStart &+= 1
        } else {
            while valueStart < valueEnd, HTTPCharacters.isBlank(base[valueStart]) { valueStart &+= 1 }
            while valueEnd > valueStart, HTTPCharacters.isBlank(base[valueEnd &- 1]) { valueEnd &-= 1 }
        }
        let name = HeaderName(Bytes(base: base + start, count: colon &- start))
        append(
            HTTPField(
                nameStart: UInt32(truncatingIfNeeded: start),
                nameCount: UInt32(truncatingIfNeeded: colon &- start),
                valueStart: UInt32(truncatingIfNeeded: valueStart),
                valueCount: UInt32(truncatingIfNeeded: valueEnd &- valueStart), name: name))
        if name == .other { return nil }
        return note(name, Bytes(base: base + valueStart, count: valueEnd &- valueStart))
    }

    /// The first position that is no token character, sixteen at a time over what nearly all names are
    /// made of: letters, digits and hyphens.
    @inline(__always)
    private static func endOfName(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, readable: Int) -> Int {
        assert(end <= readable)
        var at = start
        while at &+ 16 <= readable {
            let outside = gwl_mask16_outside_names(base + at)
            if outside != 0 {
                at &+= outside.trailingZeroBitCount
                if at < end, base[at] == 0x3a { return at }
                break
            }
            at &+= 16
        }
        while at < end, HTTPCharacters.isToken(base[at]) { at &+= 1 }
        return min(at, end)
    }

    private static func faultOfName(_ head: Bytes, _ start: Int, _ stop: Int, _ end: Int)
        -> HTTPFault
    {
        if start < end, HTTPCharacters.isBlank(head[start]) { return .foldedLine }
        guard stop < end else { return .colonMissing }
        if head[stop] == 0x3a { return .fieldNameMissing }
        guard HTTPCharacters.isBlank(head[stop]) else { return .fieldNameInvalid }
        var at = stop
        while at < end, HTTPCharacters.isBlank(head[at]) { at &+= 1 }
        return at < end && head[at] == 0x3a ? .whitespaceBeforeColon : .fieldNameInvalid
    }

    @inline(never)
    private mutating func grow() {
        let grown = capacity == 0 ? Self.firstCapacity : capacity * 2
        let moved = UnsafeMutablePointer<HTTPField>.allocate(capacity: grown)
        if let storage {
            moved.moveInitialize(from: storage, count: count)
            storage.deallocate()
        }
        storage = moved
        capacity = grown
    }

    @inline(__always)
    private mutating func append(_ field: HTTPField) {
        if count == capacity { grow() }
        (storage.unsafelyUnwrapped + count).initialize(to: field)
        count &+= 1
    }

    /// Remembers what frames the message. Framing is refused here and not repaired: where two
    /// readers could see different ends of a body, requests can be smuggled (RFC 9112 section 11.2).
    private mutating func note(_ name: HeaderName, _ value: Bytes) -> HTTPFault? {
        switch name {
        case .contentLength: return noteContentLength(value)
        case .transferEncoding: return noteTransferEncoding(value)
        case .connection:
            noteConnection(value)
            if nominationCount > Self.nominationLimit { return .tooManyConnectionOptions }
        case .expect:
            guard value.equalsIgnoringCase(Bytes("100-continue")) else { return .expectationUnknown }
            expectsContinue = true
        case .host:
            guard hostIndex == nil else { return .hostRepeated }
            for at in 0..<value.count where !HTTPCharacters.isHost(value[at]) { return .hostInvalid }
            hostIndex = count &- 1
        default: break
        }
        return nil
    }

    private mutating func noteContentLength(_ value: Bytes) -> HTTPFault? {
        guard contentLength == nil else { return .contentLengthRepeated }
        guard !isChunked else { return .contentLengthWithTransferEncoding }
        // Eighteen digits are more than a petabyte and cannot overflow.
        guard value.count <= 18, let length = value.decimal else { return .contentLengthInvalid }
        contentLength = UInt64(length)
        return nil
    }

    private mutating func noteTransferEncoding(_ value: Bytes) -> HTTPFault? {
        guard !isChunked else { return .transferEncodingRepeated }
        guard contentLength == nil else { return .contentLengthWithTransferEncoding }
        guard value.equalsIgnoringCase(Bytes("chunked")) else { return .transferEncodingUnknown }
        isChunked = true
        return nil
    }

    private mutating func noteConnection(_ value: Bytes) {
        Self.forEachOption(value) { option in
            if option.equalsIgnoringCase(Bytes("close")) {
                saysClose = true
            } else if option.equalsIgnoringCase(Bytes("keep-alive")) {
                saysKeepAlive = true
            } else {
                nominationCount &+= 1
            }
        }
    }

    /// Marks the fields that a Connection header names. Call once, at the empty line.
    mutating func markNominated(_ head: Bytes) {
        guard nominationCount > 0, let storage else { return }
        for index in 0..<count where storage[index].name == .connection {
            Self.forEachOption(storage[index].value(in: head)) { option in
                for at in 0..<count where !storage[at].name.isFraming {
                    if storage[at].name(in: head).equalsIgnoringCase(option) {
                        storage[at].isNominated = true
                    }
                }
            }
        }
    }

    /// Calls `body` for each non-empty member of a comma-separated list.
    @inline(__always)
    private static func forEachOption(_ value: Bytes, _ body: (Bytes) -> Void) {
        var start = 0
        while start < value.count {
            var end = start
            while end < value.count, value[end] != 0x2c { end &+= 1 }
            var first = start
            var last = end
            while first < last, HTTPCharacters.isBlank(value[first]) { first &+= 1 }
            while last > first, HTTPCharacters.isBlank(value[last &- 1]) { last &-= 1 }
            if first < last { body(value.slice(first, last)) }
            start = end &+ 1
        }
    }
}
