// The transfers of one loop: so many at a time, the rest in line.
//
// Kind: loop-confined. Invariant: runningCount <= limit, and transfers wait only when it is reached.

final class TransferQueue {
    let loop: EventLoop
    /// PEM file of authorities to trust; nil for the system's.
    let caFile: String?
    private let curl: CurlMulti
    private let limit: Int
    private var running = 0
    /// Of those that run, by origin and way.
    private var runningByPlace: [DialMemory.Place: Int] = [:]
    private var waiting: [Transfer] = []
    /// Plugins that fetch in a loop must hear about it before memory does.
    private static let waitingLimit = 1024

    private(set) var startedTotal: UInt64 = 0
    var runningCount: Int { running }

    init(curl: CurlMulti, limit: Int, caFile: String?) {
        loop = curl.loop
        self.curl = curl
        self.limit = limit
        self.caFile = caFile
    }

    /// Begins a transfer; `handler` hears from it in a later turn.
    /// - Throws: `badURL` for what cannot be asked for, `limit` when too many wait already.
    func start(_ request: TransferRequest, for handler: any TransferHandler) throws(UpstreamFault) -> Transfer {
        guard !curl.isClosed else { throw UpstreamFault(.cancelled, "no new requests are made") }
        guard waiting.count < TransferQueue.waitingLimit else {
            throw UpstreamFault(.limit, "\(TransferQueue.waitingLimit) requests of this loop wait already")
        }
        let transfer = try Transfer(request, queue: self, for: handler)
        startedTotal += 1
        transfer.arm()
        if running < limit, mayRun(transfer) { run(transfer) } else { waiting.append(transfer) }
        return transfer
    }

    /// One place that does not answer may have half of the slots, not all of them.
    private func mayRun(_ transfer: Transfer) -> Bool { (runningByPlace[transfer.place] ?? 0) < max(limit / 2, 1) }

    private func run(_ transfer: Transfer) {
        running += 1
        runningByPlace[transfer.place, default: 0] += 1
        curl.add(transfer)
    }

    /// A transfer is over, whether it ran or waited. Called by the transfer.
    func ended(_ transfer: Transfer) {
        if let index = waiting.firstIndex(where: { $0 === transfer }) {
            waiting.remove(at: index)
            return
        }
        running -= 1
        let left = (runningByPlace[transfer.place] ?? 1) - 1
        runningByPlace[transfer.place] = left > 0 ? left : nil
        curl.remove(transfer)
        guard running < limit, !curl.isClosed, let next = waiting.firstIndex(where: mayRun) else { return }
        run(waiting.remove(at: next))
    }

    /// Ends those that wait; those that run end with the multi handle.
    func close() {
        let left = waiting
        for transfer in left { transfer.cancelled() }
    }
}

@available(*, unavailable)
extension TransferQueue: Sendable {}
