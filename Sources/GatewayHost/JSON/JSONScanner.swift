// Finds values in a JSON document without building anything.
//
// It skips: strings to their closing quotation mark, objects and arrays to their closing bracket, many
// bytes at a time. What it walks over it does not judge (that is JSONValidator's work, and the
// upstream's); what it does notice: a document that ends early, members without colon or comma, nesting
// beyond the limit, bytes after the end. Of members with the same key the last one counts, as for
// nearly every parser.
//
// Kind: value; a view of bytes that somebody else keeps alive. Nothing is allocated unless a key or a
// pointer is escaped.

import CLinux

enum JSONKind: UInt8, Sendable, Equatable { case null, bool, number, string, array, object }

/// A value as its place in the document; strings include their quotation marks.
struct JSONSpan: Equatable, Sendable {
    var start: Int
    var end: Int
    var kind: JSONKind
}

/// The key of a member, as it stands between its quotation marks.
struct JSONKey {
    var raw: Bytes
    var isEscaped: Bool

    @inline(__always)
    func equals(_ text: Bytes) -> Bool {
        isEscaped ? decodedEquals(text) : raw.equals(text)
    }

    /// With a literal, whose bytes become constants of the compare.
    @inline(__always)
    func equals(_ text: StaticString) -> Bool {
        if isEscaped { return decodedEquals(Bytes(text)) }
        return raw.equals(text)
    }

    private func decodedEquals(_ text: Bytes) -> Bool {
        // An escape makes at most one byte of two.
        guard raw.count >= text.count else { return false }
        var decoded: [UInt8] = []
        return JSONString.decode(raw, into: &decoded) && decoded.elementsEqual(text.buffer)
    }
}

struct JSONScanner {
    let text: Bytes
    private let base: UnsafePointer<UInt8>
    private let end: Int

    init(_ text: Bytes) {
        self.text = text
        base = text.base ?? UnsafePointer(("" as StaticString).utf8Start)
        end = text.count
    }

    func bytes(_ span: JSONSpan) -> Bytes { text.slice(span.start, span.end) }

    /// A string's content between its quotation marks, still escaped; nil for other kinds.
    func rawString(_ span: JSONSpan) -> Bytes? {
        span.kind == .string ? text.slice(span.start + 1, span.end - 1) : nil
    }

    /// The one value that the document is; nil when it is cut off, or followed by more.
    func document() -> JSONSpan? {
        let start = skipBlanks(0)
        var kind = JSONKind.null
        guard let after = endOfValue(start, &kind), skipBlanks(after) == end else { return nil }
        return JSONSpan(start: start, end: after, kind: kind)
    }

    /// Visits the members of the document's object in order, in one pass.
    ///
    /// - Returns: whether the document is one whole object. Members may have been visited also when not.
    @inline(__always)
    func forEachTopLevelMember(_ visit: (JSONKey, JSONSpan) -> Void) -> Bool {
        let start = skipBlanks(0)
        guard start < end, base[start] == 0x7b, let after = members(start, visit) else { return false }
        return skipBlanks(after) == end
    }

    /// Visits the members of an object that a scan of this document has found.
    @inline(__always)
    @discardableResult
    func forEachMember(of span: JSONSpan, _ visit: (JSONKey, JSONSpan) -> Void) -> Bool {
        span.kind == .object && members(span.start, visit) == span.end
    }

    /// Visits the elements of an array that a scan of this document has found.
    @inline(__always)
    @discardableResult
    func forEachElement(of span: JSONSpan, _ visit: (Int, JSONSpan) -> Void) -> Bool {
        span.kind == .array && elements(span.start, visit) == span.end
    }

    /// A member as it was read; the value's kind is only good when `readMember` has set it.
    private struct Member {
        var keyStart = 0
        var keyEnd = 0
        var valueStart = 0
        var valueEnd = 0
        var kind = JSONKind.null
        var isEscaped = false
    }

    @inline(__always)
    private func members(_ open: Int, _ visit: (JSONKey, JSONSpan) -> Void) -> Int? {
        var at = skipBlanks(open &+ 1)
        guard at < end else { return nil }
        if base[at] == 0x7d { return at &+ 1 }
        var member = Member()
        while true {
            guard readMember(at, &member) else { return nil }
            visit(
                JSONKey(
                    raw: Bytes(base: base + member.keyStart, count: member.keyEnd &- member.keyStart),
                    isEscaped: member.isEscaped),
                JSONSpan(start: member.valueStart, end: member.valueEnd, kind: member.kind))
            at = skipBlanks(member.valueEnd)
            guard at < end else { return nil }
            if base[at] == 0x7d { return at &+ 1 }
            guard base[at] == 0x2c else { return nil }
            at = skipBlanks(at &+ 1)
        }
    }

    /// Reads the member whose key opens at `start`; false when none does, or it is not whole.
    ///
    /// One copy for all visits: what is inlined into each of them is no longer inlined well.
    @inline(never)
    private func readMember(_ start: Int, _ member: inout Member) -> Bool {
        guard start < end, base[start] == 0x22 else { return false }
        var isEscaped = false
        guard let keyEnd = endOfString(start, &isEscaped) else { return false }
        let colon = skipBlanks(keyEnd)
        guard colon < end, base[colon] == 0x3a else { return false }
        let value = skipBlanks(colon &+ 1)
        guard let after = endOfValue(value, &member.kind) else { return false }
        member.keyStart = start &+ 1
        member.keyEnd = keyEnd &- 1
        member.isEscaped = isEscaped
        member.valueStart = value
        member.valueEnd = after
        return true
    }

    @inline(__always)
    private func elements(_ open: Int, _ visit: (Int, JSONSpan) -> Void) -> Int? {
        var at = skipBlanks(open &+ 1)
        guard at < end else { return nil }
        if base[at] == 0x5d { return at &+ 1 }
        var index = 0
        var kind = JSONKind.null
        while true {
            guard let after = endOfElement(at, &kind) else { return nil }
            visit(index, JSONSpan(start: at, end: after, kind: kind))
            index &+= 1
            at = skipBlanks(after)
            guard at < end else { return nil }
            if base[at] == 0x5d { return at &+ 1 }
            guard base[at] == 0x2c else { return nil }
            at = skipBlanks(at &+ 1)
        }
    }

    @inline(never)
    private func endOfElement(_ start: Int, _ kind: inout JSONKind) -> Int? { endOfValue(start, &kind) }

    // MARK: skipping

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 }

    /// The bytes numbers and the three names are made of. How they are put together is not judged.
    @inline(__always)
    static func isScalar(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x2d || byte == 0x2e || byte == 0x2b
    }

    /// The kind of a value by its first byte; nil when none begins so.
    @inline(__always)
    static func kind(_ first: UInt8) -> JSONKind? {
        switch first {
        case 0x22: .string
        case 0x7b: .object
        case 0x5b: .array
        case 0x2d, 0x30...0x39: .number
        case 0x74, 0x66: .bool
        case 0x6e: .null
        default: nil
        }
    }

    @inline(__always)
    private func skipBlanks(_ start: Int) -> Int {
        var at = start
        while at < end, base[at] <= 0x20, Self.isBlank(base[at]) { at &+= 1 }
        return at
    }

    /// The position behind the value that begins at `start`, and its kind; nil when none does.
    @inline(__always)
    private func endOfValue(_ start: Int, _ kind: inout JSONKind) -> Int? {
        guard start < end else { return nil }
        if base[start] == 0x22 {
            kind = .string
            var isEscaped = false
            return endOfString(start, &isEscaped)
        }
        guard let found = Self.kind(base[start]) else { return nil }
        kind = found
        if found == .object || found == .array {
            var nesting = JSONNesting()
            var at = start
            return nesting.advance(base, &at, end) == .ended ? at : nil
        }
        var at = start &+ 1
        while at < end, Self.isScalar(base[at]) { at &+= 1 }
        return at
    }

    /// The position behind the string that opens at `open`; nil when it does not end.
    @inline(__always)
    private func endOfString(_ open: Int, _ isEscaped: inout Bool) -> Int? {
        var at = open &+ 1
        // Most strings in a document's structure are names, which end within sixteen bytes.
        if at &+ 16 <= end {
            let found = gwl_mask16_either(base + at, 0x22, 0x5c)
            let stop = at &+ found.trailingZeroBitCount
            if found != 0, base[stop] == 0x22 { return stop &+ 1 }
        }
        while at < end {
            at = ByteSearch.quoteOrEscape(in: base, from: at, to: end)
            guard at < end else { return nil }
            if base[at] == 0x22 { return at &+ 1 }
            isEscaped = true
            at &+= 2
        }
        return nil
    }
}
