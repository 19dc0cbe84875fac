// Holds the roll-ups against the rows: every sum must be what the rows add up to, to the token and the nano-dollar.
//
// Goes day by day, so that its memory is that of a day's groups, and reads only the parts of the journal that may
// have rows of the day.
//
// Kind: value; blocks.

struct LedgerVerify {
    struct Report: Sendable, Equatable {
        var days = 0
        var rows = 0
        /// Rows behind the place that the sums reach to: they are some seconds late.
        var rowsNotFolded = 0
        var groups = 0
        /// What does not agree, a sentence each, `disagreementLimit` at most.
        var disagreements: [String] = []
        var disagreementCount = 0
        var damagedBytes = 0
    }

    static let disagreementLimit = 20

    /// - Throws: when one of the two cannot be read.
    static func run(_ folder: JournalFolder, _ store: RollupStore, _ zone: CalendarZone) throws -> Report {
        try store.viewing {
            let position = try store.position()
            var report = Report()
            var days = Set(try Self.days(folder, until: position, zone, &report))
            days.formUnion(try store.days())
            report.days = days.count
            for day in days.sorted() { try compare(day, folder, store, zone, position, &report) }
            report.rowsNotFolded = try Self.rows(folder, after: position)
            return report
        }
    }

    /// Days that rows fall on.
    private static func days(
        _ folder: JournalFolder, until position: JournalPosition, _ zone: CalendarZone, _ report: inout Report
    ) throws -> [CivilDay] {
        var reader = try JournalReader(folder, JournalReader.Question(until: position))
        var days: Set<CivilDay> = []
        var known: (range: Range<Int64>, day: CivilDay) = (0..<0, CivilDay(number: 0))
        while let (head, _) = try reader.next() {
            guard head.kind == .sealed else { continue }
            report.rows += 1
            let seconds = head.started / 1_000_000_000
            if !known.range.contains(seconds) {
                let hour = zone.hour(of: seconds)
                known = (hour..<seconds + 1, zone.day(of: seconds))
                days.insert(known.day)
            }
        }
        report.damagedBytes = reader.damagedBytes
        return Array(days)
    }

    private static func rows(_ folder: JournalFolder, after position: JournalPosition) throws -> Int {
        var reader = try JournalReader(folder, JournalReader.Question(after: position))
        var count = 0
        while let (head, _) = try reader.next() { if head.kind == .sealed { count += 1 } }
        return count
    }

    private static func compare(
        _ day: CivilDay, _ folder: JournalFolder, _ store: RollupStore, _ zone: CalendarZone, _ position: JournalPosition,
        _ report: inout Report
    ) throws {
        let start = zone.start(of: day)
        let end = zone.start(of: CivilDay(number: day.number + 1))
        var batch = RollupBatch(zone)
        var reader = try JournalReader(
            folder, JournalReader.Question(times: start * 1_000_000_000..<end * 1_000_000_000, until: position))
        while let (_, row) = try reader.next() {
            if let counted = RowDecoder.counted(row) { batch.add(counted) }
        }
        var expected: [RollupBatch.Group: RollupSums] = [:]
        batch.forEach { expected[$0] = $1 }
        report.groups += expected.count
        var folded = try store.hours(of: day)
        for (group, sums) in expected {
            let kept = folded.removeValue(forKey: group) ?? RollupSums()
            if kept != sums { note("\(name(group)): \(differences(kept, sums))", &report) }
        }
        for (group, sums) in folded { note("\(name(group)): \(differences(sums, RollupSums()))", &report) }
        let count = try store.disagreements(on: day)
        if count > 0 { note("\(day): \(count) groups of the day are not the sum of their hours", &report) }
    }

    private static func note(_ sentence: String, _ report: inout Report) {
        report.disagreementCount += 1
        if report.disagreements.count < disagreementLimit { report.disagreements.append(sentence) }
    }

    private static func name(_ group: RollupBatch.Group) -> String {
        "\(RowTime.text(seconds: group.hour)), key \(group.key), account \(group.account), model \(group.model)"
    }

    private static func differences(_ kept: RollupSums, _ rows: RollupSums) -> String {
        RollupSums.Column.allCases.filter { kept[$0] != rows[$0] }.map { "\($0.name) \(kept[$0]), rows say \(rows[$0])" }
            .joined(separator: "; ")
    }
}
