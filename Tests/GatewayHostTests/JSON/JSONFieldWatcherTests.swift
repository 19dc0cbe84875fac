// Members picked out of a passing object, wherever it is cut.

import Testing

@testable import GatewayHost

@Suite struct JSONFieldWatcherTests {
    struct Reading: Equatable {
        var usage: String?
        var model: String?
        var isWhole = false

        init(_ pieces: [WireText], limit: Int = 16 << 10) {
            var watcher = JSONFieldWatcher(["usage", "model"], valueBytesLimit: limit)
            for piece in pieces { watcher.feed(piece.bytes) }
            usage = watcher.withValue(0) { $0.string }
            model = watcher.withValue(1) { $0.string }
            isWhole = watcher.isWhole
        }

        init(_ text: String, limit: Int = 16 << 10) { self.init([WireText(text)], limit: limit) }
    }

    static let message =
        " {\"id\":\"msg_1\",\"content\":[{\"type\":\"text\",\"text\":\"\\\"usage\\\":{\\\\\"},{\"usage\":{\"x\":1}}],"
        + "\"m\\u006fdel\" : \"claude\\n\" , \"usage\": {\"input_tokens\":10,\"a\":\"}\"}, \"n\":-1.5e3,\"t\":true}\n"

    @Test func watchedMembersAreCaptured() {
        let reading = Reading(Self.message)
        #expect(reading.usage == "{\"input_tokens\":10,\"a\":\"}\"}")
        #expect(reading.model == "\"claude\\n\"")
        #expect(reading.isWhole)
    }

    @Test(arguments: [
        message, "{\"usage\":12,\"usage\":[3]}", "{\"usage\":1 \"x\"", "{\"usage\":nul}", "[{\"usage\":1}]", "{} x",
        "{\"\\ud83d\":1,\"usage\":\"\\\\\"}",
    ])
    func everySplitReadsTheSame(_ text: String) {
        let wire = WireText(text)
        let whole = Reading([wire])
        for pieces in wire.splits { #expect(Reading(pieces) == whole) }
    }

    @Test func theLastOfEqualMembersCounts() {
        #expect(Reading("{\"usage\":1,\"usage\":2}").usage == "2")
        #expect(Reading("{\"usage\":1,\"usage\":\"cut").usage == nil)
    }

    @Test func valuesAboveTheLimitAreLeftOut() {
        #expect(Reading("{\"usage\":\"1234\",\"model\":1}", limit: 6).usage == "\"1234\"")
        #expect(Reading("{\"usage\":\"12345\",\"model\":1}", limit: 6).usage == nil)
        #expect(Reading("{\"usage\":\"12345\",\"model\":1}", limit: 6).model == "1")
        #expect(Reading("{\"usage\":\"12345\",\"usage\":2}", limit: 6).usage == "2")
    }

    @Test func whatCameBeforeTheDamageIsKept() {
        let reading = Reading("{\"usage\":{\"a\":1},\"model\" \"x\"}")
        #expect(reading.usage == "{\"a\":1}")
        #expect(!reading.isWhole)
    }

    @Test func longKeysMatchNothing() {
        let key = String(repeating: "\\u0075", count: 100)
        #expect(Reading("{\"\(key)\":1,\"usage\":2}").usage == "2")
    }

    @Test func aWatcherIsReusable() {
        var watcher = JSONFieldWatcher(["a"])
        for (text, value) in [("{\"a\":1,", "1"), ("{\"b\":1}", nil), ("{\"a\":[]}", "[]")] as [(String, String?)] {
            watcher.reset()
            withWire(text) { watcher.feed($0) }
            #expect(watcher.withValue(0) { $0.string } == value)
        }
    }
}
