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

    @inline(__always)
    func equals(_ text: StaticString) -> Bool { equals(Bytes(text)) }

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
        guard let value = skipValue(start), skipBlanks(value.end) == end else { return nil }
        return value
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

    @inline(__always)
    private func members(_ open: Int, _ visit: (JSONKey, JSONSpan) -> Void) -> Int? {
        var at = skipBlanks(open &+ 1)
        guard at < end else { return nil }
        if base[at] == 0x7d { return at &+ 1 }
        while true {
            guard at < end, base[at] == 0x22 else { return nil }
            var isEscaped = false
            guard let keyEnd = skipString(at, &isEscaped) else { return nil }
            let key = JSONKey(raw: text.slice(at &+ 1, keyEnd &- 1), isEscaped: isEscaped)
            at = skipBlanks(keyEnd)
            guard at < end, base[at] == 0x3a, let value = skipValue(skipBlanks(at &+ 1)) else { return nil }
            visit(key, value)
            at = skipBlanks(value.end)
            guard at < end else { return nil }
            if base[at] == 0x7d { return at &+ 1 }
            guard base[at] == 0x2c else { return nil }
            at = skipBlanks(at &+ 1)
        }
    }

    @inline(__always)
    private func elements(_ open: Int, _ visit: (Int, JSONSpan) -> Void) -> Int? {
        var at = skipBlanks(open &+ 1)
        guard at < end else { return nil }
        if base[at] == 0x5d { return at &+ 1 }
        var index = 0
        while true {
            guard let value = skipValue(at) else { return nil }
            visit(index, value)
            index &+= 1
            at = skipBlanks(value.end)
            guard at < end else { return nil }
            if base[at] == 0x5d { return at &+ 1 }
            guard base[at] == 0x2c else { return nil }
            at = skipBlanks(at &+ 1)
        }
    }

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
        while at < end, Self.isBlank(base[at]) { at &+= 1 }
        return at
    }

    @inline(__always)
    private func skipValue(_ start: Int) -> JSONSpan? {
        guard start < end, let kind = Self.kind(base[start]) else { return nil }
        var after: Int?
        switch kind {
        case .string:
            var isEscaped = false
            after = skipString(start, &isEscaped)
        case .object, .array: after = skipNested(start)
        case .number, .bool, .null:
            var at = start &+ 1
            while at < end, Self.isScalar(base[at]) { at &+= 1 }
            after = at
        }
        return after.map { JSONSpan(start: start, end: $0, kind: kind) }
    }

    /// The position behind the string that opens at `open`.
    @inline(__always)
    private func skipString(_ open: Int, _ isEscaped: inout Bool) -> Int? {
        var at = open &+ 1
        while at < end {
            at = ByteSearch.quoteOrEscape(in: base, from: at, to: end)
            guard at < end else { return nil }
            if base[at] == 0x22 { return at &+ 1 }
            isEscaped = true
            at &+= 2
        }
        return nil
    }

    /// The position behind the object or array that opens at `open`.
    private func skipNested(_ open: Int) -> Int? {
        var nesting = JSONNesting()
        var at = open
        return nesting.advance(base, &at, end) == .ended ? at : nil
    }
}
