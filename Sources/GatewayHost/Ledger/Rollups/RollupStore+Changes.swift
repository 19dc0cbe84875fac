// What others must be told of the sums: which groups a folding touched after the one that they know, as whole sums.
//
// In the table `state`:
//   sequence   number of the last folding (ChangeNumber)
//   rows       requests that are in the sums
//   epoch      name of this history of sums; another one means that others forget what they were told
//   home       where the file is; a copy that was put back is another place, and begins another epoch
//
// Kind: confined to the thread of its store.

import CLinux

extension RollupStore {
    /// What has changed, as whole sums of its groups: telling it twice changes nothing.
    struct Changes: Equatable {
        var epoch = ""
        /// What is told is everything behind `after`, up to and including `to`.
        var after: Int64
        var to: Int64
        /// Nothing changed behind `to`.
        var isLast = false
        /// Requests in the sums by now.
        var rows: Int64 = 0
        var zone = ""
        var hours: [Line] = []
        /// Their `hour` is 0.
        var days: [Line] = []

        struct Line: Equatable {
            var group: RollupBatch.Group
            var sums: RollupSums
        }
    }

    func sequence() throws(StorageFault) -> Int64 { try state("sequence").flatMap { Int64($0) } ?? 0 }
    func rows() throws(StorageFault) -> Int64 { try state("rows").flatMap { Int64($0) } ?? 0 }
    func epoch() throws(StorageFault) -> String { try state("epoch") ?? "" }

    static func newEpoch() -> String { String(UInt64.random(in: 1...UInt64.max), radix: 16) }

    /// Everything is to be told anew.
    func beginEpoch() throws(StorageFault) { try set("epoch", Self.newEpoch()) }

    /// Makes ready for being asked for changes.
    func prepareChanges() throws(StorageFault) {
        try asking { () throws(SQLiteError) in try database.execute(RollupSchema.changeIndexes) }
        var status = stat()
        let home = stat(path, &status) == 0 ? "\(status.st_ino)" : ""
        if try state("home") != home {
            try beginEpoch()
            try set("home", home)
        } else if try epoch().isEmpty {
            try beginEpoch()
        }
    }

    /// - Parameters:
    ///   - after: the number that others know; -1: nothing yet.
    ///   - groups: about how many hours of groups; a folding is never cut in two.
    ///   - firstDay: hours of earlier days are left out.
    func changes(after: Int64, groups: Int, firstDay: Int64) throws -> Changes {
        try viewing { () throws(StorageFault) in
            let sequence = try sequence()
            var changes = Changes(after: after, to: sequence)
            changes.epoch = try epoch()
            changes.rows = try rows()
            changes.zone = try zone() ?? ""
            guard after < sequence else {
                changes.to = after
                changes.isLast = after == sequence
                return changes
            }
            try asking { () throws(SQLiteError) in
                try database.statement("SELECT changed FROM hours WHERE changed > ? ORDER BY changed LIMIT 1 OFFSET ?")
                    .forEach([.int(after), .count(groups - 1)]) { changes.to = $0.int(0) }
            }
            changes.isLast = changes.to == sequence
            let columns = "key_name, group_name, account, model, \(RollupSchema.columns.joined(separator: ", "))"
            let bounds: [SQLiteValue] = [.int(after), .int(changes.to)]
            try asking { () throws(SQLiteError) in
                try database.statement("SELECT hour, day, \(columns) FROM hours WHERE changed > ? AND changed <= ? AND day >= ?")
                    .forEach(bounds + [.int(firstDay)]) { changes.hours.append(Self.line($0)) }
                try database.statement("SELECT 0, day, \(columns) FROM days WHERE changed > ? AND changed <= ?")
                    .forEach(bounds) { changes.days.append(Self.line($0)) }
            }
            return changes
        }
    }

    /// Every group of a day that was not touched after `number`; hours, or with an hour of 0 the day.
    func lines(of day: Int64, upTo number: Int64, hours: Bool) throws(StorageFault) -> [Changes.Line] {
        let columns = "key_name, group_name, account, model, \(RollupSchema.columns.joined(separator: ", "))"
        let sql = "SELECT \(hours ? "hour" : "0"), day, \(columns) FROM \(hours ? "hours" : "days") WHERE day = ? AND changed <= ?"
        var lines: [Changes.Line] = []
        try asking { () throws(SQLiteError) in
            try database.statement(sql).forEach([.int(day), .int(number)]) { lines.append(Self.line($0)) }
        }
        return lines
    }

    private static func line(_ row: SQLiteRow) -> Changes.Line {
        Changes.Line(
            group: RollupBatch.Group(
                hour: row.int(0), day: CivilDay(number: row.int(1)), key: row.text(2), group: row.text(3), account: row.text(4),
                model: row.text(5)),
            sums: sums(row, from: 6))
    }
}
