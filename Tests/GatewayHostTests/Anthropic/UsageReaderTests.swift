// Usage read beside a passing answer: streams and JSON, compressed or not, wherever they are cut.

import CZlib
import Testing

@testable import GatewayHost

@Suite struct UsageReaderTests {
    struct Reading: Equatable {
        var usage: Usage
        var model: String
        var id: String
        var error: String
        var flags: [Bool]

        init(
            _ pieces: [WireText], isEventStream: Bool, coding: ContentCoding = .identity,
            with reused: UsageReader? = nil
        ) {
            let pool = BlockPool()
            let reader = reused ?? UsageReader(pool: pool)
            reader.begin(isEventStream: isEventStream, coding: coding)
            for piece in pieces { reader.feed(piece.bytes) }
            reader.finish()
            if reused == nil { #expect(pool.outstanding == 0) }
            usage = reader.usage
            model = reader.model.string
            id = reader.messageID.string
            error = reader.errorType.string
            flags = [reader.hasUsage, reader.hasMessageStart, reader.hasMessageStop, reader.hasError]
        }

        init(stream text: String) { self.init([WireText(text)], isEventStream: true) }
        init(json text: String) { self.init([WireText(text)], isEventStream: false) }
    }

    static let start =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01\",\"type\":\"message\","
        + "\"role\":\"assistant\",\"model\":\"claude-opus-5-5\",\"content\":[],\"usage\":{\"input_tokens\":25,"
        + "\"cache_creation_input_tokens\":300,\"cache_read_input_tokens\":1000,\"cache_creation\":"
        + "{\"ephemeral_5m_input_tokens\":100,\"ephemeral_1h_input_tokens\":200},\"output_tokens\":1,"
        + "\"service_tier\":\"standard\"}}}\n\n"

    static let stream =
        start + "event: ping\ndata: {\"type\":\"ping\"}\n\n"
        + "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"message_delta usage\"}}\n\n"
        + "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":15}}\n\n"
        + "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":40,\"input_tokens\":30,"
        + "\"server_tool_use\":{\"web_search_requests\":2,\"web_fetch_requests\":1},"
        + "\"output_tokens_details\":{\"thinking_tokens\":7}}}\n\n"
        + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

    static let streamUsage: Usage = {
        var usage = Usage()
        usage.inputTokens = 30
        usage.outputTokens = 40
        usage.cacheReadTokens = 1000
        usage.cacheWrite5mTokens = 100
        usage.cacheWrite1hTokens = 200
        usage.thinkingTokens = 7
        usage.webSearchRequests = 2
        usage.webFetchRequests = 1
        usage.serviceTier = .standard
        return usage
    }()

    @Test func laterReportsOverwriteWhatTheyMention() {
        let reading = Reading(stream: Self.stream)
        #expect(reading.usage == Self.streamUsage)
        #expect(reading.usage.cacheWriteTokens == 300)
        #expect(reading.model == "claude-opus-5-5")
        #expect(reading.id == "msg_01")
        #expect(reading.flags == [true, true, true, false])
    }

    @Test func everySplitReadsTheSame() {
        let wire = WireText(Self.stream)
        let reader = UsageReader(pool: BlockPool())
        let whole = Reading([wire], isEventStream: true)
        for pieces in wire.splits { #expect(Reading(pieces, isEventStream: true, with: reader) == whole) }
    }

    @Test func eventsWithoutNamesAreKnownByTheirType() {
        let unnamed = Self.stream.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.hasPrefix("event") }.joined(separator: "\n")
        #expect(Reading(stream: unnamed) == Reading(stream: Self.stream))
    }

    @Test func anErrorInTheStreamIsSeen() {
        let reading = Reading(
            stream: Self.start
                + "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n"
        )
        #expect(reading.error == "overloaded_error")
        #expect(reading.flags == [true, true, false, true])
        #expect(reading.usage.inputTokens == 25)
    }

    @Test func aCutStreamKeepsWhatWasReported() {
        let reading = Reading(stream: Self.start + "event: message_delta\ndata: {\"usage\":{\"output_tokens\":99}}\n")
        #expect(reading.usage.outputTokens == 1)
        #expect(reading.flags == [true, true, false, false])
    }

    static let message =
        "{\"id\":\"msg_2\",\"type\":\"message\",\"model\":\"claude-sonnet-5-5\",\"content\":[{\"type\":\"text\",\"text\":"
        + "\"\\\"usage\\\":{}\"}],\"usage\":{\"input_tokens\":5,\"output_tokens\":6,\"cache_creation_input_tokens\":70}}"

    @Test func aJSONAnswerIsRead() {
        let wire = WireText(Self.message)
        let whole = Reading([wire], isEventStream: false)
        #expect(whole.usage.inputTokens == 5)
        #expect(whole.usage.outputTokens == 6)
        #expect(whole.usage.cacheWrite5mTokens == 70)
        #expect(whole.model == "claude-sonnet-5-5")
        #expect(whole.id == "msg_2")
        #expect(whole.flags == [true, true, true, false])
        for pieces in wire.splits { #expect(Reading(pieces, isEventStream: false) == whole) }
    }

    @Test(arguments: [
        "{\"usage\":{\"input_tokens\":3}} \n", "{\"usage\":{\"input_tokens\":3}} {\"usage\":{\"input_tokens\":4}}",
        " {} }", "{\"id\":",
    ])
    func bytesBehindAnObjectAreSeenHoweverTheyCame(_ text: String) {
        let wire = WireText(text)
        let whole = Reading([wire], isEventStream: false)
        for pieces in wire.splits { #expect(Reading(pieces, isEventStream: false) == whole) }
    }

    @Test func aJSONErrorIsRead() {
        let reading = Reading(
            json:
                "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"},\"request_id\":\"req_1\"}"
        )
        #expect(reading.error == "rate_limit_error")
        #expect(reading.flags == [false, false, true, true])
    }

    static let splits: [(String, Int64, Int64)] = [
        ("{\"cache_creation_input_tokens\":10}", 10, 0),
        ("{\"cache_creation\":{\"ephemeral_1h_input_tokens\":4}}", 0, 4),
        ("{\"cache_creation_input_tokens\":10,\"cache_creation\":{\"ephemeral_1h_input_tokens\":4}}", 6, 4),
        (
            "{\"cache_creation_input_tokens\":3,\"cache_creation\":{\"ephemeral_5m_input_tokens\":5,\"ephemeral_1h_input_tokens\":4}}",
            5, 4
        ),
        ("{\"cache_creation_input_tokens\":null,\"cache_creation\":null}", 0, 0),
        ("{\"cache_creation_input_tokens\":-3}", 0, 0), ("{\"cache_creation_input_tokens\":1.5}", 0, 0),
        ("{\"cache_creation_input_tokens\":\"3\"}", 0, 0),
        ("{\"cache_creation_input_tokens\":99999999999999999999}", 0, 0),
    ]

    @Test(arguments: splits) func cacheWritesAreSplitByLifetime(_ json: String, _ fiveMinutes: Int64, _ oneHour: Int64) {
        let reading = Reading(json: "{\"usage\":\(json)}")
        #expect(reading.usage.cacheWrite5mTokens == fiveMinutes)
        #expect(reading.usage.cacheWrite1hTokens == oneHour)
    }

    @Test func aRestatedTotalKeepsTheKnownSplit() {
        let delta = "event: message_delta\ndata: {\"usage\":{\"cache_creation_input_tokens\":350}}\n\n"
        let reading = Reading(stream: Self.start + delta)
        #expect(reading.usage.cacheWrite5mTokens == 150)
        #expect(reading.usage.cacheWrite1hTokens == 200)
    }

    // MARK: compressed

    /// A zlib stream of its own, with the gzip or the zlib frame.
    static func compress(_ text: String, isGzip: Bool) -> [UInt8] {
        var stream = z_stream()
        deflateInit2_(
            &stream, 6, Z_DEFLATED, isGzip ? 31 : 15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        defer { deflateEnd(&stream) }
        var input = Array(text.utf8)
        var output = [UInt8](repeating: 0, count: input.count + 100)
        let count = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                #expect(deflate(&stream, Z_FINISH) == Z_STREAM_END)
                return output.count - Int(stream.avail_out)
            }
        }
        return Array(output[..<count])
    }

    @Test(arguments: [ContentCoding.gzip, .deflate]) func compressedAnswersAreRead(_ coding: ContentCoding) {
        let wire = WireText(Self.compress(Self.stream, isGzip: coding == .gzip))
        for pieces in wire.splits {
            #expect(Reading(pieces, isEventStream: true, coding: coding) == Reading(stream: Self.stream))
        }
    }

    /// Found by fuzzing: what zlib had written before it met the damage was lost when it came in one piece.
    @Test func damageEndsTheReadingAtTheSamePlaceHoweverItCame() {
        var bytes = Self.compress(Self.stream, isGzip: true)
        for place in bytes.indices {
            bytes[place] ^= 0x55
            let wire = WireText(bytes)
            let whole = Reading([wire], isEventStream: true, coding: .gzip)
            let single = bytes.map { WireText([$0]) }
            #expect(Reading(single, isEventStream: true, coding: .gzip) == whole, "damaged at \(place)")
            bytes[place] ^= 0x55
        }
    }

    @Test func whatCannotBeReadHasNoUsage() {
        let reading = Reading([WireText(Self.stream)], isEventStream: true, coding: .unreadable)
        #expect(reading.flags == [false, false, false, false])
    }

    @Test func aBombIsBounded() {
        let bomb = WireText(Self.compress(String(repeating: "a", count: 1 << 20), isGzip: true))
        #expect(Inflater.inflate(bomb.bytes, limit: 1 << 20)?.count == 1 << 20)
        #expect(Inflater.inflate(bomb.bytes, limit: (1 << 20) - 1) == nil)
        #expect(Inflater.inflate(bomb.prefix(bomb.count - 1).bytes, limit: 1 << 21) == nil)
    }

    @Test func gzipMembersFollowEachOther() {
        let two = WireText(Self.compress("one ", isGzip: true) + Self.compress("two", isGzip: true))
        #expect(Inflater.inflate(two.bytes, limit: 100).map { String(decoding: $0, as: UTF8.self) } == "one two")
    }

    @Test func codingsAreRecognised() {
        #expect(ContentCoding(.absent) == .identity)
        #expect(ContentCoding(Bytes("GZip")) == .gzip)
        #expect(ContentCoding(Bytes("br")) == .unreadable)
        #expect(ContentCoding(Bytes("gzip, br")) == .unreadable)
    }
}
