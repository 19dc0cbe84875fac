// What one plugin watches of one collection, on one loop: batches arrive from the store's thread and are told in
// slices, so that a collection of any size never holds the loop up.
//
//   store's thread ──► arrived ──► [slice] [slice] … one or a few each turn ──► taken() ──► the next batch
//
// Kind: loop-confined.

import CLinux
import PluginABI

typealias RecordWatcher =
    @convention(c) (UnsafeMutablePointer<gw_request>, UnsafeMutableRawPointer?, UnsafePointer<gw_record>?, Int, Int32) -> Void

final class RecordDelivery: TurnHandler {
    /// Of one collection that are asked for at a time; and told in one turn.
    static let batchLimit = 256
    /// Records told in one call: few enough to look at the clock in between.
    private static let sliceLimit = 32
    /// In one turn, all calls together.
    private static let turnNanoseconds: UInt64 = 2_000_000

    struct Told: Sendable {
        var id: String
        var revision: Int64
        /// nil: it is gone.
        var json: [UInt8]?
    }

    let entry: Int
    let collection: String
    private unowned let chain: ChainWorker
    private let told: RecordWatcher
    private let user: UnsafeMutableRawPointer?
    private var subscription: (any RecordSubscription)?
    private var records: [Told] = []
    /// Of `records`, those that were told.
    private var position = 0
    private var batchCompletes = false
    private var isQueued = false
    private(set) var isOver = false
    /// Everything there was has been told.
    private(set) var isComplete = false
    private var failure: StorageFault?

    init(
        chain: ChainWorker, entry: Int, collection: String, told: @escaping RecordWatcher, user: UnsafeMutableRawPointer?
    ) {
        self.chain = chain
        self.entry = entry
        self.collection = collection
        self.told = told
        self.user = user
    }

    /// - Parameter service: nil: there is no store, and nothing in it.
    func begin(_ service: (any RecordService)?, _ access: RecordAccess) {
        guard let service else { return arrived([], completes: true) }
        let mailbox = chain.place.loop.mailbox
        // Used on the loop only; the chain ends every delivery before it goes.
        nonisolated(unsafe) let delivery = self
        subscription = service.subscribe(collection, batch: RecordDelivery.batchLimit) { subscription, result in
            switch result {
            case .success(let batch):
                let records = batch.records.compactMap { record -> Told? in
                    if record.isGone { return Told(id: record.id, revision: record.revision, json: nil) }
                    return access.open(record).map { Told(id: record.id, revision: record.revision, json: $0) }
                }
                mailbox.submit { _ in delivery.arrived(records, completes: batch.isComplete) }
            case .failure(let fault):
                mailbox.submit { _ in delivery.failed(fault) }
            }
        }
    }

    /// Nothing is told from here on.
    func end() {
        isOver = true
        subscription?.cancel()
        subscription = nil
        records = []
    }

    private func arrived(_ records: [Told], completes: Bool) {
        guard !isOver else { return }
        self.records = records
        position = 0
        batchCompletes = completes
        queue()
    }

    private func failed(_ fault: StorageFault) {
        guard !isOver, !isComplete else { return }
        end()
        chain.watchFailed(entry, collection, fault)
    }

    private func queue() {
        guard !isQueued else { return }
        isQueued = true
        chain.place.loop.atEndOfTurn(self)
    }

    func turnEnded() {
        isQueued = false
        guard !isOver else { return }
        let start = gwl_monotonic_ns()
        repeat {
            tellSlice()
        } while !isOver && position < records.count && gwl_monotonic_ns() - start < RecordDelivery.turnNanoseconds
        guard !isOver else { return }
        if position < records.count { return queue() }
        records = []
        position = 0
        let wasComplete = isComplete
        isComplete = isComplete || batchCompletes
        subscription?.taken()
        if isComplete, !wasComplete { chain.watchCompleted() }
    }

    private func tellSlice() {
        let end = min(position + RecordDelivery.sliceLimit, records.count)
        let slice = records[position..<end]
        position = end
        let isLast: Int32 = end == records.count && (batchCompletes || isComplete) ? 1 : 0
        withRecords(slice) { chain.tell(entry, told, user, $0, slice.count, isLast) }
    }

    /// All of a slice in one piece of memory: the structs, then their texts.
    private func withRecords(_ slice: ArraySlice<Told>, _ body: (UnsafePointer<gw_record>?) -> Void) {
        if slice.isEmpty { return body(nil) }
        let texts = slice.reduce(0) { $0 + $1.id.utf8.count + ($1.json?.count ?? 0) }
        let stride = MemoryLayout<gw_record>.stride
        withUnsafeTemporaryAllocation(byteCount: slice.count * stride + texts + 1, alignment: 16) { memory in
            var end = slice.count * stride
            func keep(_ bytes: some Collection<UInt8>) -> gw_str {
                let place = UnsafeMutableRawBufferPointer(rebasing: memory[end..<(end + bytes.count)])
                place.copyBytes(from: bytes)
                end += bytes.count
                return (bytes.isEmpty ? Bytes("") : Bytes(UnsafeRawBufferPointer(place))).abi
            }
            let base = memory.baseAddress.unsafelyUnwrapped.bindMemory(to: gw_record.self, capacity: slice.count)
            for (index, record) in slice.enumerated() {
                let json = record.json.map { keep($0) } ?? Bytes.absent.abi
                (base + index).initialize(
                    to: gw_record(
                        size: UInt32(stride), flags: record.json == nil ? GW_RECORD_GONE : 0, id: keep(record.id.utf8),
                        json: json, revision: record.revision))
            }
            body(base)
        }
    }
}
