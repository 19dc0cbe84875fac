import CLinux
import Testing

@testable import GatewayHost

@Suite struct JournalTests {
    private static let firstSegment = "0000000000000001.rows"

    @Test(arguments: [true, false])
    func whatWasHandedOverIsThereOnce(waits: Bool) throws {
        let ledger = LedgerFolder()
        try ledger.withJournal(waits: waits) { journal in
            let threads = (0..<4).map { thread in
                TestThread {
                    for number in 0..<500 {
                        journal.append(
                            LedgerFolder.open(UInt64(thread * 1000 + number)) + LedgerFolder.sealed(UInt64(thread * 1000 + number)))
                    }
                }
            }
            for thread in threads { thread.join() }
            #expect(journal.flush())
            // On the disk before the journal ends.
            let written = try ledger.lines().count
            #expect(written == 4000)
        }
        let lines = try ledger.lines()
        #expect(lines.count == 4000 && Set(lines).count == 4000)
        try ledger.withJournal { _ in }
        #expect(try ledger.lines() == lines, "an orderly end leaves nothing open")
    }

    @Test func whoWaitsIsToldWhenItIsDurable() throws {
        let ledger = LedgerFolder()
        let told = Locked<[UInt64]>([])
        var asked: UInt64 = 0
        try ledger.withJournal { journal in
            let listener = Journal.Listener { sequence in told.withLock { $0.append(sequence) } }
            journal.listen(listener)
            journal.append(LedgerFolder.sealed(1))
            #expect(journal.flush())
            listener.wants.store(true, ordering: .sequentiallyConsistent)
            let sequence = journal.append(LedgerFolder.sealed(2))
            #expect(journal.flush())
            #expect(journal.durable.load(ordering: .relaxed) == sequence)
            asked = sequence
        }
        // The thread has ended, so it has told what it had to tell.
        #expect(told.withLock { $0.last } == asked)
        // The first batch was told too if the thread had not looked before we began to wait.
        #expect(told.withLock { $0.count } <= 2)
    }

    @Test func aTornEndIsCutOffWhereverItTears() throws {
        let ledger = LedgerFolder()
        try ledger.withJournal { journal in
            for number in 1...3 { journal.append(LedgerFolder.sealed(UInt64(number))) }
            _ = journal.flush()
        }
        let whole = ledger.bytes(Self.firstSegment)
        var reader = try SegmentReader("\(ledger.path)/\(Self.firstSegment)")
        var frames: [Range<Int>] = []
        while case .row(_, let frame)? = try reader.next() { frames.append(frame) }
        #expect(frames.count == 4 && frames[3].upperBound == whole.count, "a checkpoint and three rows")
        for count in SegmentHeader.byteCount...whole.count {
            ledger.write(Self.firstSegment, Array(whole[..<count]))
            let expected = frames.dropFirst().filter { $0.upperBound <= count }.enumerated().map { "sealed \($0.offset + 1) completed" }
            #expect(try ledger.lines() == expected)
            try ledger.withJournal { journal in
                journal.append(LedgerFolder.sealed(9))
                _ = journal.flush()
            }
            #expect(try ledger.lines() == expected + ["sealed 9 completed"], "cut at \(count)")
        }
    }

    @Test func aSegmentWithHalfAHeaderIsLeftAlone() throws {
        let ledger = LedgerFolder()
        try ledger.withJournal { journal in
            journal.append(LedgerFolder.open(1))
            _ = journal.flush()
        }
        ledger.write("0000000000000002.rows", [1, 2, 3])
        try ledger.withJournal { _ in }
        #expect(try ledger.lines() == ["open 1", "sealed 1 interrupted"])
        #expect(try ledger.folder.segments() == [1, 2, 3])
    }

    @Test func damageInTheMiddleCostsOnlyWhatItHits() throws {
        let ledger = LedgerFolder()
        try ledger.withJournal { journal in
            for number in 1...50 { journal.append(LedgerFolder.sealed(UInt64(number))) }
            _ = journal.flush()
        }
        var bytes = ledger.bytes(Self.firstSegment)
        let lines = try ledger.lines()
        bytes[bytes.count / 2] ^= 0x40
        ledger.write(Self.firstSegment, bytes)
        let rest = try ledger.lines()
        #expect(rest.count == 49 && Set(rest).isSubset(of: lines))
        try ledger.withJournal { journal in
            journal.append(LedgerFolder.sealed(51))
            _ = journal.flush()
        }
        #expect(try ledger.lines() == rest + ["sealed 51 completed"])
        #expect(try ledger.folder.segments().count == 2, "nothing is written behind damage")
    }

    @Test func whatWasOpenBecomesInterruptedOnce() throws {
        let ledger = LedgerFolder()
        try ledger.withJournal { journal in
            journal.append(LedgerFolder.open(1, at: 5) + LedgerFolder.open(2, at: 6) + LedgerFolder.sealed(2, at: 6))
            _ = journal.flush()
        }
        for _ in 0..<3 { try ledger.withJournal { _ in } }
        #expect(try ledger.lines() == ["open 1", "open 2", "sealed 2 completed", "sealed 1 interrupted"])
        var reader = try JournalReader(ledger.folder, JournalReader.Question(id: RowID(tag: 1, number: 1)))
        var rows: [SealedRow] = []
        while let (_, row) = try reader.next() {
            if let sealed = RowDecoder.sealed(row) {
                #expect(sealed.key.string == "key-1" && sealed.model.string == "claude-sonnet-4-6" && sealed.session == 77)
                #expect(sealed.started == 5 && sealed.flags.contains(.foundOpen) && sealed.cost == 0)
                rows.append(sealed)
            }
        }
        #expect(rows.count == 1)
    }

    @Test func openRowsOfOlderSegmentsAreFound() throws {
        let ledger = LedgerFolder()
        try ledger.withJournal(segmentBytes: 4096) { journal in
            journal.append(LedgerFolder.open(1))
            for number in 2...400 {
                journal.append(LedgerFolder.open(UInt64(number)) + LedgerFolder.sealed(UInt64(number)))
                if number % 20 == 0 { _ = journal.flush() }
            }
        }
        #expect(try ledger.folder.segments().count > 3)
        try ledger.withJournal(segmentBytes: 4096) { _ in }
        #expect(try ledger.lines().last == "sealed 1 interrupted")
        let lines = try ledger.lines()
        #expect(lines.count == 800 && Set(lines).count == 800)
    }

    @Test func aQuestionReadsOnlyWhatMayAnswerIt() throws {
        let ledger = LedgerFolder()
        try ledger.withJournal(segmentBytes: 256 << 10) { journal in
            for number in 0..<20_000 {
                journal.append(LedgerFolder.sealed(UInt64(number), at: Int64(number) * 1000))
                if number % 1000 == 0 { _ = journal.flush() }
            }
        }
        let names = try ledger.names()
        #expect(names.filter { $0.hasSuffix(".index") }.count == names.filter { $0.hasSuffix(".rows") }.count - 1)
        let times: Range<Int64> = 7_000_000..<7_005_000
        #expect(try ledger.lines(.init(times: times)) == (7000..<7005).map { "sealed \($0) completed" })
        #expect(try ledger.lines(.init(id: RowID(tag: 1, number: 12_345))) == ["sealed 12345 completed"])
        #expect(try ledger.lines(.init(id: RowID(tag: 2, number: 12_345))).isEmpty)
        // Without an index, or with a damaged one, the answers are the same.
        let index = try #require(names.first { $0.hasSuffix(".index") })
        ledger.write(index, ledger.bytes(index).map { $0 ^ 1 })
        for name in names.filter({ $0.hasSuffix(".index") }).dropFirst() { unlink("\(ledger.path)/\(name)") }
        #expect(try ledger.lines(.init(times: times)) == (7000..<7005).map { "sealed \($0) completed" })
        var all = try JournalReader(ledger.folder)
        var half = JournalPosition.beginning
        for _ in 0..<10_000 {
            _ = try all.next()
            half = all.position
        }
        #expect(try ledger.lines(.init(after: half)) == (10_000..<20_000).map { "sealed \($0) completed" })
    }

    @Test func requestsThatAreOpenAreThoseWithoutASeal() {
        var state: UInt64 = 5
        func random(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var table = OpenRows()
        var known: [RowID: UInt64] = [:]
        for step in 0..<60_000 {
            // More come than go, then the other way round; some are opened twice, some sealed that were never open.
            let opens = random(10) < (step < 30_000 ? 6 : 3)
            let id = RowID(tag: UInt32(random(2)), number: random(4000) << (random(2) * 20))
            let segment = UInt64(step / 1000)
            table.saw(RowDecoder.Head(kind: opens ? .open : .sealed, id: id, started: 0), in: segment)
            known[id] = opens ? segment : nil
            guard step % 500 == 0 else { continue }
            #expect(table.count == known.count && table.ids == known.keys.sorted())
            #expect(table.oldestSegment(99) == known.values.min() ?? 99)
        }
        for id in known.keys { table.saw(RowDecoder.Head(kind: .sealed, id: id, started: 0), in: 1) }
        #expect(table.count == 0 && table.ids == [] && table.oldestSegment(99) == 99)
    }

    @Test func anIndexComesBackAsItWent() throws {
        var index = SegmentIndex()
        for number in 0..<5000 {
            let head = RowDecoder.Head(
                kind: .sealed, id: RowID(tag: UInt32(number % 7), number: UInt64(number)), started: Int64(number - 100))
            index.add(head, at: 32 + number * 100, end: 132 + number * 100)
        }
        #expect(SegmentIndex(index.bytes, end: index.end) == index)
        #expect(SegmentIndex(index.bytes, end: index.end + 1) == nil)
        #expect(index.times == -100...4899)
        #expect(index.parts { _ in true } == [32..<index.end])
        #expect(index.parts { _ in false } == [])
    }
}
