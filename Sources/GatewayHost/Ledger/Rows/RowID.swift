// What names a request for ever: the process that took it and its number there.
//
// As text it is the id that the client was told (`x-gateway-request-id`): `gw_`, eight hexadecimal digits of the
// process's tag, twelve of the number.
//
// Kind: value.

struct RowID: Hashable, Comparable, Sendable {
    var tag: UInt32
    var number: UInt64

    static let zero = RowID(tag: 0, number: 0)
    static let last = RowID(tag: .max, number: .max)

    init(tag: UInt32, number: UInt64) {
        self.tag = tag
        self.number = number
    }

    /// Reads the text; nil when it is no id of a gateway.
    init?(_ text: String) {
        guard text.hasPrefix("gw_"), text.utf8.count == 23, text.utf8.dropFirst(3).allSatisfy({ Self.isLowerHexadecimal($0) }),
            let tag = UInt32(text.dropFirst(3).prefix(8), radix: 16), let number = UInt64(text.suffix(12), radix: 16)
        else { return nil }
        self.init(tag: tag, number: number)
    }

    var text: String { "gw_" + Self.digits(UInt64(tag), 8) + Self.digits(number, 12) }

    static func < (one: RowID, other: RowID) -> Bool {
        one.tag == other.tag ? one.number < other.number : one.tag < other.tag
    }

    private static func digits(_ number: UInt64, _ count: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: max(count - digits.count, 0)) + digits
    }

    private static func isLowerHexadecimal(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 || byte &- 0x61 < 6 }
}
