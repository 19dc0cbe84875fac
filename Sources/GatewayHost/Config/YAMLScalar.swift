// The type of an unquoted scalar: the core schema of YAML 1.2 (section 10.3.2).
//
// `yes`, `no`, `on` and `off` are texts, as 1.2 has it; whoever wants a bool says what to write instead.
// Infinity and not-a-number stay texts, because JSON, in which plugins read their configuration,
// has no such numbers.
//
// Kind: value.

enum YAMLValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
}

extension YAMLScalar {
    /// What the scalar means. Quoted ones are texts; so is a reference that gave nothing.
    var resolved: YAMLValue {
        if style == .quoted || (fromReference && text.isEmpty) { return .text(text) }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        if let integer = YAMLScalar.integer(text) { return .integer(integer) }
        if YAMLScalar.looksNumeric(text), let number = Double(text), number.isFinite {
            return .number(number)
        }
        return .text(text)
    }

    /// For sentences; never shows what came through a reference.
    var spoken: String {
        if fromReference { return "a value from a reference" }
        switch resolved {
        case .null: return "empty"
        case .bool(let value): return "\(value)"
        case .integer(let value): return "\(value)"
        case .number: return "\(text)"
        case .text: return "the text \"\(ConfigFault.printable(text, limit: 60))\""
        }
    }

    /// `-12`, `0x1f`, `0o17`; nil when it is none, or does not fit 64 bits.
    static func integer(_ text: String) -> Int? {
        let bytes = text.utf8
        guard let first = bytes.first else { return nil }
        if text.hasPrefix("0x"), bytes.count > 2, text.dropFirst(2).utf8.allSatisfy(isHexDigit) {
            return Int(text.dropFirst(2), radix: 16)
        }
        if text.hasPrefix("0o"), bytes.count > 2, text.dropFirst(2).utf8.allSatisfy(isDigit) {
            return Int(text.dropFirst(2), radix: 8)
        }
        let digits = first == 0x2b || first == 0x2d ? bytes.dropFirst() : bytes[...]
        guard !digits.isEmpty, digits.allSatisfy(isDigit) else { return nil }
        return Int(text)
    }

    /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
    private static func looksNumeric(_ text: String) -> Bool {
        var rest = text.utf8[...]
        func digits() -> Int {
            let run = rest.prefix(while: isDigit)
            rest = rest.dropFirst(run.count)
            return run.count
        }
        func take(_ choices: UInt8...) -> Bool {
            guard let next = rest.first, choices.contains(next) else { return false }
            rest = rest.dropFirst()
            return true
        }
        _ = take(0x2b, 0x2d)
        let whole = digits()
        let fraction = take(0x2e) ? digits() : 0
        guard whole + fraction > 0 else { return false }
        if take(0x65, 0x45) {
            _ = take(0x2b, 0x2d)
            guard digits() > 0 else { return false }
        }
        return rest.isEmpty
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66)
    }
}
