// Every input that fuzzing keeps, as an ordinary test: what is read must not depend on how it came.
//
// The fuzzers compare more; this is what runs under the sanitizers with every other test.

import Glibc
import Testing

@testable import GatewayHost

@Suite struct CorpusTests {
    /// The inputs in `Tests/Corpus/<name>`.
    static func inputs(_ name: String) -> [WireText] {
        let here = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let folder = "/\(here)/Corpus/\(name)"
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var result: [WireText] = []
        while let entry = readdir(directory) {
            let file = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !file.hasPrefix("."), let bytes = read("\(folder)/\(file)") else { continue }
            result.append(WireText(bytes))
        }
        return result
    }

    private static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }

    @Test func requestHeads() {
        let inputs = Self.inputs("request_head")
        #expect(inputs.count > 5)
        for wire in inputs {
            let whole = RequestReading(wire, stops: [wire.count])
            #expect(RequestReading(wire, stops: [wire.count / 2, wire.count]) == whole)
            #expect(RequestReading(wire, stops: Array(0...wire.count)) == whole)
        }
    }

    @Test func responseHeads() {
        let inputs = Self.inputs("response_head")
        #expect(inputs.count > 5)
        for wire in inputs {
            let whole = ResponseReading(wire, stops: [wire.count])
            #expect(ResponseReading(wire, stops: [wire.count / 2, wire.count]) == whole)
            #expect(ResponseReading(wire, stops: Array(0...wire.count)) == whole)
        }
    }

    @Test func chunkedBodies() {
        let inputs = Self.inputs("chunked")
        #expect(inputs.count > 2)
        for wire in inputs {
            let whole = ChunkedReading([wire])
            #expect(ChunkedReading(wire.buffer.map { WireText([$0]) }) == whole)
        }
    }

    @Test func eventStreams() {
        let inputs = Self.inputs("event_stream")
        #expect(inputs.count > 5)
        for wire in inputs {
            let single = wire.buffer.map { WireText([$0]) }
            let events = EventStreamReading([wire])
            #expect(EventStreamReading(single).events == events.events)
            #expect(events.raw == Array(wire.buffer))
            let isGzip = wire.buffer.starts(with: [0x1f, 0x8b])
            for isEventStream in [true, false] {
                let coding = isGzip ? ContentCoding.gzip : .identity
                let usage = UsageReaderTests.Reading([wire], isEventStream: isEventStream, coding: coding)
                #expect(UsageReaderTests.Reading(single, isEventStream: isEventStream, coding: coding) == usage)
            }
        }
    }

    @Test func documents() {
        let inputs = Self.inputs("json_scanner")
        #expect(inputs.count > 3)
        for wire in inputs {
            let whole = JSONFieldWatcherTests.Reading([wire])
            #expect(JSONFieldWatcherTests.Reading(wire.buffer.map { WireText([$0]) }) == whole)
            #expect(JSONScanner(wire.bytes).forEachTopLevelMember { _, _ in } == whole.isWhole)
            var limits = JSONParser.Limits()
            limits.depth = JSONValidator.depthLimit
            let isValid = JSONValidator.isValid(wire.bytes)
            do throws(JSONError) {
                _ = try JSONParser.parse(wire.bytes, limits: limits)
                #expect(isValid)
            } catch {
                #expect(!isValid || error.reason == .numberTooLarge)
            }
        }
    }
}
