// Decimal numbers as whole numbers of a small unit, without a floating-point number on the way.
//
// Prices come as text: "3", "0.30", "1.875e-05". A Double would turn the last into something near it, and
// the error would be multiplied by every token that is ever priced.
//
// Kind: value. Pure.

enum ExactDecimal {
    enum Fault: Error, Equatable {
        case notANumber
        /// Below zero.
        case negative
        /// It has more digits than the unit can tell apart.
        case finerThanUnit
        case tooLarge
    }

    /// More than any price has; it bounds the work.
    private static let textLimit = 64
    private static let exponentLimit = 60

    /// `text` times ten to the power of `digits`, when that is a whole number.
    ///
    /// The grammar is JSON's (RFC 8259 section 6): digits, an optional fraction, an optional exponent.
    static func scaled(_ text: Bytes, by digits: Int) -> Result<Int64, Fault> {
        guard text.count > 0, text.count <= textLimit else { return .failure(.notANumber) }
        var at = 0
        if text[0] == 0x2d {
            // "-0" is zero, everything else below zero is no price.
            let rest = text.slice(1, text.count)
            if case .success(0) = scaled(rest, by: digits), rest[0] != 0x2d { return .success(0) }
            return .failure(rest.count > 0 && rest[0] &- 0x30 < 10 ? .negative : .notANumber)
        }
        var value: Int64 = 0
        // The power of ten that `value` still has to be multiplied by.
        var power = digits
        var isTooLarge = false
        func take(_ digit: UInt8) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(Int64(digit))
            if overflow || overflow2 { isTooLarge = true } else { value = sum }
        }
        let start = at
        while at < text.count, text[at] &- 0x30 < 10 {
            take(text[at] &- 0x30)
            at += 1
        }
        guard at > start, at == start + 1 || text[start] != 0x30 else { return .failure(.notANumber) }
        if at < text.count, text[at] == 0x2e {
            at += 1
            let start = at
            // Zeros at the end say nothing, and would count as precision.
            var zeros = 0
            while at < text.count, text[at] &- 0x30 < 10 {
                if text[at] == 0x30 {
                    zeros += 1
                } else {
                    for _ in 0..<zeros { take(0) }
                    power -= zeros + 1
                    zeros = 0
                    take(text[at] &- 0x30)
                }
                at += 1
            }
            guard at > start else { return .failure(.notANumber) }
        }
        if at < text.count, text[at] | 0x20 == 0x65 {
            at += 1
            var sign = 1
            if at < text.count, text[at] == 0x2b || text[at] == 0x2d {
                sign = text[at] == 0x2d ? -1 : 1
                at += 1
            }
            guard let exponent = text.slice(at, text.count).decimal else { return .failure(.notANumber) }
            at = text.count
            guard exponent <= exponentLimit else { return .failure(sign > 0 ? .tooLarge : .finerThanUnit) }
            power += sign * exponent
        }
        guard at == text.count else { return .failure(.notANumber) }
        if isTooLarge { return .failure(.tooLarge) }
        while power > 0, value != 0 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return .failure(.tooLarge) }
            value = product
            power -= 1
        }
        while power < 0, value != 0 {
            guard value % 10 == 0 else { return .failure(.finerThanUnit) }
            value /= 10
            power += 1
        }
        return .success(value)
    }

    static func scaled(_ text: String, by digits: Int) -> Result<Int64, Fault> {
        Array(text.utf8).withUnsafeBytes { scaled(Bytes($0), by: digits) }
    }

    /// `value` divided by ten to the power of `digits`, with at least `least` digits behind the point.
    static func text(_ value: Int64, digits: Int, least: Int = 0) -> String {
        var rest = String(value.magnitude)
        if rest.count <= digits { rest = String(repeating: "0", count: digits + 1 - rest.count) + rest }
        let point = rest.index(rest.endIndex, offsetBy: -digits)
        var fraction = rest[point...]
        while fraction.count > least, fraction.last == "0" { fraction.removeLast() }
        return (value < 0 ? "-" : "") + rest[..<point] + (fraction.isEmpty ? "" : "." + fraction)
    }
}
