import CLinux
import Testing

@testable import GatewayHost

@Suite struct RowTests {
    private func full() -> SealedRow {
        var row = SealedRow(id: RowID(tag: 0xdead_beef, number: 0xabc_def0_1234), started: 1_800_000_000_123_456_789)
        row.end = .interrupted
        row.flags = [.stream, .hasUsage, .unpriced, .clientLeft]
        row.status = 529
        row.session = .max
        row.snapshot = 0x1234_5678_9abc_def0
        row.duration = 3_600_000_000
        row.firstByte = 127
        row.attempts = 300
        row.usage.inputTokens = .max
        row.usage.outputTokens = 1
        row.usage.cacheReadTokens = 128
        row.usage.cacheWrite5mTokens = 16_383
        row.usage.cacheWrite1hTokens = 16_384
        row.usage.thinkingTokens = 1 << 40
        row.usage.webSearchRequests = 3
        row.usage.webFetchRequests = 4
        row.usage.serviceTier = .batch
        row.cost = .max
        row.key = Bytes("key")
        row.group = Bytes("")
        row.account = Bytes("an account")
        row.modelAsked = Bytes("claude-a")
        row.modelServed = Bytes("claude-b")
        row.upstreamID = Bytes("req_011")
        row.why = Bytes("least_used")
        return row
    }

    private func expectEqual(_ one: SealedRow, _ other: SealedRow) {
        #expect(one.id == other.id && one.started == other.started && one.end == other.end && one.flags == other.flags)
        #expect(one.status == other.status && one.session == other.session && one.snapshot == other.snapshot)
        #expect(one.duration == other.duration && one.firstByte == other.firstByte && one.attempts == other.attempts)
        #expect(one.usage == other.usage && one.cost == other.cost)
        let texts: [KeyPath<SealedRow, Bytes>] = [\.key, \.group, \.account, \.modelAsked, \.modelServed, \.upstreamID, \.why]
        for text in texts { #expect(one[keyPath: text].string == other[keyPath: text].string) }
    }

    @Test func aRowComesBackAsItWent() throws {
        for row in [full(), SealedRow()] {
            let frame = JournalFrames.frame { $0.write(row) }
            try frame[JournalRecord.headBytes...].withUnsafeBytes { bytes in
                expectEqual(try #require(RowDecoder.sealed(Bytes(bytes))), row)
                #expect(RowDecoder.open(Bytes(bytes)) == nil && RowDecoder.attempt(Bytes(bytes)) == nil)
            }
        }
        var attempt = AttemptRow(id: RowID(tag: 1, number: 2), started: -3)
        attempt.number = 4
        attempt.status = 503
        attempt.fault = 5
        attempt.connected = 6
        attempt.firstByte = 7
        attempt.duration = 8
        attempt.account = Bytes("nine")
        attempt.upstreamID = Bytes("ten")
        let frame = JournalFrames.frame { $0.write(attempt) }
        try frame[JournalRecord.headBytes...].withUnsafeBytes { bytes in
            let read = try #require(RowDecoder.attempt(Bytes(bytes)))
            #expect(read.id == attempt.id && read.started == -3 && read.number == 4 && read.status == 503 && read.fault == 5)
            #expect(read.connected == 6 && read.firstByte == 7 && read.duration == 8)
            #expect(read.account.string == "nine" && read.upstreamID.string == "ten")
        }
    }

    @Test func aRowThatIsCutIsNoRow() {
        let frame = JournalFrames.frame { $0.write(full()) }[JournalRecord.headBytes...]
        for count in 0..<frame.count {
            frame.prefix(count).withUnsafeBytes {
                #expect(RowDecoder.sealed(Bytes($0)) == nil, "\(count)")
                #expect(RowDecoder.counted(Bytes($0)) == nil, "\(count)")
            }
        }
    }

    @Test func whatIsCountedIsWhatTheRowSays() throws {
        let frame = JournalFrames.frame { $0.write(full()) }
        try frame[JournalRecord.headBytes...].withUnsafeBytes { bytes in
            let row = try #require(RowDecoder.sealed(Bytes(bytes)))
            let counted = try #require(RowDecoder.counted(Bytes(bytes)))
            var sums = RollupSums()
            sums.add(counted)
            #expect(sums == RollupSums(row) && counted.started == row.started)
            let group = counted.group(hour: 3, day: CivilDay(number: 4))
            #expect(
                group
                    == RollupBatch.Group(
                        hour: 3, day: CivilDay(number: 4), key: row.key.string, group: row.group.string, account: row.account.string,
                        model: row.model.string))
        }
    }

    @Test func textsOfEveryLengthComeBack() throws {
        let letters = (0..<UInt8(RowEncoder.textLimit)).map { $0 &+ 1 }
        for count in 0...RowEncoder.textLimit {
            let frame = letters.withUnsafeBytes { raw in
                var row = full()
                row.key = Bytes(UnsafeRawBufferPointer(rebasing: raw[..<count]))
                return JournalFrames.frame { $0.write(row) }
            }
            try frame[JournalRecord.headBytes...].withUnsafeBytes { bytes in
                let row = try #require(RowDecoder.sealed(Bytes(bytes)))
                #expect(Array(row.key.buffer) == Array(letters[..<count]) && row.group.string == full().group.string, "\(count)")
            }
        }
    }

    @Test func theLargestRowFits() {
        let long = [UInt8](repeating: 0x78, count: 5000)
        long.withUnsafeBytes { raw in
            var row = full()
            let texts: [WritableKeyPath<SealedRow, Bytes>] = [
                \.key, \.group, \.account, \.modelAsked, \.modelServed, \.upstreamID, \.why,
            ]
            for text in texts { row[keyPath: text] = Bytes(raw) }
            row.duration = .max
            row.firstByte = .max
            let numbers: [WritableKeyPath<Usage, Int64>] = [
                \.inputTokens, \.outputTokens, \.cacheReadTokens, \.cacheWrite5mTokens, \.cacheWrite1hTokens, \.thinkingTokens,
                \.webSearchRequests, \.webFetchRequests,
            ]
            for number in numbers { row.usage[keyPath: number] = .max }
            let frame = JournalFrames.frame { $0.write(row) }
            #expect(frame.count <= JournalRecord.headBytes + RowEncoder.rowLimit)
            frame[JournalRecord.headBytes...].withUnsafeBytes {
                #expect(RowDecoder.sealed(Bytes($0))?.why.count == RowEncoder.textLimit)
            }
        }
    }

    @Test func anIDIsTheOneThatTheClientSaw() {
        let id = RowID(tag: 0xab, number: 0x102)
        #expect(id.text == "gw_000000ab000000000102")
        #expect(RowID(id.text) == id)
        for text in ["", "gw_", "gw_000000AB000000000102", "gw_000000ab00000000010", "xx_000000ab000000000102", "gw_+00000ab000000000102"] {
            #expect(RowID(text) == nil, "\(text)")
        }
    }

    @Test func theChecksumIsCRC32C() {
        let bytes = Array("123456789".utf8)
        #expect(gwl_crc32c(0, bytes, 9) == 0xe306_9283)
        #expect(gwl_crc32c(gwl_crc32c(0, bytes, 4), Array(bytes[4...]), 5) == 0xe306_9283)
        let long = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for count in 0..<200 {
            #expect(gwl_crc32c(7, long, count) == gwl_crc32c_by_table(7, long, count))
            let length = withUnsafeBytes(of: UInt32(count).littleEndian) { gwl_crc32c_by_table(0, $0.baseAddress, 4) }
            #expect(gwl_crc32c_counted(UInt32(count), long) == gwl_crc32c_by_table(length, long, count))
        }
    }

    @Test func oneWrongBitIsSeen() {
        var frame = LedgerFolder.sealed(5)
        frame.withUnsafeMutableBytes { JournalRecord.seal($0.baseAddress!, $0.count - JournalRecord.headBytes) }
        frame.withUnsafeBytes { #expect(JournalRecord.row(Bytes($0), at: 0)?.count == frame.count - JournalRecord.headBytes) }
        for bit in 0..<frame.count * 8 {
            frame[bit / 8] ^= 1 << UInt8(bit % 8)
            frame.withUnsafeBytes { #expect(JournalRecord.row(Bytes($0), at: 0) == nil, "bit \(bit)") }
            frame[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }
}
