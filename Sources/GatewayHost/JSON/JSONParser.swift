// Reads a JSON text into a JSONValue, and says exactly what is wrong when it cannot.
//
// Strict RFC 8259. Whole numbers become Int64 while they fit, other numbers Double.
//
// Kind: value. Recursion is bounded by the depth limit.

/// Why a text is not JSON, and where.
struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    enum Reason: String, Sendable {
        case endsEarly = "the text ends before the value is complete"
        case unexpectedByte = "this cannot stand here"
        case missingColon = "a colon must follow the name"
        case missingComma = "a comma or the closing bracket must follow"
        case controlByte = "a control character in a string must be escaped"
        case invalidEscape = "this escape does not exist"
        case invalidUTF8 = "the string is not UTF-8"
        case invalidNumber = "this is not a number"
        case numberTooLarge = "the number is too large"
        case nestedTooDeep = "the value is nested too deep"
        case trailingBytes = "there is more after the value"
        case tooLarge = "the text is larger than accepted"
    }

    var reason: Reason
    /// In bytes from the start.
    var offset: Int
    /// From 1; columns count bytes.
    var line: Int
    var column: Int

    var description: String { "line \(line), column \(column): \(reason.rawValue)" }
}

struct JSONParser {
    struct Limits: Sendable {
        /// The whole text, in bytes. Four times the largest export of records we expect.
        var bytes = 16 << 20
        /// Brackets inside brackets. Hand-written documents stay below 20.
        var depth = 128
    }

    private let base: UnsafePointer<UInt8>
    private let end: Int
    private let limits: Limits
    private var at = 0
    private var depth = 0
    private var scratch: [UInt8] = []

    /// - Throws: `JSONError` naming the place.
    static func parse(_ text: Bytes, limits: Limits = Limits()) throws(JSONError) -> JSONValue {
        var parser = JSONParser(text, limits)
        guard text.count <= limits.bytes else { throw parser.error(.tooLarge) }
        parser.skipBlanks()
        let value = try parser.value()
        parser.skipBlanks()
        guard parser.at == parser.end else { throw parser.error(.trailingBytes) }
        return value
    }

    static func parse(_ text: String, limits: Limits = Limits()) throws(JSONError) -> JSONValue {
        let bytes = Array(text.utf8)
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(JSONError) in try parse(Bytes(raw), limits: limits) }
        }
        return try result.get()
    }

    private init(_ text: Bytes, _ limits: Limits) {
        base = text.base ?? UnsafePointer(("" as StaticString).utf8Start)
        end = text.count
        self.limits = limits
    }

    private func error(_ reason: JSONError.Reason) -> JSONError {
        let offset = min(at, end)
        var line = 1
        var lineStart = 0
        for index in 0..<offset where base[index] == 0x0a {
            line += 1
            lineStart = index + 1
        }
        return JSONError(
            reason: at >= end && reason == .unexpectedByte ? .endsEarly : reason, offset: offset, line: line,
            column: offset - lineStart + 1)
    }

    private mutating func skipBlanks() {
        while at < end, JSONScanner.isBlank(base[at]) { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard at < end, base[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        guard at < end else { throw error(.endsEarly) }
        switch base[at] {
        case 0x22: return .string(try string())
        case 0x7b: return .object(try object())
        case 0x5b: return .array(try array())
        case 0x74: return try literal("true", .bool(true))
        case 0x66: return try literal("false", .bool(false))
        case 0x6e: return try literal("null", .null)
        case 0x2d, 0x30...0x39: return try number()
        default: throw error(.unexpectedByte)
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for index in 0..<text.utf8CodeUnitCount {
            guard take(text.utf8Start[index]) else { throw error(.unexpectedByte) }
        }
        return value
    }

    private mutating func enter() throws(JSONError) {
        guard depth < limits.depth else { throw error(.nestedTooDeep) }
        depth += 1
        at += 1
        skipBlanks()
    }

    private mutating func object() throws(JSONError) -> JSONObject {
        try enter()
        defer { depth -= 1 }
        var object = JSONObject()
        if take(0x7d) { return object }
        while true {
            guard at < end, base[at] == 0x22 else { throw error(.unexpectedByte) }
            let name = try string()
            skipBlanks()
            guard take(0x3a) else { throw error(at < end ? .missingColon : .endsEarly) }
            skipBlanks()
            object[name] = try value()
            if try endsAfterElement(0x7d) { return object }
        }
    }

    private mutating func array() throws(JSONError) -> [JSONValue] {
        try enter()
        defer { depth -= 1 }
        var elements: [JSONValue] = []
        if take(0x5d) { return elements }
        while true {
            elements.append(try value())
            if try endsAfterElement(0x5d) { return elements }
        }
    }

    private mutating func endsAfterElement(_ bracket: UInt8) throws(JSONError) -> Bool {
        skipBlanks()
        if take(bracket) { return true }
        guard take(0x2c) else { throw error(at < end ? .missingComma : .endsEarly) }
        skipBlanks()
        return false
    }

    private mutating func string() throws(JSONError) -> String {
        at += 1
        let start = at
        var isEscaped = false
        while true {
            at = ByteSearch.notPlainText(in: base, from: at, to: end)
            guard at < end else { throw error(.endsEarly) }
            let byte = base[at]
            if byte == 0x22 { break }
            if byte < 0x20 { throw error(.controlByte) }
            if byte == 0x5c {
                isEscaped = true
                try skipEscape()
            } else {
                let count = UTF8Sequence.count(base, at, end)
                guard count > 0 else { throw error(.invalidUTF8) }
                at += count
            }
        }
        let raw = Bytes(base: base + start, count: at - start)
        at += 1
        guard isEscaped else { return String(decoding: raw.buffer, as: UTF8.self) }
        scratch.removeAll(keepingCapacity: true)
        let isDecoded = JSONString.decode(raw, into: &scratch)
        precondition(isDecoded, "every escape was checked on the way to the closing quotation mark")
        return String(decoding: scratch, as: UTF8.self)
    }

    private mutating func skipEscape() throws(JSONError) {
        guard at + 1 < end else {
            at = end
            throw error(.endsEarly)
        }
        switch base[at + 1] {
        case 0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74: at += 2
        case 0x75:
            guard JSONString.hexadecimal(Bytes(base: base, count: end), at + 2) != nil else {
                throw error(.invalidEscape)
            }
            at += 6
        default: throw error(.invalidEscape)
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        _ = take(0x2d)
        if !take(0x30) { try digits() }
        var isWhole = true
        if take(0x2e) {
            isWhole = false
            try digits()
        }
        if at < end, base[at] | 0x20 == 0x65 {
            isWhole = false
            at += 1
            if !take(0x2b) { _ = take(0x2d) }
            try digits()
        }
        let text = String(decoding: UnsafeBufferPointer(start: base + start, count: at - start), as: UTF8.self)
        if isWhole, let value = Int64(text) { return .int(value) }
        guard let value = Double(text), value.isFinite else {
            at = start
            throw error(.numberTooLarge)
        }
        return .double(value)
    }

    private mutating func digits() throws(JSONError) {
        let start = at
        while at < end, base[at] &- 0x30 < 10 { at += 1 }
        guard at > start else { throw error(.invalidNumber) }
    }
}
