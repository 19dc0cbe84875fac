// Names for new records: `key_01jd3x9k7c8m5q2r4t6v8w0y1z`.
//
// The part behind the underscore is 48 bits of milliseconds and 80 random bits in 26 characters of
// Crockford's base 32, so that ids sort by the time they were made and cannot be guessed or meet.
//
// Kind: pure, but for the clock and the random bytes of `make`.

import CLinux

enum RecordIdentifier {
    /// Letters and digits that are not mistaken for one another: no i, l, o, u.
    private static let alphabet: StaticString = "0123456789abcdefghjkmnpqrstvwxyz"
    static let characterCount = 26

    /// A new id now.
    /// - Thread: any.
    static func make(prefix: String) -> String {
        var random = InlineArray<10, UInt8>(repeating: 0)
        var span = random.mutableSpan
        span.withUnsafeMutableBytes { RandomBytes.fill($0) }
        return text(prefix: prefix, milliseconds: gwl_wall_ns() / 1_000_000, random: random)
    }

    static func text(prefix: String, milliseconds: UInt64, random: InlineArray<10, UInt8>) -> String {
        var high = milliseconds << 16 | UInt64(random[0]) << 8 | UInt64(random[1])
        var low: UInt64 = 0
        for index in 2..<10 { low = low << 8 | UInt64(random[index]) }
        let digits = alphabet.utf8Start
        let tail = String(unsafeUninitializedCapacity: characterCount) { room in
            // 128 bits from the right, five at a time; the first character holds the top three.
            for place in (0..<characterCount).reversed() {
                room[place] = digits[Int(low & 31)]
                low = low >> 5 | high << 59
                high >>= 5
            }
            return characterCount
        }
        return "\(prefix)_\(tail)"
    }
}
