// What all workers of the plugin share: how accounts stand, which conversations are bound to them, who
// waits, and what was decided lately.
//
// A Standing belongs to an account's id and lives as long as the pool, also when the account is deleted,
// because requests that run still hold its places; there is one for each id that there ever was.
//
// Kind: shared.

import PluginKit

final class AccountPool: Sendable {
    struct Limits: Sendable {
        /// The longest time that an account is left alone, in milliseconds.
        var coolingCap: UInt64 = 3_600_000
        /// Conversations that are remembered; 0: none are.
        var conversations = 65_536
        /// Requests that may wait for a place at a time.
        var waiting = 1_024
        /// Decisions that each worker keeps.
        var decisions = 1_024
    }

    let limits: Limits
    let sticky: StickyTable
    let peers = PeerPaces()
    let changes = Changes()
    let room: WaitingRoom
    /// The same two for what every request does, without references to count.
    let lent: (sticky: Unmanaged<StickyTable>, room: Unmanaged<WaitingRoom>)
    /// One for each worker.
    let decisions: [DecisionRing]

    private struct Standings {
        var byID: [String: Standing] = [:]
        var bySerial: [UInt32: Standing] = [:]
    }
    private let standings = Locked(Standings())

    init(_ limits: Limits = Limits(), workers: Int, key: (UInt64, UInt64)) {
        self.limits = limits
        sticky = StickyTable(capacity: max(1, limits.conversations), key: key)
        room = WaitingRoom(limit: limits.waiting)
        lent = (.passUnretained(sticky), .passUnretained(room))
        decisions = (0..<max(1, workers)).map { _ in DecisionRing(capacity: max(1, limits.decisions)) }
    }

    /// Of the account of that id.
    /// - Parameter concurrency: its places from now on; nil: as many as it has.
    func standing(_ id: String, concurrency: Int? = nil) -> Standing {
        standings.withLock { standings in
            let standing = standings.byID[id] ?? Standing(id, serial: UInt32(standings.byID.count + 1))
            if let concurrency { standing.limit = concurrency }
            standings.byID[id] = standing
            standings.bySerial[standing.serial] = standing
            return standing
        }
    }

    func standing(serial: UInt32) -> Standing? { standings.withLock { $0.bySerial[serial] } }
    func known(_ id: String) -> Standing? { standings.withLock { $0.byID[id] } }
    var all: [Standing] { standings.withLock { $0.byID.values.sorted { $0.serial < $1.serial } } }

    /// All that is remembered of a request, in order.
    func decisions(of request: UInt64) -> [Decision] {
        decisions.flatMap { $0.find(request) }
    }

    /// The operator knows better: the account is well.
    func reset(_ standing: Standing, now: UInt64) {
        for scope in LimitScope.allCases { standing.change(scope) { $0 = .healthy } }
        standing.forgetForecasts()
        changes.happened()
        room.offer(standing, now: now)
    }
}
