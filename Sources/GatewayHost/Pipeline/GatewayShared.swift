// What all loops of the process share: a few atomic figures and the state that health reports.
//
// Kind: shared; atomics only, so the request path takes no lock.

import Synchronization

final class GatewayShared: Sendable {
    /// SIGTERM arrived: finish what runs, take nothing new.
    let isDraining = Atomic<Bool>(false)
    /// The chain is built and every loop listens.
    let isReady = Atomic<Bool>(false)
    /// Bytes of request bodies held in memory beyond one block, of all connections.
    let bufferedBytes = Atomic<Int>(0)
    /// Open client connections.
    let connections = Atomic<Int>(0)
    /// Exchanges under way.
    let exchanges = Atomic<Int>(0)
    /// Upstreams that are read although their client is gone.
    let drains = Atomic<Int>(0)
    /// Of the chain that new exchanges get.
    let generation = Atomic<UInt64>(0)
    /// Proxies that may be dialled again, whatever a loop remembers of them.
    let reopenedWays = ReopenedWays()

    let bufferedLimit: Int
    let connectionLimit: Int
    /// Names this process in request ids: eight hexadecimal digits.
    let processTag: String
    /// nil: this process keeps none; it only answers for the administration.
    let ledger: Ledger?

    init(bufferedLimit: Int, connectionLimit: Int, processTag: String, ledger: Ledger?) {
        self.bufferedLimit = bufferedLimit
        self.connectionLimit = connectionLimit
        self.processTag = processTag
        self.ledger = ledger
    }
}
