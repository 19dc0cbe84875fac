// Writes JSON text, piece by piece: log lines, error bodies, admin answers.
//
// Commas come by themselves. Text from anywhere may be written: it is escaped, and bytes that are not
// UTF-8 become U+FFFD, so the result is always valid.
//
// Kind: value. Reuse one with `removeAll` where lines are written often.

struct JSONBuilder {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false
    private var followsKey = false
    private var indent: Int?
    private var depth = 0

    init() {}

    /// - Parameter indentedBy: blanks for each level; every element then has a line of its own.
    init(indentedBy indent: Int) { self.indent = indent }

    var string: String { String(decoding: bytes, as: UTF8.self) }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
        followsKey = false
        depth = 0
    }

    mutating func beginObject() { open(0x7b) }
    mutating func endObject() { close(0x7d) }
    mutating func beginArray() { open(0x5b) }
    mutating func endArray() { close(0x5d) }

    mutating func key(_ name: Bytes) {
        separate()
        quote(name)
        bytes.append(0x3a)
        if indent != nil { bytes.append(0x20) }
        followsKey = true
    }

    mutating func key(_ name: StaticString) { key(Bytes(name)) }
    mutating func key(_ name: String) { Self.withBytes(name) { key($0) } }

    mutating func value(_ text: Bytes) {
        startValue()
        quote(text)
    }

    mutating func value(_ text: StaticString) { value(Bytes(text)) }
    mutating func value(_ text: String) { Self.withBytes(text) { value($0) } }

    mutating func value(_ flag: Bool) { literal(flag ? "true" : "false") }
    mutating func null() { literal("null") }

    mutating func value(_ number: Int64) {
        startValue()
        var digits = InlineArray<20, UInt8>(repeating: 0x30)
        var place = 20
        var rest = number.magnitude
        repeat {
            place -= 1
            digits[place] = 0x30 + UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        if number < 0 { bytes.append(0x2d) }
        for index in place..<20 { bytes.append(digits[index]) }
    }

    mutating func value(_ number: Int) { value(Int64(number)) }

    /// The shortest text that reads back as the same number; null when it is not finite, for which JSON
    /// has no word.
    mutating func value(_ number: Double) {
        guard number.isFinite else { return null() }
        startValue()
        bytes.append(contentsOf: number.description.utf8)
    }

    /// Text that is JSON already.
    mutating func raw(_ json: Bytes) {
        startValue()
        bytes.append(contentsOf: json.buffer)
    }

    mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let flag): self.value(flag)
        case .int(let number): self.value(number)
        case .double(let number): self.value(number)
        case .string(let text): self.value(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let object):
            beginObject()
            for member in object {
                key(member.name)
                self.value(member.value)
            }
            endObject()
        }
    }

    // MARK: layout

    private mutating func literal(_ text: StaticString) {
        startValue()
        bytes.append(contentsOf: Bytes(text).buffer)
    }

    private mutating func startValue() {
        if followsKey { followsKey = false } else { separate() }
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(0x2c) }
        if depth > 0 { breakLine() }
    }

    private mutating func breakLine() {
        guard let indent else { return }
        bytes.append(0x0a)
        for _ in 0..<(indent * depth) { bytes.append(0x20) }
    }

    private mutating func open(_ bracket: UInt8) {
        startValue()
        bytes.append(bracket)
        depth += 1
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        precondition(depth > 0, "more brackets closed than opened")
        depth -= 1
        if needsComma { breakLine() }
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func quote(_ text: Bytes) {
        bytes.append(0x22)
        JSONString.appendEscaped(text, to: &bytes)
        bytes.append(0x22)
    }

    private static func withBytes(_ text: String, _ body: (Bytes) -> Void) {
        var text = text
        text.withUTF8 { body(Bytes(UnsafeRawBufferPointer($0))) }
    }
}

extension JSONValue {
    /// The text without any blanks.
    var compact: [UInt8] {
        var builder = JSONBuilder()
        builder.value(self)
        return builder.bytes
    }

    /// The text for people: two blanks for each level, a line for each element.
    var pretty: [UInt8] {
        var builder = JSONBuilder(indentedBy: 2)
        builder.value(self)
        return builder.bytes + [0x0a]
    }
}
