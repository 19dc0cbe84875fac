// A small JSON reader for configurations and snapshots: strict (RFC 8259), bounded, in one pass.
//
// Not for the path of a request: there the host's gw.json/1 reads documents by pointer and shares
// the parse. Kind: value.

import Glibc

public indirect enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case real(Double)
    case text(String)
    case list([JSON])
    /// In the order of the document; of members with one name the last counts.
    case map([Member])

    public struct Member: Equatable, Sendable {
        public let name: String
        public let value: JSON
    }

    /// - Throws: `JSONError` with the offset of the first byte that cannot be right.
    public init(parsing bytes: Bytes) throws(JSONError) {
        var parser = JSONParser(bytes.buffer)
        self = try parser.document()
    }

    /// The member of that name; `.null` if there is none.
    public subscript(name: String) -> JSON {
        guard case .map(let members) = self else { return .null }
        return members.last { $0.name == name }?.value ?? .null
    }

    /// `text` as a JSON string.
    public static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

public struct JSONError: Error, CustomStringConvertible {
    public let reason: String
    public let offset: Int
    public var description: String { "JSON at byte \(offset): \(reason)" }
}

private struct JSONParser {
    /// Deep enough for any configuration; the reader is recursive and the stack is not endless.
    private static let depthLimit = 64

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var depth = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func document() throws(JSONError) -> JSON {
        let value = try value()
        skipBlanks()
        guard position == bytes.count else { throw error("more after the end of the document") }
        return value
    }

    private func error(_ reason: String) -> JSONError { JSONError(reason: reason, offset: position) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
            position += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func value() throws(JSONError) -> JSON {
        skipBlanks()
        switch next {
        case UInt8(ascii: "{"): return try nested { parser throws(JSONError) in try parser.map() }
        case UInt8(ascii: "["): return try nested { parser throws(JSONError) in try parser.list() }
        case UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func nested(
        _ body: (inout JSONParser) throws(JSONError) -> JSON
    ) throws(JSONError) -> JSON {
        guard depth < Self.depthLimit else { throw error("nested deeper than \(Self.depthLimit)") }
        depth += 1
        defer { depth -= 1 }
        position += 1
        return try body(&self)
    }

    private mutating func map() throws(JSONError) -> JSON {
        var members: [JSON.Member] = []
        if take(UInt8(ascii: "}")) { return .map(members) }
        repeat {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else { throw error("a member needs a quoted name") }
            let name = try text()
            guard take(UInt8(ascii: ":")) else { throw error("':' is missing after a name") }
            members.append(JSON.Member(name: name, value: try value()))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw error("'}' or ',' is missing") }
        return .map(members)
    }

    private mutating func list() throws(JSONError) -> JSON {
        var elements: [JSON] = []
        if take(UInt8(ascii: "]")) { return .list(elements) }
        repeat { elements.append(try value()) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw error("']' or ',' is missing") }
        return .list(elements)
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        for index in 0..<word.utf8CodeUnitCount {
            guard next == word.utf8Start[index] else { throw error("not a value") }
            position += 1
        }
        return value
    }

    private mutating func text() throws(JSONError) -> String {
        position += 1
        var content: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw error("text that is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &content)
            case 0..<0x20: throw error("a control character inside a text")
            default:
                content.append(byte)
                position += 1
            }
        }
        throw error("a text without an end")
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
        guard let byte = next else { throw error("a text without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0c)
        case UInt8(ascii: "n"): content.append(0x0a)
        case UInt8(ascii: "r"): content.append(0x0d)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var unit = try hexUnit()
            if unit >> 10 == 0x36 {  // a high surrogate: the low one follows (RFC 8259 section 7)
                guard take(literally: UInt8(ascii: "\\")), take(literally: UInt8(ascii: "u")) else {
                    throw error("half of a surrogate pair")
                }
                let low = try hexUnit()
                guard low >> 10 == 0x37 else { throw error("half of a surrogate pair") }
                unit = 0x10000 + (unit & 0x3ff) << 10 + (low & 0x3ff)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw error("half of a surrogate pair") }
            content += Array(String(Character(scalar)).utf8)
        default: throw error("an unknown escape")
        }
    }

    private mutating func take(literally byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func hexUnit() throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue,
                byte < 0x80
            else { throw error("\\u needs four hexadecimal digits") }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        _ = take(literally: UInt8(ascii: "-"))
        let first = position
        guard skipDigits() else { throw error("not a value") }
        if bytes[first] == UInt8(ascii: "0"), position > first + 1 {
            throw error("a number with a leading zero")
        }
        var isInteger = true
        if take(literally: UInt8(ascii: ".")) {
            isInteger = false
            guard skipDigits() else { throw error("digits are missing after '.'") }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            guard skipDigits() else { throw error("digits are missing in the exponent") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let integer = Int64(text) { return .integer(integer) }
        guard let real = Double(text), real.isFinite else { throw error("a number out of range") }
        return .real(real)
    }

    private mutating func skipDigits() -> Bool {
        let start = position
        while let byte = next, byte >= 0x30, byte <= 0x39 { position += 1 }
        return position > start
    }
}
