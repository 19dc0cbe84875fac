// The thread that tells the other nodes, by Redis, what this node's ledger adds up to.
//
//   each second:  sums that changed since the mark that Redis has ─► messages of a few thousand groups (LedgerTelling)
//                 nothing changed ─► now and then a message that says that this node lives
//   a failure:    everything stays where it is, and is told later; a pause that doubles up to half a minute
//
// Nothing waits for it and nothing is lost by it: sums stay in the data folder.
//
// Kind: a thread of its own, `ledger-ship`, with a connection of its own. What is below `Of the thread` is its alone.

import CLinux

final class LedgerShipper: @unchecked Sendable {
    private static let pauseMilliseconds = 1000
    /// How often it looks who else there is.
    private static let lookNanoseconds: UInt64 = 2_000_000_000
    /// In one go. Whoever stops is not kept waiting for a long telling; the next start goes on with it.
    private static let messageLimit = 20

    private let node: NodeIdentity
    private let folders: LedgerFolders
    private let others: OtherNodes
    private let metrics: ShipMetrics
    private let thread = PacedThread("ledger-ship")

    // Of the thread.
    private var hasComplained = false
    private var heldSince: UInt64?
    private var hasComplainedOfHolder = false
    private var nextLook: UInt64 = 0

    init(_ folders: LedgerFolders, _ node: NodeIdentity, _ others: OtherNodes, _ metrics: ShipMetrics) {
        self.folders = folders
        self.node = node
        self.others = others
        self.metrics = metrics
    }

    func start() { thread.start { [self] in run() } }

    /// Tells what is left if Redis answered until now, then ends the thread. After the last folding.
    func stop() { thread.stop() }

    // MARK: The thread

    private func run() {
        let telling = LedgerTelling(folders, node, others.target)
        var store: RollupStore?
        var backoff = Backoff(first: 500, longest: 30_000)
        var rest = Self.pauseMilliseconds
        while true {
            let isLast = thread.pause(milliseconds: rest)
            // Whoever stops waits for us: a Redis that did not answer before is not asked once more.
            if isLast, hasComplained { break }
            do {
                let open = try store ?? RollupStore(folders.ledger, isReader: true)
                store = open
                let outcome = try telling.tell(open, messages: Self.messageLimit)
                took(outcome)
                if gwl_monotonic_ns() >= nextLook {
                    nextLook = gwl_monotonic_ns() + Self.lookNanoseconds
                    others.saw(try telling.shared.nodes(), now: Int64(gwl_wall_ns() / 1_000_000_000))
                }
                backoff.reset()
                rest = outcome == .more ? 0 : Self.pauseMilliseconds
            } catch {
                store = nil
                failed("\(error)")
                rest = backoff.next(.random(in: 0..<1))
            }
            metrics.waiting(telling.rows - telling.rowsTold)
            if isLast { break }
        }
    }

    private func failed(_ reason: String) {
        metrics.failures.add(1)
        guard !hasComplained else { return }
        hasComplained = true
        log.warning("other nodes do not hear of this node's ledger; nothing is lost, it is told later", .field("reason", reason))
    }

    private func took(_ outcome: LedgerTelling.Outcome) {
        if case .held = outcome { return held() }
        heldSince = nil
        hasComplainedOfHolder = false
        if hasComplained { log.info("other nodes hear of this node's ledger again") }
        hasComplained = false
        if outcome == .whole { metrics.told() }
    }

    /// A holder that died a moment ago lets go by itself; one that goes on is another gateway.
    private func held() {
        metrics.failures.add(1)
        let now = gwl_monotonic_ns()
        let since = heldSince ?? now
        heldSince = since
        guard !hasComplainedOfHolder, now - since > 2 * UInt64(SharedLedgerScript.holdMilliseconds) * 1_000_000 else { return }
        hasComplainedOfHolder = true
        log.error(
            "another gateway is the same node, so what this one's clients use is not shown at other nodes. If this data folder is a copy, stop this gateway, remove ledger/node from it, and start again",
            .field("node", node.id))
    }
}
