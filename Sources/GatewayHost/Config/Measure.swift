// Durations and sizes as the configuration writes them: `500ms`, `1h30m`, `32MB`.
//
// A bare number is refused as a duration, because half of all programs would mean milliseconds by it.
// Sizes count by 1024 whether written MB or MiB, as the limits of HTTP servers do; a bare number is bytes.
//
// Kind: value. Pure.

enum Measure {
    private static let times: [(unit: String, milliseconds: Int)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]
    private static let sizes: [(unit: String, bytes: Int)] = [
        ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("B", 1),
    ]

    /// `1h30m`: numbers with units, at least one, nothing between; nil if it is none or too long.
    static func duration(_ text: String) -> Duration? {
        var rest = text.utf8[...]
        guard !rest.isEmpty else { return nil }
        var total = 0
        while !rest.isEmpty {
            guard let number = takeNumber(&rest) else { return nil }
            let letters = rest.prefix { $0 >= 0x61 && $0 <= 0x7a }
            rest = rest.dropFirst(letters.count)
            guard let unit = times.first(where: { $0.unit.utf8.elementsEqual(letters) }) else { return nil }
            let (part, tooLong) = number.multipliedReportingOverflow(by: unit.milliseconds)
            let (sum, overflow) = total.addingReportingOverflow(part)
            if tooLong || overflow { return nil }
            total = sum
        }
        return .milliseconds(total)
    }

    /// The shortest of one unit, or of two: `10m`, `330s`, `90m`.
    static func text(_ duration: Duration) -> String {
        let milliseconds = duration.milliseconds
        guard milliseconds > 0 else { return "0s" }
        let unit = times.first { milliseconds % $0.milliseconds == 0 } ?? ("ms", 1)
        return "\(milliseconds / unit.milliseconds)\(unit.unit)"
    }

    /// `32MB`, `64KiB`, `1048576`; nil if it is none or does not fit.
    static func bytes(_ text: String) -> Int? {
        var rest = text.utf8[...]
        guard let number = takeNumber(&rest) else { return nil }
        var unit = String(Substring(rest)).uppercased()
        if unit.hasSuffix("IB") { unit = unit.dropLast(2) + "B" }
        if unit.isEmpty { return number }
        guard let scale = sizes.first(where: { $0.unit == unit || $0.unit.dropLast() == unit }) else {
            return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: scale.bytes)
        return overflow ? nil : product
    }

    static func text(bytes: Int) -> String {
        guard bytes > 0 else { return "0" }
        let unit = sizes.first { bytes % $0.bytes == 0 } ?? ("B", 1)
        return unit.bytes == 1 ? "\(bytes)" : "\(bytes / unit.bytes)\(unit.unit)"
    }

    private static func takeNumber(_ rest: inout Substring.UTF8View) -> Int? {
        let digits = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }
        guard !digits.isEmpty, digits.count <= 18, let number = Int(Substring(digits)) else { return nil }
        rest = rest.dropFirst(digits.count)
        return number
    }
}
