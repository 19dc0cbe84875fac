// What the other nodes used, added to what this one did: for budgets that begin anew because Redis has forgotten them.
//
// When it has forgotten everything, the others are about to tell their sums again, within a second or two. Who told something a moment ago
// is waited for, a few seconds at most; what is missing then is missing.
//
// Kind: confined to the thread of LedgerBalances; blocks.

import CLinux

struct OthersBalances {
    private static let waitMilliseconds: UInt64 = 5000
    private static let lookMilliseconds: Int32 = 100

    let others: OtherNodes
    private let shared: SharedLedger

    init(_ others: OtherNodes) {
        self.others = others
        shared = SharedLedger(others.target)
    }

    /// - Parameter spans: of the questions, in their order.
    /// - Returns: sums to add to each question.
    func sums(_ spans: [(LedgerBalances.Question, LedgerBalances.Span)], zone: CalendarZone) throws(LedgerFault) -> [RollupSums] {
        var answers = spans.map { _ in RollupSums() }
        for node in try whole() {
            let days = try shared.days(of: node)
            let wanted = days.filter { day in spans.contains { Self.asksFor(day, $0.1) } }
            try shared.read(node, days: wanted, hours: false) { group, sums in
                for (place, (question, span)) in spans.enumerated() where Self.asksFor(group.day.number, span) && question.isAbout(group) {
                    answers[place].add(sums)
                }
            }
            let hours = Set(spans.compactMap { if case .hour(let hour, _) = $0.1 { hour } else { nil } })
            let daysOfHours = Set(hours.map { zone.day(of: $0).number }).intersection(days)
            try shared.read(node, days: daysOfHours.sorted(), hours: true) { group, sums in
                for (place, (question, span)) in spans.enumerated() {
                    if case .hour(group.hour, _) = span, question.isAbout(group) { answers[place].add(sums) }
                }
            }
        }
        return answers
    }

    private static func asksFor(_ day: Int64, _ span: LedgerBalances.Span) -> Bool {
        switch span {
        case .forEver: true
        case .days(let days): days.contains(CivilDay(number: day))
        case .hour: false
        }
    }

    /// The others, when all that live have told everything.
    private func whole() throws(LedgerFault) -> [SharedLedger.Node] {
        let recent = others.recent(now: Int64(gwl_wall_ns() / 1_000_000_000))
        let deadline = gwl_monotonic_ns() + Self.waitMilliseconds * 1_000_000
        while true {
            let nodes = try shared.nodes().filter { !others.isOwn($0.id) }
            let told = Set(nodes.filter(\.isWhole).map(\.id))
            if recent.allSatisfy(told.contains) || gwl_monotonic_ns() >= deadline { return nodes }
            poll(nil, 0, Self.lookMilliseconds)
        }
    }
}

extension LedgerBalances.Question {
    fileprivate func isAbout(_ group: RollupBatch.Group) -> Bool {
        switch dimension {
        case .key: group.key == name
        case .group: group.group == name
        case .account: group.account == name
        default: group.model == name
        }
    }
}
