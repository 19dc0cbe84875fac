// Server-sent events: what they say and where they end, wherever the stream is cut.

import Testing

@testable import GatewayHost

/// What a reader made of a stream that came in pieces.
struct EventStreamReading: Equatable {
    /// `name|data` of each event that says something.
    var events: [String] = []
    /// The id of each event that says something; nil where there is none.
    var ids: [String?] = []
    /// Everything handed out, in order, and the remainder.
    var raw: [UInt8] = []
    var oversized = 0

    init(_ pieces: [WireText], limit: Int = EventStreamReader.standardLimit) {
        let pool = BlockPool()
        do {
            var reader = EventStreamReader(pool: pool, limit: limit)
            for piece in pieces {
                var offset = 0
                reading: while true {
                    switch reader.next(piece.bytes, from: &offset) {
                    case .event(let event):
                        raw += event.raw.buffer
                        if event.hasData {
                            events.append("\(event.name.string)|\(event.data.string)")
                            ids.append(event.id.isAbsent ? nil : event.id.string)
                        }
                    case .oversized(let bytes, isLast: let isLast):
                        raw += bytes.buffer
                        if isLast { oversized += 1 }
                    case .needMore: break reading
                    }
                }
                #expect(offset == piece.count)
            }
            raw += reader.remainder.buffer
        }
        #expect(pool.outstanding == 0)
    }

    init(_ text: String, limit: Int = EventStreamReader.standardLimit) { self.init([WireText(text)], limit: limit) }
}

@Suite struct EventStreamReaderTests {
    static let streams = [
        "event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: ping\ndata: {}\n\n",
        "event: a\r\ndata: 1\r\ndata: 2\r\n\r\n: comment\r\n\r\ndata\r\n\r\ndata: rest",
        "data: a\rdata: b\r\rdata: c\r\r", "\u{feff}data: x\n\n\u{feff}data: y\n\n", "\u{feff}\n\ndata: z\n\n",
        "\n\n\ndata:x\ndata:  y\nid: 1\nretry: 5\nevent:e\nevent\n\n", "data: \u{e9}\u{1F600}\n\n",
        "\u{fe00}\n\ndata: \u{0}\n\n",
        "datax: 1\ndata : 2\nDATA: 3\n\nevent: none\n\ndata: last\r\n\n",
    ]

    @Test func theLastIdCountsAndOneWithAZeroByteDoesNot() {
        let reading = EventStreamReading(
            "id: 1\nid: two\ndata: a\n\ndata: b\n\nid\ndata: c\n\nid: x\nid: y\u{0}\ndata: d\n\nidx: 3\ndata: e\n\n")
        #expect(reading.ids == ["two", nil, "", "x", nil])
    }

    @Test(arguments: streams) func everySplitReadsTheSame(_ text: String) {
        let wire = WireText(text)
        let whole = EventStreamReading([wire])
        #expect(whole.raw == Array(wire.buffer))
        for pieces in wire.splits {
            let reading = EventStreamReading(pieces)
            #expect(reading.events == whole.events && reading.ids == whole.ids)
            #expect(reading.raw == whole.raw)
        }
    }

    /// The rules of the standard, one byte after the other: `name|data` of each event that says something.
    static func reference(_ stream: [UInt8]) -> [String] {
        var events: [String] = []
        var lines: [[UInt8]] = [[]]
        var at = stream.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
        while at < stream.count {
            if stream[at] == 0x0d, at + 1 < stream.count, stream[at + 1] == 0x0a { at += 1 }
            if stream[at] == 0x0a || stream[at] == 0x0d { lines.append([]) } else { lines[lines.count - 1].append(stream[at]) }
            at += 1
        }
        var name = ""
        var data: [String] = []
        for line in lines.dropLast() {
            if line.isEmpty {
                if !data.isEmpty { events.append("\(name)|\(data.joined(separator: "\n"))") }
                (name, data) = ("", [])
                continue
            }
            let parts = line.split(separator: 0x3a, maxSplits: 1, omittingEmptySubsequences: false)
            var value = parts.count > 1 ? parts[1] : []
            if value.first == 0x20 { value = value.dropFirst() }
            let text = String(decoding: value, as: UTF8.self)
            if parts[0].elementsEqual("event".utf8) { name = text }
            if parts[0].elementsEqual("data".utf8) { data.append(text) }
        }
        return events
    }

    @Test func streamsOfChanceReadAsTheStandardSays() {
        var random = SplitMix(state: 5)
        let words = [
            "data", "event", "id", ": ", ":", " ", "\n", "\r\n", "\r", "\n\n", "\r\r", "\r\n\r\n", "x", "\u{feff}",
            "data: \(String(repeating: "y", count: 70))\n", "event: content_block_delta\n",
        ]
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 0..<40, using: &random)).map { _ in words.randomElement(using: &random)! }.joined()
            let stream = Array(text.utf8)
            let expected = Self.reference(stream)
            let stops = (0..<Int.random(in: 0..<4, using: &random)).map { _ in Int.random(in: 0...stream.count, using: &random) }
                .sorted()
            let pieces = zip([0] + stops, stops + [stream.count]).map { WireText(stream[$0..<$1]) }
            let reading = EventStreamReading(pieces)
            #expect(reading.events == expected, "\(text.debugDescription) \(stops)")
            #expect(reading.raw == stream)
        }
    }

    @Test func linesEndInThreeWays() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = ["event: e", "data: 1", "data: 2", "", "data:3", "", ""].joined(separator: end)
            #expect(EventStreamReading(stream).events == ["e|1\n2", "|3"])
        }
    }

    // The examples of the HTML standard, section 9.2.6.
    @Test func examplesOfTheStandard() {
        #expect(EventStreamReading("data: YHOO\ndata: +2\ndata: 10\n\n").events == ["|YHOO\n+2\n10"])
        #expect(
            EventStreamReading(
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
            )
            .events == ["|first event", "|second event", "| third event"])
        #expect(EventStreamReading("data\n\ndata\ndata\n\ndata:").events == ["|", "|\n"])
        #expect(EventStreamReading("data:test\n\ndata: test\n\n").events == ["|test", "|test"])
    }

    @Test func aMarkOpensOnlyTheStream() {
        #expect(EventStreamReading("\u{feff}data: x\n\n\u{feff}data: y\n\ndata: z\n\n").events == ["|x", "|z"])
    }

    @Test func anEventInsideTheInputIsNotCopied() {
        let wire = WireText("data: x\n\ndata: y\n\nda")
        var reader = EventStreamReader(pool: BlockPool())
        var offset = 0
        guard case .event(let event) = reader.next(wire.bytes, from: &offset) else {
            Issue.record("the first event is whole")
            return
        }
        #expect(event.raw.base == wire.bytes.base)
        #expect(event.data.base == wire.bytes.base.map { $0 + 6 })
        #expect(offset == 9)
    }

    @Test func eventsAboveTheLimitPassUnread() {
        let long = "data: " + String(repeating: "x", count: 100) + "\n\n"
        let stream = WireText("data: a\n\n" + long + "data: b\n\n" + long + long + "data: c\n\n")
        for pieces in stream.splits {
            let reading = EventStreamReading(pieces, limit: 107)
            #expect(reading.events == ["|a", "|b", "|c"])
            #expect(reading.oversized == 3)
            #expect(reading.raw == Array(stream.buffer))
            #expect(EventStreamReading(pieces, limit: 108).events.count == 6)
        }
    }

    @Test func aReaderIsReusable() {
        var reader = EventStreamReader(pool: BlockPool())
        for _ in 0..<2 {
            let wire = WireText("\u{feff}data: x\n\ndata: unfinished\r")
            var offset = 0
            guard case .event(let event) = reader.next(wire.bytes, from: &offset) else {
                Issue.record("the first event is whole")
                return
            }
            #expect(event.data.string == "x")
            guard case .needMore = reader.next(wire.bytes, from: &offset) else {
                Issue.record("the second event is not")
                return
            }
            #expect(reader.remainder.string == "data: unfinished\r")
            reader.reset()
            #expect(reader.remainder.isEmpty)
        }
    }
}
