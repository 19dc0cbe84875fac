// What a key, a group, an account or a model has used so far in the running hour, day, week or month, or ever: for
// budgets, which begin with it.
//
//   ask ─► everything queued before is durable ─► sums of the roll-ups, and where they end ─► rows behind that ─► what other
//   nodes told ─► answer
//
// Exact: rows and roll-ups are read of one moment, and a row that was handed to the journal before the question is in
// the answer. (Of other nodes, what they told their Redis; see OthersBalances.) Questions that come together share the look through the rows. A request counts when it arrived.
//
// Kind: shared; a thread of its own, which begins with the first question. Answers come on it.

import CLinux

final class LedgerBalances: @unchecked Sendable {
    struct Question: Hashable, Sendable {
        var dimension: UsageDimension
        var name: String
        /// nil: for ever.
        var unit: CalendarUnit?
    }

    struct Balance: Sendable {
        var sums: RollupSums
        /// When it was looked up, in milliseconds since 1970.
        var time: UInt64
    }

    /// Where in the roll-ups a period is.
    enum Span: Equatable, Sendable {
        case forEver
        case days(Range<CivilDay>)
        /// The hour as CalendarZone.hour says it; and which moments are in it, in seconds since 1970.
        case hour(Int64, Range<Int64>)
    }

    typealias Done = @Sendable (Result<Balance, LedgerFault>) -> Void

    private let folders: LedgerFolders
    private let journal: Journal
    private let periods: CalendarPeriods
    /// nil: there are none.
    private let others: OtherNodes?
    private let desk = Monitor(Desk())

    private struct Desk {
        var waiting: [(Question, Done)] = []
        var isRunning = false
        var isStopping = false
    }

    init(_ folders: LedgerFolders, _ journal: Journal, zone: CalendarZone, others: OtherNodes? = nil) {
        self.others = others
        self.folders = folders
        self.journal = journal
        periods = CalendarPeriods(zone: zone)
    }

    /// - Parameter done: called once, on the thread of the balances; not after `stop`.
    /// - Thread: any.
    func ask(_ question: Question, _ done: @escaping Done) {
        let isFirst = desk.change { desk in
            if desk.isStopping { return false }
            desk.waiting.append((question, done))
            defer { desk.isRunning = true }
            return !desk.isRunning
        }
        if isFirst { BackgroundThread.start("ledger-sums") { [self] in run() } }
    }

    /// Ends the thread; questions that wait stay unanswered. Once, after the last loop has ended.
    func stop() {
        desk.change { $0.isStopping = true }
        desk.wait(until: { !$0.isRunning }, then: { _ in })
    }

    // MARK: The thread

    private func run() {
        var store: RollupStore?
        let others = others.map { OthersBalances($0) }
        while let questions = take() {
            do {
                let open = try store ?? RollupStore(folders.ledger, isReader: true)
                store = open
                let asked = Set(questions.map(\.0))
                let balances = try answers(Array(asked), open, others)
                for (question, done) in questions { done(.success(balances[question]!)) }
            } catch {
                store = nil
                let fault = LedgerFault(description: "what was used before cannot be read from the ledger: \(error)")
                for (_, done) in questions { done(.failure(fault)) }
            }
        }
        desk.change { $0.isRunning = false }
    }

    private func take() -> [(Question, Done)]? {
        desk.wait(until: { !$0.waiting.isEmpty || $0.isStopping }) { desk in
            if desk.isStopping { return nil }
            defer { desk.waiting = [] }
            return desk.waiting
        }
    }

    private func answers(_ questions: [Question], _ store: RollupStore, _ others: OthersBalances?) throws -> [Question: Balance] {
        guard journal.flush() else { throw LedgerFault(description: "its rows are not written for ten seconds; look at the disk") }
        let now = gwl_wall_ns()
        let seconds = Int64(now / 1_000_000_000)
        var balances: [Question: Balance] = [:]
        let position = try store.viewing { () throws -> JournalPosition in
            for question in questions {
                let sums = try store.sums(of: question.dimension, question.name, in: Self.span(question.unit, periods, at: seconds))
                balances[question] = Balance(sums: sums, time: now / 1_000_000)
            }
            return try store.position()
        }
        let spans = questions.map { ($0, Self.span($0.unit, periods, at: seconds)) }
        var reader = try JournalReader(folders.journal, JournalReader.Question(after: position, until: journal.position))
        while let (head, row) = try reader.next() {
            guard head.kind == .sealed, let sealed = RowDecoder.sealed(row) else { continue }
            for (question, span) in spans where Self.counts(sealed, question, span, periods.zone) {
                balances[question]!.sums.add(RollupSums(sealed))
            }
        }
        guard let others else { return balances }
        do throws(LedgerFault) {
            for (sums, question) in zip(try others.sums(spans, zone: periods.zone), questions) { balances[question]!.sums.add(sums) }
        } catch {
            // What is known here is more than nothing.
            log.warning("budgets begin with what this node knows, because the others' usage cannot be read", .field("reason", "\(error)"))
        }
        return balances
    }

    static func span(_ unit: CalendarUnit?, _ periods: CalendarPeriods, at seconds: Int64) -> Span {
        guard let unit else { return .forEver }
        if unit == .hour { return .hour(periods.zone.hour(of: seconds), periods.period(.hour, at: seconds)) }
        let (first, next) = periods.days(unit, periods.zone.day(of: seconds))
        return .days(first..<next)
    }

    private static func counts(_ row: SealedRow, _ question: Question, _ span: Span, _ zone: CalendarZone) -> Bool {
        let name =
            switch question.dimension {
            case .key: row.key
            case .group: row.group
            case .account: row.account
            default: row.model
            }
        guard question.name.utf8.count == name.count, name.string == question.name else { return false }
        let seconds = row.started / 1_000_000_000
        switch span {
        case .forEver: return true
        case .days(let days): return days.contains(zone.day(of: seconds))
        case .hour(_, let range): return range.contains(seconds)
        }
    }
}
