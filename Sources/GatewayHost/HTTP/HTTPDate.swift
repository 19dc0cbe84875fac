// The Date header: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
//
// Kind: value. It reads no clock; a loop keeps one and asks it again when the second changes.

struct HTTPDate {
    static let byteCount = 29

    private var second: Int64?
    private var text = InlineArray<29, UInt8>(repeating: 0x20)

    init() {}

    /// Writes the date for a second since 1970 to `target`, which has room for `byteCount` bytes. The
    /// text is made anew only when the second is another one than last time.
    mutating func write(_ seconds: Int64, to target: UnsafeMutablePointer<UInt8>) {
        if seconds != second {
            second = seconds
            text = Self.format(seconds)
        }
        withUnsafeBytes(of: &text) { UnsafeMutableRawBufferPointer(start: target, count: $0.count).copyMemory(from: $0) }
    }

    /// - Parameter seconds: since 1970-01-01 UTC; years beyond 0...9999 are held at the ends.
    static func format(_ seconds: Int64) -> InlineArray<29, UInt8> {
        let time = min(max(seconds, -62_167_219_200), 253_402_300_799)
        let day = time >= 0 ? time / 86_400 : (time - 86_399) / 86_400
        let ofDay = Int(time - day * 86_400)
        let date = civil(day)
        let weekday = Int(((day % 7) + 11) % 7)

        let names: StaticString = "SunMonTueWedThuFriSat"
        let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        var text = InlineArray<29, UInt8>(repeating: 0x20)
        for letter in 0..<3 {
            text[letter] = names.utf8Start[weekday * 3 + letter]
            text[8 + letter] = months.utf8Start[(date.month - 1) * 3 + letter]
            text[26 + letter] = ("GMT" as StaticString).utf8Start[letter]
        }
        text[3] = 0x2c
        put(date.day, &text, 5)
        put(date.year / 100, &text, 12)
        put(date.year % 100, &text, 14)
        put(ofDay / 3600, &text, 17)
        text[19] = 0x3a
        put(ofDay / 60 % 60, &text, 20)
        text[22] = 0x3a
        put(ofDay % 60, &text, 23)
        return text
    }

    private static func put(_ number: Int, _ text: inout InlineArray<29, UInt8>, _ at: Int) {
        text[at] = 0x30 + UInt8(number / 10)
        text[at + 1] = 0x30 + UInt8(number % 10)
    }

    /// The proleptic Gregorian date of a day since 1970, by counting in eras of 400 years that begin in
    /// March (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func civil(_ day: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = Int(day) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * ofYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, ofYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
