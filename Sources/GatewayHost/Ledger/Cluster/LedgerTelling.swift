// Tells Redis what changed in this node's sums, message after message, until it knows everything.
//
// What is told are whole sums, so a message that was lost, late or sent twice does no harm. Its memory is that of one message.
//
// Kind: confined to one thread; blocks.

import CLinux

final class LedgerTelling {
    enum Outcome: Equatable {
        /// Redis knows everything as of a moment ago.
        case whole
        /// There is more, and the messages that were allowed are used up.
        case more
        /// Another gateway is this node.
        case held(String)
    }

    /// Groups of hours in one message: some 500 KB, and some milliseconds of Redis's time.
    static let groupLimit = 2000
    /// A node that says nothing for `SharedLedgerScript.holdMilliseconds` has let go of being this node.
    private static let beatNanoseconds: UInt64 = 3_000_000_000

    let node: NodeIdentity
    let shared: SharedLedger
    private let folders: LedgerFolders
    private let groupLimit: Int
    private var cursor = ShipCursor(epoch: "")
    private var nextBeat: UInt64 = 0
    /// Requests in the sums when Redis knew them all.
    private(set) var rowsTold: Int64 = 0
    /// Requests in the sums.
    private(set) var rows: Int64 = 0
    private var hasDropped = false

    init(_ folders: LedgerFolders, _ node: NodeIdentity, _ target: RedisTarget, groupLimit: Int = LedgerTelling.groupLimit) {
        self.folders = folders
        self.node = node
        self.groupLimit = groupLimit
        shared = SharedLedger(target)
    }

    /// - Throws: what could not be read or told. What was told is told; the rest is, the next time.
    func tell(_ store: RollupStore, messages: Int = .max) throws -> Outcome {
        let today = Int64(gwl_wall_ns() / 86_400_000_000_000)
        var sent = 0
        while sent < messages {
            let changes = try store.changes(
                after: cursor.mark ?? -1, groups: groupLimit, firstDay: today - SharedLedger.hoursKeptDays)
            if changes.epoch != cursor.epoch {
                cursor = ShipCursor(epoch: changes.epoch)
                rowsTold = 0
                hasDropped = false
            }
            rows = changes.rows
            let isNews = cursor.mark.map { $0 < changes.to } ?? true
            guard isNews || gwl_monotonic_ns() >= nextBeat else { return .whole }
            let message = cursor.mark == nil ? changes.question : changes
            let answer = try shared.tell(message, from: ShipCursor.text(cursor.mark), as: node)
            sent += 1
            nextBeat = gwl_monotonic_ns() + Self.beatNanoseconds
            if case .held(let holder) = try heard(answer, message, store) { return .held(holder) }
            guard answer == .told, changes.isLast else { continue }
            rowsTold = changes.rows
            if !hasDropped { try shared.dropEpochs(of: node, but: changes.epoch) }
            hasDropped = true
            return .whole
        }
        return .more
    }

    private func heard(
        _ answer: ShipCursor.Answer, _ message: RollupStore.Changes, _ store: RollupStore
    ) throws -> ShipCursor.Event {
        let event = cursor.answered(answer, to: message.to, last: try store.sequence())
        switch event {
        case .nothing, .held: break
        case .emptied:
            rowsTold = 0
            log.warning("the Redis has nothing of this node's ledger any more; it is told again from the beginning")
        case .wentBack:
            log.warning("the Redis is back in an earlier state; what it forgot of this node's ledger is told again")
        case .isAhead:
            log.warning("the Redis knows more of this node than its ledger; everything is told anew")
            try RollupStore(folders.ledger).beginEpoch()
        }
        return event
    }
}

extension RollupStore.Changes {
    /// Asks for the mark: it follows one that does not exist.
    fileprivate var question: RollupStore.Changes {
        var question = self
        question.hours = []
        question.days = []
        question.isLast = false
        return question
    }
}
