import CLinux
import Testing

@testable import GatewayHost

@Suite struct RollupTests {
    private static let names = ["alpha", "beta", "gamma", ""]

    /// Rows of a seeded mixture: keys, accounts, models, ends, times over some weeks around a change of clocks.
    static func rows(_ count: Int, seed: UInt64) -> [[UInt8]] {
        var state = seed
        func random(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        return (0..<count).map { number in
            // Around 2026-10-25, when clocks of Berlin go back.
            let seconds = 1_792_000_000 + Int64(random(2_000_000))
            var row = SealedRow(id: RowID(tag: 9, number: UInt64(number)), started: seconds * 1_000_000_000 + Int64(random(1_000_000_000)))
            row.end = SealedRow.End(rawValue: UInt8(1 + random(4)))!
            row.flags = random(5) == 0 ? [.unpriced] : [.hasUsage]
            row.attempts = UInt32(random(4))
            row.usage.inputTokens = Int64(random(100_000))
            row.usage.outputTokens = Int64(random(10_000))
            row.usage.cacheReadTokens = Int64(random(3))
            row.cost = Int64(random(1_000_000_000))
            row.duration = random(1 << 40)
            let key = Array(names[Int(random(4))].utf8)
            let account = Array(names[Int(random(3))].utf8)
            return key.withUnsafeBytes { key in
                account.withUnsafeBytes { account in
                    row.key = Bytes(key)
                    row.account = Bytes(account)
                    row.modelAsked = random(2) == 0 ? Bytes("claude-a") : Bytes("claude-b")
                    row.modelServed = random(3) == 0 ? Bytes("claude-c") : Bytes("")
                    return JournalFrames.frame { $0.write(row) }
                }
            }
        }
    }

    static func write(_ frames: [[UInt8]], to ledger: LedgerFolder, segmentBytes: Int = 64 << 10) throws -> JournalPosition {
        var position = JournalPosition.beginning
        try ledger.withJournal(segmentBytes: segmentBytes) { journal in
            for (number, frame) in frames.enumerated() {
                journal.append(frame)
                if number % 500 == 499 { _ = journal.flush() }
            }
            _ = journal.flush()
            position = journal.position
        }
        return position
    }

    /// All sums of all groups, by hour.
    private static func expected(_ ledger: LedgerFolder, _ zone: CalendarZone) throws -> [RollupBatch.Group: RollupSums] {
        var sums: [RollupBatch.Group: RollupSums] = [:]
        var reader = try JournalReader(ledger.folder)
        while let (_, bytes) = try reader.next() {
            guard let row = RowDecoder.sealed(bytes) else { continue }
            let seconds = row.started / 1_000_000_000
            let group = RollupBatch.Group(
                hour: zone.hour(of: seconds), day: zone.day(of: seconds), key: row.key.string, group: "", account: row.account.string,
                model: row.model.string)
            sums[group, default: RollupSums()].add(RollupSums(row))
        }
        return sums
    }

    @Test func aBatchAddsUpEveryRow() throws {
        let ledger = LedgerFolder()
        let zone = try CalendarZone.named("Europe/Berlin")
        _ = try Self.write(Self.rows(3000, seed: 1), to: ledger)
        var batch = RollupBatch(zone)
        var reader = try JournalReader(ledger.folder)
        while let (_, bytes) = try reader.next() { batch.add(try #require(RowDecoder.counted(bytes))) }
        var sums: [RollupBatch.Group: RollupSums] = [:]
        batch.forEach { group, sum in
            #expect(sums[group] == nil)
            sums[group] = sum
        }
        let expected = try Self.expected(ledger, zone)
        #expect(sums == expected && batch.groupCount == expected.count)
        #expect(batch.rowCount == 3000)
    }

    @Test func rowsAreFoldedOnceWhereverTheFoldingStops() throws {
        let ledger = LedgerFolder()
        let zone = try CalendarZone.named("Europe/Berlin")
        let end = try Self.write(Self.rows(4000, seed: 2), to: ledger)
        let half = JournalPosition(segment: end.segment / 2, offset: 40_000)
        for place in [half, half, end, end] {
            // Each time as after a new start; the place may lie inside of a row.
            let store = try RollupStore(ledger.path)
            try LedgerFold.fold(ledger.folder, store, zone, until: place)
        }
        let store = try RollupStore(ledger.path, isReader: true)
        var total = 0
        for day in try store.days() { total += try store.hours(of: day).values.reduce(0) { $0 + Int($1[.requests]) } }
        #expect(total <= 4000)
        let report = try LedgerVerify.run(ledger.folder, store, zone)
        #expect(report.disagreements == [] && report.rows == 4000 && report.days > 20)
        #expect(try Self.all(store) == Self.expected(ledger, zone))
    }

    /// The journal's thread adds up, and the fold sometimes comes for it, sometimes loses what it got, sometimes begins as
    /// after a start.
    @Test(arguments: [UInt64(1), 2, UInt64.random(in: 3...UInt64.max)])
    func whatWasAddedUpBesideTheJournalCountsOnce(_ seed: UInt64) throws {
        let ledger = LedgerFolder()
        let zone = try CalendarZone.named("Europe/Berlin")
        let rows = Self.rows(5000, seed: seed)
        let journalStore = try JournalStore(ledger.folder, settings: JournalStore.Settings(segmentBytes: 64 << 10), now: 1)
        let fresh = FreshSums(zone, from: journalStore.position)
        let journal = Journal(at: journalStore.position, waits: true, fresh)
        journal.start(journalStore)
        var store = try RollupStore(ledger.path)
        var lost = 0
        for (number, row) in rows.enumerated() {
            journal.append(LedgerFolder.open(UInt64(number)) + row)
            guard number % 97 == 0 else { continue }
            _ = journal.flush()
            let part = fresh.take()
            switch (seed >> UInt64(number % 60) ^ UInt64(number)) % 5 {
            case 0: lost += 1
            case 1:
                store = try RollupStore(ledger.path)
                fallthrough
            default: try LedgerFold.fold(part, ledger.folder, store, zone)
            }
        }
        journal.stop()
        try LedgerFold.fold(fresh.take(), ledger.folder, store, zone)
        #expect(try store.position() == journal.position && lost > 0)
        #expect(try Self.all(store) == Self.expected(ledger, zone))
        let report = try LedgerVerify.run(ledger.folder, store, zone)
        #expect(report.disagreements == [] && report.rows == 5000 && report.rowsNotFolded == 0)
    }

    @Test func theFoldTakesWhatWasAddedUpWithoutReading() throws {
        let ledger = LedgerFolder()
        let store = try RollupStore(ledger.path)
        let fresh = FreshSums(.utc, from: .beginning)
        let frames = Self.rows(100, seed: 4).flatMap { $0 }
        let end = JournalPosition(segment: 1, offset: frames.count)
        frames.withUnsafeBytes { fresh.add($0, until: end) }
        // There is no journal that it could read.
        try LedgerFold.fold(fresh.take(), ledger.folder, store, .utc)
        #expect(try Self.all(store).values.reduce(0) { $0 + $1[.requests] } == 100)
        #expect(try store.position() == end && fresh.take().begin == end)
    }

    @Test func moreGroupsThanFitAreReadFromTheJournal() throws {
        let ledger = LedgerFolder()
        let journalStore = try JournalStore(ledger.folder, settings: JournalStore.Settings(), now: 1)
        let fresh = FreshSums(.utc, from: journalStore.position)
        let journal = Journal(at: journalStore.position, waits: true, fresh)
        journal.start(journalStore)
        let count = LedgerFold.groupLimit + 10
        for number in 0..<count {
            let key = Array("key-\(number)".utf8)
            key.withUnsafeBytes { key in
                var row = SealedRow(id: RowID(tag: 1, number: UInt64(number)), started: 7)
                row.key = Bytes(key)
                journal.append(JournalFrames.frame { $0.write(row) })
            }
        }
        journal.stop()
        let part = fresh.take()
        #expect(part.batch == nil && part.end == journal.position)
        let store = try RollupStore(ledger.path)
        try LedgerFold.fold(part, ledger.folder, store, .utc)
        let sums = try Self.all(store)
        #expect(sums.count == count && sums.values.allSatisfy { $0[.requests] == 1 })
        #expect(fresh.take().batch != nil)
    }

    private static func all(_ store: RollupStore) throws -> [RollupBatch.Group: RollupSums] {
        var sums: [RollupBatch.Group: RollupSums] = [:]
        for day in try store.days() { sums.merge(try store.hours(of: day)) { one, _ in one } }
        return sums
    }

    @Test func oneWrongSumIsFound() throws {
        let ledger = LedgerFolder()
        let end = try Self.write(Self.rows(500, seed: 3), to: ledger)
        let store = try RollupStore(ledger.path)
        try LedgerFold.fold(ledger.folder, store, .utc, until: end)
        #expect(try LedgerVerify.run(ledger.folder, store, .utc).disagreementCount == 0)
        for change in [
            "UPDATE hours SET output_tokens = output_tokens + 1 WHERE hour = (SELECT min(hour) FROM hours)",
            "UPDATE days SET cost_nano_usd = cost_nano_usd - 1 WHERE day = (SELECT max(day) FROM days)",
            "DELETE FROM hours WHERE hour = (SELECT max(hour) FROM hours)",
        ] {
            let database = try SQLiteDatabase("\(ledger.path)/rollups.db", creates: false)
            try database.execute("BEGIN; CREATE TABLE kept AS SELECT * FROM hours; CREATE TABLE kept_days AS SELECT * FROM days; COMMIT")
            try database.execute(change)
            #expect(try LedgerVerify.run(ledger.folder, store, .utc).disagreementCount > 0, "\(change)")
            try database.execute(
                """
                DELETE FROM hours; DELETE FROM days; INSERT INTO hours SELECT * FROM kept; INSERT INTO days SELECT * FROM kept_days;
                DROP TABLE kept; DROP TABLE kept_days
                """)
            #expect(try LedgerVerify.run(ledger.folder, store, .utc).disagreementCount == 0)
        }
    }

    @Test func usageIsTheSameFoldedOrNot() throws {
        let ledger = LedgerFolder()
        let zone = try CalendarZone.named("Europe/Berlin")
        mkdir("\(ledger.path)/ledger", 0o700)
        defer {
            for name in ["ledger/rollups.db", "ledger/rollups.db-wal", "ledger/rollups.db-shm", "ledger/rows", "ledger"] {
                remove("\(ledger.path)/\(name)")
            }
        }
        let folders = LedgerFolders(data: ledger.path)
        symlink(ledger.path, folders.journal.path)
        let end = try Self.write(Self.rows(2000, seed: 4), to: ledger)
        let days = CivilDay(year: 2026, month: 10, day: 20).number..<CivilDay(year: 2026, month: 11, day: 3).number
        func answers() throws -> [String] {
            let questions: [[UsageDimension]] = [[], [.day], [.key, .model], [.day, .key, .account, .model], [.hour], [.group]]
            return try questions.map { dimensions in
                let lines = try UsageQuery(dimensions: dimensions, days: days).run(folders, zone)
                return UsageReport.csv(lines, dimensions).joined(separator: "\n")
            }
        }
        let unfolded = try answers()
        let store = try RollupStore(folders.ledger)
        try store.setZone(zone.name)
        try LedgerFold.fold(folders.journal, store, zone, until: JournalPosition(segment: end.segment / 2, offset: 1000))
        #expect(try answers() == unfolded)
        try LedgerFold.fold(folders.journal, store, zone, until: end)
        #expect(try answers() == unfolded)
        #expect(unfolded[0].split(separator: "\n").count == 2)
        #expect(unfolded[1].split(separator: "\n").count == 15)
    }

    @Test func whatIsTooOldGoesAndTheSumsStay() throws {
        let ledger = LedgerFolder()
        var frames: [[UInt8]] = []
        for number in 0..<3000 {
            frames.append(LedgerFolder.open(UInt64(number), at: Int64(number) * 60_000_000_000))
            frames.append(LedgerFolder.sealed(UInt64(number), at: Int64(number) * 60_000_000_000, cost: Int64(number)))
        }
        let end = try Self.write(frames, to: ledger)
        let store = try RollupStore(ledger.path)
        try LedgerFold.fold(ledger.folder, store, .utc, until: end)
        let before = try Self.all(store)
        let segments = try ledger.folder.segments()
        let now: Int64 = 3000 * 60_000_000_000
        let care = SegmentCare(folder: ledger.folder, zone: .utc)
        // Nothing is as old as that; closed segments lose their open rows.
        let bytes = try ledger.folder.segments().reduce(0) { $0 + ledger.bytes("\(JournalFolder.name($1)).rows").count }
        try care.tidy(store, keep: .seconds(100 * 86_400), now: now)
        #expect(try ledger.folder.segments() == segments)
        let compacted = try ledger.folder.segments().reduce(0) { $0 + ledger.bytes("\(JournalFolder.name($1)).rows").count }
        #expect(compacted < bytes * 3 / 4)
        let lines = try ledger.lines()
        #expect(lines.filter { $0.hasPrefix("sealed") }.count == 3000)
        #expect(try ledger.lines(.init(id: RowID(tag: 1, number: 3))) == ["sealed 3 completed"])
        #expect(try LedgerVerify.run(ledger.folder, store, .utc).disagreements == [])
        // Rows of the last day stay.
        try care.tidy(store, keep: .seconds(86_400), now: now)
        let rest = try ledger.lines().filter { $0.hasPrefix("sealed") }
        #expect(rest.count < 2200 && rest.count >= 1440 && rest.last == "sealed 2999 completed")
        #expect(try LedgerVerify.run(ledger.folder, store, .utc).disagreements == [])
        let days = try store.days()
        #expect(days.count == 3, "sums of days without rows are still there")
        var requests: Int64 = 0
        try store.usage([], 0..<10) { requests = $1[.requests] }
        #expect(requests == 3000)
        try store.beginAgain(zone: "UTC")
        try LedgerFold.fold(ledger.folder, store, .utc, until: end)
        requests = 0
        try store.usage([], 0..<10) { requests = $1[.requests] }
        #expect(requests == 3000)
        #expect(before.count > 40)
    }
}
