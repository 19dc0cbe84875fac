// The ledger of a serving gateway: journal, roll-ups and prices, opened in order and ended in order.
//
//   data/ledger/rows/         the rows: segments and their indexes
//   data/ledger/rollups.db    sums by hour and day
//   data/ledger/node          which node this is among several
//   data/ledger/prices/       each price table that rows were priced by, named for its snapshot
//
// Kind: shared. Opened, changed and ended by the control thread; loops have a pen each.

import CLinux

struct LedgerFault: Error, CustomStringConvertible {
    let description: String
    /// Whoever asked asked for what there is not; nothing is wrong with the ledger.
    var isOfQuestion = false
}

final class Ledger: Sendable {
    let journal: Journal
    /// Of its hours and days.
    let zone: CalendarZone
    /// What was used so far, for budgets.
    let balances: LedgerBalances
    /// Which node this is among those that share a Redis.
    let node: NodeIdentity
    private let fold: LedgerFold
    /// Those that hear of it; nil: there can be none.
    private let others: OtherNodes?
    private let shipper = Locked<LedgerShipper?>(nil)
    private let folders: LedgerFolders
    private let table: Locked<PriceTable>

    /// Opens the ledger in the data folder, makes it if it is missing, and seals what a dead process left open.
    /// - Parameter target: the Redis by which other nodes hear of it, once `share` says so; nil: there are none.
    /// - Throws: a sentence that says what is wrong and how to mend it.
    init(_ config: LedgerConfig, data: String, sharedBy target: RedisTarget? = nil) throws(LedgerFault) {
        folders = LedgerFolders(data: data)
        do {
            try LedgerFolders.make(folders)
            let node = try NodeIdentity.findOrMake(folders, name: config.node)
            let others = target.map { [folders] in OtherNodes(folders, own: node.id, $0) }
            self.node = node
            self.others = others
            zone = try CalendarZone.named(config.zone)
            table = Locked(try Ledger.prices(data, folders))
            let store = try JournalStore(folders.journal, settings: JournalStore.Settings(), now: Int64(gwl_wall_ns()))
            Ledger.report(store.found)
            let rollups = try RollupStore(folders.ledger)
            if let kept = try rollups.zone(), kept != zone.name {
                log.info("the ledger's sums are made anew in another time zone", .field("from", kept), .field("to", zone.name))
                try rollups.beginAgain(zone: zone.name)
            } else {
                try rollups.setZone(zone.name)
            }
            if target != nil { try rollups.prepareChanges() }
            let fresh = FreshSums(zone, from: store.position)
            journal = Journal(at: store.position, waits: config.durability == .sealed, fresh)
            fold = LedgerFold(folders.journal, fresh, LedgerFold.Settings(keep: config.keep, zone: zone))
            balances = LedgerBalances(folders, journal, zone: zone, others: others)
            journal.start(store)
            fold.start(rollups)
        } catch {
            throw LedgerFault(description: "the ledger in \(folders.ledger) cannot be used: \(error)")
        }
    }

    private static func report(_ found: JournalRecovery.Found) {
        if found.tornBytes > 0 {
            log.warning(
                "the ledger's last row was not whole and is cut off; nobody was told that it was written",
                .field("bytes", found.tornBytes))
        }
        if found.damagedBytes > 0 {
            log.error("the ledger is damaged between rows; what can be read is used. Look at the disk", .field("bytes", found.damagedBytes))
        }
        if found.interruptedCount > 0 {
            log.warning("requests were under way when the gateway ended", .field("interrupted", found.interruptedCount))
        }
    }

    /// The prices in force, their text kept where rows can be explained by it.
    private static func prices(_ data: String, _ folders: LedgerFolders) throws -> PriceTable {
        let table = try PriceFile.inForce(in: data)
        let path = "\(folders.prices)/\(table.snapshotText).json"
        if access(path, F_OK) != 0, let failure = FileBytes.replace(path, with: table.text, mode: 0o600) {
            throw LedgerFault(description: failure.sentence)
        }
        return table
    }

    /// For requests that end from now on.
    var prices: PriceTable { table.withLock { $0 } }

    /// Applies what a reload can change: durability, how long rows are kept, the prices of the data folder.
    /// - Throws: when the prices cannot be read; then nothing has changed.
    func apply(_ config: LedgerConfig, data: String) throws(LedgerFault) {
        do {
            let new = try Ledger.prices(data, folders)
            table.withLock { $0 = new }
        } catch {
            throw LedgerFault(description: "\(error)")
        }
        journal.setWaits(config.durability == .sealed)
        fold.setKeep(config.keep)
    }

    /// Begins to tell other nodes, if there are any. Once.
    func share(_ metrics: ShipMetrics) {
        guard let others else { return }
        let shipper = LedgerShipper(folders, node, others, metrics)
        self.shipper.withLock { $0 = shipper }
        shipper.start()
    }

    /// Writes, folds and tells everything, then ends the threads. Once, after the last loop has ended.
    func stop() {
        balances.stop()
        journal.stop()
        fold.stop()
        shipper.withLock { $0 }?.stop()
    }
}
