// Usage by day, key, account and so on: from the roll-ups, and from the rows behind the place they reach to, so that
// the answer is of now although the roll-ups are folded some seconds later.
//
// Kind: value; blocks. Works beside a running gateway and without one.

import CLinux

struct UsageQuery {
    var dimensions: [UsageDimension]
    /// Days from the first up to, and without, the last.
    var days: Range<Int64>
    /// More groups are refused.
    var groupLimit = Int.max

    typealias Sums = [UsageGroup: RollupSums]

    /// Sums by group, in the order of groups.
    /// - Throws: a sentence when something cannot be read.
    func run(_ folders: LedgerFolders, _ zone: CalendarZone) throws -> [(group: UsageGroup, sums: RollupSums)] {
        Self.sorted(try sums(folders, zone))
    }

    static func sorted(_ sums: Sums) -> [(group: UsageGroup, sums: RollupSums)] {
        sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// - Parameter folders: of one node; groups have no node.
    func sums(_ folders: LedgerFolders, _ zone: CalendarZone) throws -> Sums {
        var answer: Sums = [:]
        var position = JournalPosition.beginning
        var zone = zone
        if folders.hasRollups {
            let store = try RollupStore(folders.ledger, isReader: true)
            try store.viewing {
                position = try store.position()
                // Days are those that the sums were made with.
                if let name = try store.zone() { zone = try CalendarZone.named(name) }
                try store.usage(dimensions.filter { $0 != .node }, days) { group, sums in
                    if answer.count <= groupLimit { answer[group] = sums }
                }
            }
        }
        var batch = RollupBatch(zone)
        var reader = try JournalReader(folders.journal, JournalReader.Question(after: position))
        func take() {
            batch.forEach { group, sums in
                guard days.contains(group.day.number) else { return }
                answer[UsageGroup(group, by: dimensions), default: RollupSums()].add(sums)
            }
            batch = RollupBatch(zone)
        }
        while let (_, row) = try reader.next() {
            if let counted = RowDecoder.counted(row) { batch.add(counted) }
            if batch.groupCount >= LedgerFold.groupLimit { take() }
        }
        take()
        try check(answer)
        return answer
    }

    func check(_ sums: Sums) throws(LedgerFault) {
        guard sums.count > groupLimit else { return }
        throw LedgerFault(
            description: "the answer has more than \(groupLimit) groups; ask for fewer days, or by fewer things", isOfQuestion: true)
    }
}

/// Where the parts of a ledger are, below the data folder.
struct LedgerFolders: Sendable {
    let ledger: String

    init(data: String) { ledger = data.hasSuffix("/") ? "\(data)ledger" : "\(data)/ledger" }

    var journal: JournalFolder { JournalFolder(path: ledger + "/rows") }
    /// A price table for each snapshot that rows name.
    var prices: String { ledger + "/prices" }

    /// Makes them where they are missing.
    static func make(_ folders: LedgerFolders) throws(SystemError) {
        for path in [folders.ledger, folders.journal.path, folders.prices] where mkdir(path, 0o700) != 0 {
            if gwl_errno() != EEXIST { throw SystemError(gwl_errno(), "mkdir", subject: path) }
        }
    }

    var hasRollups: Bool { access("\(ledger)/\(RollupStore.name)", F_OK) == 0 }
    var exists: Bool { access(ledger, F_OK) == 0 }
}
