// The roll-ups in their SQLite file, data/ledger/rollups.db.
//
// Sums and the place in the journal up to which rows are in them change in one transaction, so a row counts once
// whenever the process dies. The file can be made anew from the journal; losing its last transactions only means
// that rows are folded again, so it need not be synchronised for every one of them.
//
// Kind: confined to one thread.

import CLinux

final class RollupStore {
    static let name = "rollups.db"

    let path: String
    let database: SQLiteDatabase
    private let addHour, addDay, addRemoved, getState, setState: SQLiteStatement

    /// - Parameter isReader: for commands beside a running gateway; the file must be there.
    init(_ folder: String, isReader: Bool = false) throws(StorageFault) {
        let path = "\(folder)/\(Self.name)"
        self.path = path
        do throws(SQLiteError) {
            database = try SQLiteDatabase(path, creates: !isReader, isReadOnly: isReader)
            if !isReader {
                try database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216")
                switch try database.number("PRAGMA user_version") {
                case 0: try database.execute(RollupSchema.create)
                case 1: try database.execute(RollupSchema.addChanges)
                default: break
                }
                try database.execute(RollupSchema.indexes)
            }
            addHour = database.statement(RollupSchema.add(to: "hours"))
            addDay = database.statement(RollupSchema.add(to: "days"))
            addRemoved = database.statement(RollupSchema.add(to: "removed_hours"))
            getState = database.statement("SELECT value FROM state WHERE name = ?")
            setState = database.statement(
                "INSERT INTO state (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        } catch {
            throw error.fault(path)
        }
        try checkVersion()
    }

    private func checkVersion() throws(StorageFault) {
        let version = try asking { () throws(SQLiteError) in try database.number("PRAGMA user_version") }
        guard version <= RollupSchema.version else {
            throw .unavailable(
                "the roll-ups \(path) were written by a newer gateway. Run that one, or move the file away: it is made anew from the rows")
        }
    }

    // MARK: State

    func state(_ name: String) throws(StorageFault) -> String? {
        try asking { () throws(SQLiteError) in try getState.first(.text(name)) { $0.text(0) } }
    }

    /// Rows before it are in the sums.
    func position() throws(StorageFault) -> JournalPosition {
        let parts = try state("position")?.split(separator: ":") ?? []
        guard parts.count == 2, let segment = UInt64(parts[0]), let offset = Int(parts[1]) else { return .beginning }
        return JournalPosition(segment: segment, offset: offset)
    }

    /// The zone that hours and days are of; nil in a new file.
    func zone() throws(StorageFault) -> String? { try state("zone") }

    /// Segments up to this one are removed, or are about to be.
    func removedSegment() throws(StorageFault) -> UInt64 { try state("removed").flatMap { UInt64($0) } ?? 0 }

    func setZone(_ name: String) throws(StorageFault) { try set("zone", name) }

    func set(_ name: String, _ value: String) throws(StorageFault) {
        try asking { () throws(SQLiteError) in try setState.run(.text(name), .text(value)) }
    }

    // MARK: Writing

    /// Adds rows to the sums and says how far they reach.
    func fold(_ batch: RollupBatch, to position: JournalPosition) throws(StorageFault) {
        let sequence = batch.rowCount == 0 ? 0 : ChangeNumber.next(after: try sequence(), now: gwl_wall_ns())
        let rows = try self.rows() + Int64(batch.rowCount)
        try transaction { () throws(SQLiteError) in
            try batch.forEach { group, sums throws(SQLiteError) in
                let identity: [SQLiteValue] = [.text(group.key), .text(group.group), .text(group.account), .text(group.model)]
                let values = RollupSums.Column.allCases.map { SQLiteValue.int(sums[$0]) } + [.int(sequence)]
                try addHour.forEach([.int(group.hour), .int(group.day.number)] + identity + values) { _ in }
                try addDay.forEach([.int(group.day.number)] + identity + values) { _ in }
            }
            try setState.run(.text("position"), .text("\(position.segment):\(position.offset)"))
            guard batch.rowCount > 0 else { return }
            try setState.run(.text("sequence"), .text("\(sequence)"))
            try setState.run(.text("rows"), .text("\(rows)"))
        }
    }

    /// Notes what the rows of a segment add up to, before the segment is removed.
    func remove(_ segment: UInt64, _ batch: RollupBatch) throws(StorageFault) {
        try transaction { () throws(SQLiteError) in
            try batch.forEach { group, sums throws(SQLiteError) in
                let identity: [SQLiteValue] = [.text(group.key), .text(group.group), .text(group.account), .text(group.model)]
                let values = RollupSums.Column.allCases.map { SQLiteValue.int(sums[$0]) }
                try addRemoved.forEach([.int(group.hour), .int(group.day.number)] + identity + values) { _ in }
            }
            try setState.run(.text("removed"), .text("\(segment)"))
        }
    }

    /// Forgets all sums of rows that are still there, so that they are folded again.
    func beginAgain(zone: String) throws(StorageFault) {
        try transaction { () throws(SQLiteError) in
            let columns = "key_name, group_name, account, model, \(RollupSchema.columns.joined(separator: ", "))"
            try database.execute(
                """
                DELETE FROM hours;
                DELETE FROM days;
                INSERT INTO hours (hour, day, changed, \(columns))
                    SELECT hour, day, \(RollupSchema.hourAsChange), \(columns) FROM removed_hours;
                INSERT INTO days (day, changed, \(columns))
                    SELECT day, \(RollupSchema.dayAsChange), key_name, group_name, account, model, \(RollupSchema.sums)
                    FROM removed_hours GROUP BY day, key_name, group_name, account, model;
                INSERT OR REPLACE INTO state (name, value) SELECT 'rows', coalesce(sum(requests), 0) FROM days;
                DELETE FROM state WHERE name = 'position'
                """)
            try setState.run(.text("zone"), .text(zone))
            try setState.run(.text("epoch"), .text(Self.newEpoch()))
        }
    }

    func transaction(_ body: () throws(SQLiteError) -> Void) throws(StorageFault) {
        do throws(SQLiteError) {
            try database.execute("BEGIN IMMEDIATE")
            try body()
            try database.execute("COMMIT")
        } catch {
            // A failed rollback leaves nothing to be done: the transaction ends with the connection at the latest.
            if database.isInTransaction { try? database.execute("ROLLBACK") }
            throw error.fault(path)
        }
    }

    // MARK: Reading

    /// Runs `body` on one view of the file, whatever is folded meanwhile.
    func viewing<Value>(_ body: () throws -> Value) throws -> Value {
        try asking { () throws(SQLiteError) in try database.execute("BEGIN") }
        // Nothing was written, so nothing depends on how it ends.
        defer { try? database.execute("ROLLBACK") }
        return try body()
    }

    /// Sums of the days from `days.lowerBound` up to `days.upperBound`, grouped by `dimensions`.
    func usage(_ dimensions: [UsageDimension], _ days: Range<Int64>, _ body: (UsageGroup, RollupSums) -> Void) throws(StorageFault) {
        let table = dimensions.contains(.hour) ? "hours" : "days"
        let names = dimensions.map(\.column)
        let groups = names.isEmpty ? "" : "GROUP BY \(names.joined(separator: ", ")) ORDER BY \(names.joined(separator: ", "))"
        let sql = """
            SELECT \((names + [RollupSchema.sums]).joined(separator: ", ")) FROM \(table)
            WHERE day >= ? AND day < ? \(groups)
            """
        try asking { () throws(SQLiteError) in
            try database.statement(sql).forEach([.int(days.lowerBound), .int(days.upperBound)]) { row in
                var group = UsageGroup()
                for (place, dimension) in dimensions.enumerated() { dimension.read(row, Int32(place), &group) }
                let sums = Self.sums(row, from: dimensions.count)
                // Without a grouping there is one row of NULLs also when there is nothing.
                if sums[.requests] > 0 { body(group, sums) }
            }
        }
    }

    /// Sums of one name over days, or in one hour; `hour` as CalendarZone.hour says it.
    func sums(of dimension: UsageDimension, _ name: String, in span: LedgerBalances.Span) throws(StorageFault) -> RollupSums {
        let (table, condition, bounds): (String, String, [SQLiteValue]) =
            switch span {
            case .forEver: ("days", "", [])
            case .days(let days): ("days", "AND day >= ? AND day < ?", [.int(days.lowerBound.number), .int(days.upperBound.number)])
            case .hour(let hour, _): ("hours", "AND hour = ?", [.int(hour)])
            }
        let sql = "SELECT \(RollupSchema.sums) FROM \(table) WHERE \(dimension.column) = ? \(condition)"
        var sums = RollupSums()
        try asking { () throws(SQLiteError) in
            // Without rows the sums are NULL, which reads as nothing.
            try database.statement(sql).forEach([.text(name)] + bounds) { sums = Self.sums($0, from: 0) }
        }
        return sums
    }

    /// Every group of a day, with what was removed taken off: what the journal must add up to.
    func hours(of day: CivilDay) throws(StorageFault) -> [RollupBatch.Group: RollupSums] {
        var groups: [RollupBatch.Group: RollupSums] = [:]
        try read("hours", day) { groups[$0] = $1 }
        try read("removed_hours", day) { group, sums in
            var rest = groups[group] ?? RollupSums()
            rest.subtract(sums)
            groups[group] = rest == RollupSums() ? nil : rest
        }
        return groups
    }

    /// Days that are in the sums.
    func days() throws(StorageFault) -> [CivilDay] {
        var days: [CivilDay] = []
        try asking { () throws(SQLiteError) in
            try database.statement("SELECT DISTINCT day FROM hours ORDER BY day").forEach([]) { days.append(CivilDay(number: $0.int(0))) }
        }
        return days
    }

    /// Groups of a day whose hours do not add up to the day, or that only one of the tables has.
    func disagreements(on day: CivilDay) throws(StorageFault) -> Int {
        let groups = "key_name, group_name, account, model"
        let columns = RollupSchema.columns.joined(separator: ", ")
        let hours = "SELECT \(groups), \(RollupSchema.sums) FROM hours WHERE day = ?1 GROUP BY \(groups)"
        let days = "SELECT \(groups), \(columns) FROM days WHERE day = ?1"
        let sql = """
            SELECT (SELECT count(*) FROM (\(hours) EXCEPT \(days))) + (SELECT count(*) FROM (\(days) EXCEPT \(hours)))
            """
        return try asking { () throws(SQLiteError) in
            Int(try database.statement(sql).first(.int(day.number)) { $0.int(0) } ?? 0)
        }
    }

    private func read(_ table: String, _ day: CivilDay, _ body: (RollupBatch.Group, RollupSums) -> Void) throws(StorageFault) {
        let sql = """
            SELECT hour, key_name, group_name, account, model, \(RollupSchema.columns.joined(separator: ", "))
            FROM \(table) WHERE day = ?
            """
        try asking { () throws(SQLiteError) in
            try database.statement(sql).forEach([.int(day.number)]) { row in
                body(
                    RollupBatch.Group(
                        hour: row.int(0), day: day, key: row.text(1), group: row.text(2), account: row.text(3), model: row.text(4)),
                    Self.sums(row, from: 5))
            }
        }
    }

    static func sums(_ row: SQLiteRow, from first: Int) -> RollupSums {
        var sums = RollupSums()
        for column in RollupSums.Column.allCases { sums[column] = row.int(Int32(first + column.rawValue)) }
        return sums
    }

    func asking<Value>(_ body: () throws(SQLiteError) -> Value) throws(StorageFault) -> Value {
        do throws(SQLiteError) { return try body() } catch { throw error.fault(path) }
    }
}
