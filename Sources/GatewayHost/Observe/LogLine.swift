// One log line as bytes: a JSON object, or text for a terminal.
//
//     {"ts":"2025-11-23T18:03:04.123Z","level":"info","msg":"listening","address":"127.0.0.1:3000"}
//     2025-11-23T18:03:04.123Z info    listening address=127.0.0.1:3000
//
// Whatever a client or an upstream put into a value, a line stays one line and valid UTF-8: control
// characters are escaped, invalid bytes replaced, long values cut.
//
// Kind: value. Pure: the time is handed in.

struct LogLine {
    /// Values are cut here; a line has room for a URL and for a sentence, not for a body.
    static let valueLimit = 4096

    private(set) var bytes: [UInt8] = []
    private let json: Bool

    /// - Parameter wall: nanoseconds since 1970, UTC.
    init(json: Bool, wall: UInt64, level: LogLevel, message: Bytes, fields: [LogField]) {
        self.json = json
        bytes.reserveCapacity(192)
        if json {
            append("{\"ts\":\"")
            appendTime(wall)
            append("\",\"level\":\"")
            bytes.append(contentsOf: level.rawValue.utf8)
            append("\",\"msg\":")
            appendQuoted(message.buffer)
        } else {
            appendTime(wall)
            bytes.append(0x20)
            bytes.append(contentsOf: level.rawValue.utf8)
            for _ in level.rawValue.utf8.count..<8 { bytes.append(0x20) }
            appendEscaped(message.buffer)
        }
        for field in fields { append(field) }
        append(json ? "}\n" : "\n")
    }

    private mutating func append(_ field: LogField) {
        bytes.append(json ? 0x2c : 0x20)
        if json { bytes.append(0x22) }
        append(field.name)
        append(json ? "\":" : "=")
        switch field.value {
        case .literal(let text): appendText(Bytes(text).buffer)
        case .text(var text): text.withUTF8 { appendText($0) }
        case .bytes(let view): appendText(view.buffer)
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .number(let number):
            if number.isFinite {
                bytes.append(contentsOf: number.description.utf8)
            } else {
                append("null")
            }
        case .bool(let value): append(value ? "true" : "false")
        case .duration(let duration):
            let (seconds, atto) = duration.components
            bytes.append(contentsOf: (Double(seconds) + Double(atto) * 1e-18).description.utf8)
        case .secret: appendText(Bytes("[redacted]").buffer)
        }
    }

    private mutating func append(_ literal: StaticString) {
        bytes.append(contentsOf: Bytes(literal).buffer)
    }

    private mutating func appendText(_ text: UnsafeBufferPointer<UInt8>) {
        if json { return appendQuoted(text) }
        let bare = !text.isEmpty && text.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x3d }
        if bare && text.count <= LogLine.valueLimit {
            bytes.append(contentsOf: text)
        } else {
            appendQuoted(text)
        }
    }

    private mutating func appendQuoted(_ text: UnsafeBufferPointer<UInt8>) {
        bytes.append(0x22)
        appendEscaped(text)
        bytes.append(0x22)
    }

    /// Escapes as JSON does (RFC 8259 section 7); a text line uses the same.
    private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        var cut = text
        if text.count > LogLine.valueLimit {
            // Not inside a character: back over continuation bytes, of which there are at most three.
            var end = LogLine.valueLimit
            while end > LogLine.valueLimit - 4, text[end] & 0xc0 == 0x80 { end -= 1 }
            cut = UnsafeBufferPointer(rebasing: text[..<end])
        }
        if cut.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c }) {
            bytes.append(contentsOf: cut)
        } else {
            for scalar in String(decoding: cut, as: UTF8.self).unicodeScalars { appendScalar(scalar) }
        }
        if cut.count < text.count { append("…") }
    }

    private mutating func appendScalar(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x22: append("\\\"")
        case 0x5c: append("\\\\")
        case 0x0a: append("\\n")
        case 0x0d: append("\\r")
        case 0x09: append("\\t")
        // C0, DEL and C1 (a terminal obeys them), and the two line separators of Unicode.
        case 0..<0x20, 0x7f...0x9f, 0x2028, 0x2029:
            append("\\u")
            for shift in [12, 8, 4, 0] {
                bytes.append(contentsOf: String(scalar.value >> UInt32(shift) & 15, radix: 16).utf8)
            }
        default: bytes.append(contentsOf: String(scalar).utf8)
        }
    }

    /// RFC 3339 with milliseconds, UTC.
    private mutating func appendTime(_ wall: UInt64) {
        let date = CivilDate(daysSince1970: Int(wall / 86_400_000_000_000))
        let milliseconds = Int(wall / 1_000_000 % 86_400_000)
        appendDigits(date.year, 4)
        bytes.append(0x2d)
        appendDigits(date.month, 2)
        bytes.append(0x2d)
        appendDigits(date.day, 2)
        bytes.append(0x54)
        appendDigits(milliseconds / 3_600_000, 2)
        bytes.append(0x3a)
        appendDigits(milliseconds / 60_000 % 60, 2)
        bytes.append(0x3a)
        appendDigits(milliseconds / 1000 % 60, 2)
        bytes.append(0x2e)
        appendDigits(milliseconds % 1000, 3)
        bytes.append(0x5a)
    }

    private mutating func appendDigits(_ number: Int, _ width: Int) {
        var scale = 1
        for _ in 1..<width { scale *= 10 }
        while scale > 0 {
            bytes.append(0x30 + UInt8(number / scale % 10))
            scale /= 10
        }
    }
}

/// A day of the Gregorian calendar.
/// - Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
struct CivilDate: Sendable, Equatable {
    let year: Int
    let month: Int
    let day: Int

    init(daysSince1970 days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }
}
