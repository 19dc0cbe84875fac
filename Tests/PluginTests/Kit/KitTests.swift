// The parts of PluginKit that plugins rely on: JSON, time, text, patterns.

import PluginKit
import Testing

@Suite struct KitTests {
    private func parse(_ text: String) -> JSON? { text.withBytes { try? JSON(parsing: $0) } }

    @Test func jsonReadsWhatItShould() {
        #expect(parse(" null ") == .null)
        #expect(parse("[1,-2.5,true,\"a\"]") == .list([.integer(1), .real(-2.5), .bool(true), .text("a")]))
        #expect(parse(#""\u00fc\ud83d\ude00\n\/""#) == .text("ü😀\n/"))
        #expect(parse(#"{"a":1,"a":{"b":[]}}"#)?["a"]["b"] == .list([]))
        #expect(parse("9223372036854775807") == .integer(.max))
        #expect(parse("1e3") == .real(1000))
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\"}", "01", "1.", "1e", "-", "tru", "\"\u{01}\"", "\"\\x\"", "\"\\ud800\"",
        "\"\\u12\"", "\"a", "1 2", "{a:1}", "1e999", "+1", "[1 2]",
    ])
    func jsonRefusesWhatItShould(text: String) { #expect(parse(text) == nil) }

    @Test func jsonIsBoundedInDepth() {
        #expect(parse(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) != nil)
        #expect(parse(String(repeating: "[", count: 65) + String(repeating: "]", count: 65)) == nil)
    }

    @Test func quotedTextReadsBack() {
        let text = "a\"b\\c\n\u{01}ü😀"
        #expect(parse(JSON.quoted(text)) == .text(text))
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-03-01T12:00:00Z", 1_772_366_400),
        ("2026-03-01t13:30:00.250+01:30", 1_772_366_400), ("2024-02-29T23:59:59-00:30", 1_709_252_999),
        ("1969-12-31T23:59:59Z", -1), ("2000-12-31 23:59:60Z", 978_307_200),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ])
    func timestampsAreRead(text: String, seconds: Int) {
        #expect(text.withBytes { Timestamp(rfc3339: $0) }?.seconds == seconds)
    }

    @Test(arguments: [
        "2026-03-01", "2026-03-01T12:00:00", "2026-02-29T12:00:00Z", "2026-13-01T12:00:00Z",
        "2026-03-01T24:00:00Z", "2026-03-01T12:00:00.Z", "2026-03-01T12:00:00+1:00", "2026-03-01T12:00:00Zx",
        "1772366400", "", "0000-01-01T00:00:00Z",
    ])
    func otherTextIsNoTimestamp(text: String) {
        #expect(text.withBytes { Timestamp(rfc3339: $0) } == nil)
    }

    @Test func timestampsReadBackOverFourCenturies() {
        for seconds in stride(from: -2_000_000_000, to: 12_000_000_000, by: 9_876_543) {
            let text = Timestamp(seconds: seconds).text
            #expect(text.withBytes { Timestamp(rfc3339: $0) }?.seconds == seconds)
        }
    }

    @Test func aWriterLeavesOutWhatDoesNotFit() {
        withByteWriter(capacity: 8) { writer in
            writer.append("abc")
            writer.append(decimal: -120)
            #expect(writer.bytes.string == "abc-120")
            writer.append("xy")
            #expect(writer.overflowed && writer.bytes.string == "abc-120")
        }
        withByteWriter(capacity: 24) { writer in
            writer.append(decimal: .min)
            #expect(writer.bytes.string == "-9223372036854775808")
        }
    }

    @Test func modelPatternsAreExactOrBeginnings() throws {
        let rules = Settings(.list([.text("claude-haiku-*"), .text("claude-opus-5-5")]))
        let patterns = try ModelPatterns(rules)
        #expect(patterns.allow("claude-haiku-4-5") && patterns.allow("claude-opus-5-5"))
        #expect(!patterns.allow("claude-opus-5-5-fast") && !patterns.allow("haiku") && !patterns.allow(.absent))
        let none = try ModelPatterns(Settings(.null))
        #expect(none.allow("anything") && none.allow(.absent))
        let all = try ModelPatterns(Settings(.list([.text("*")])))
        #expect(all.allow("anything") && !all.allow(.absent))
    }

    @Test func settingsNameThePlaceOfAMistake() {
        let document = parse(#"{"limits":[{"rpm":"many"}]}"#)!
        #expect(throws: PluginError.self) { try Settings(document)["limits"].list()[0]["rpm"].integer() }
        do {
            _ = try Settings(document)["limits"].list()[0]["rpm"].integer()
        } catch { #expect("\(error)" == "/limits/0/rpm: a whole number is needed here") }
    }
}
