// Holds what Redis has of this node against the node's own sums, group by group.
//
// A gateway may go on telling meanwhile: compared are groups that have not changed since the mark that was looked at first, and of
// each day Redis is read before the ledger is.
//
// Kind: value; blocks.

import CLinux

struct SharedVerify {
    struct Report: Sendable, Equatable {
        /// Redis has nothing of these sums at all.
        var isUntold = false
        var compared = 0
        /// Groups of days that changed since.
        var notTold = 0
        /// What does not agree, a sentence each, `LedgerVerify.disagreementLimit` at most.
        var disagreements: [String] = []
        var disagreementCount = 0
    }

    private typealias Groups = [RollupBatch.Group: RollupSums]

    /// - Throws: when one of the two cannot be read.
    static func run(_ store: RollupStore, _ shared: SharedLedger, _ node: String) throws -> Report {
        var report = Report()
        guard var told = try shared.node(node), let mark = told.marks[try store.epoch()], mark >= 0 else {
            report.isUntold = true
            return report
        }
        // What is being told, whole or not.
        told.epoch = try store.epoch()
        let today = Int64(gwl_wall_ns() / 86_400_000_000_000)
        let days = Set(try shared.days(of: told)).union(try store.days().map(\.number))
        for day in days.sorted() {
            try compare(day, hours: false, store, shared, told, mark, &report)
            if day > today - SharedLedger.hoursKeptDays + 1 { try compare(day, hours: true, store, shared, told, mark, &report) }
        }
        return report
    }

    private static func compare(
        _ day: Int64, hours: Bool, _ store: RollupStore, _ shared: SharedLedger, _ told: SharedLedger.Node, _ mark: Int64,
        _ report: inout Report
    ) throws {
        var theirs: Groups = [:]
        try shared.read(told, days: [day], hours: hours) { theirs[$0] = $1 }
        let all = try store.lines(of: day, upTo: .max, hours: hours)
        let settled = Set(try store.lines(of: day, upTo: mark, hours: hours).map(\.group))
        for line in all {
            let kept = theirs.removeValue(forKey: line.group)
            guard settled.contains(line.group) else {
                report.notTold += hours ? 0 : 1
                continue
            }
            report.compared += 1
            if kept != line.sums { note(line.group, hours, kept, line.sums, &report) }
        }
        for (group, sums) in theirs { note(group, hours, sums, nil, &report) }
    }

    private static func note(
        _ group: RollupBatch.Group, _ hours: Bool, _ theirs: RollupSums?, _ ours: RollupSums?, _ report: inout Report
    ) {
        report.disagreementCount += 1
        guard report.disagreements.count < LedgerVerify.disagreementLimit else { return }
        let when = hours ? RowTime.text(seconds: group.hour) : "\(group.day)"
        let columns = RollupSums.Column.allCases.filter { (theirs ?? RollupSums())[$0] != (ours ?? RollupSums())[$0] }
        let words = columns.map { "\($0.name) \(theirs?[$0] ?? 0), this node has \(ours?[$0] ?? 0)" }.joined(separator: "; ")
        report.disagreements.append("in Redis, \(when), key \(group.key), account \(group.account), model \(group.model): \(words)")
    }
}
