// The pending operations of one loop, from the call that starts one to the callback that ends it.
//
// Results never arrive inside the call that started the operation: what is known at once waits in
// the ready queue, which the runner drains after a hook that suspended and the loop at the end of
// its turn. Each operation ends exactly once, at the latest when its exchange does, and then while
// its request is still valid. One result may wait beside the queue, see OperationTable+Known.
//
//   start ─► pending ─ finish, signal, timer, cancel ─► ready ─ drainReady ─► callback ─► free
//               └───────────── cancelAll (GW_E_CANCELLED) ──────────────────► callback ─► free
//
// Invariants
//  1. A pending or ready record is in its scope's list; its number is open on the board.
//  2. A slot is in the ready queue at most once, and not free while it is there.
//  3. While a callback runs its operation is already over: its number is stale.
//
// Kind: loop-confined. Other threads reach it through its board.

import CLinux
import PluginABI

final class OperationTable {
    /// Operations one plugin may have pending in one exchange: a fan-out of keys and fetches, with
    /// room. More is a loop that does not end.
    static let exchangeLimit: Int32 = 128
    /// The same for a plugin's background work, such as one `expect` per waiting request.
    static let backgroundLimit: Int32 = 65_536

    let loop: EventLoop
    let board: OperationBoard
    private var records: UnsafeMutablePointer<OperationRecord>
    private var capacity = 0
    private var used = 0
    private var firstFree: Int32 = -1
    private(set) var firstReady: Int32 = -1
    private var lastReady: Int32 = -1
    private var isDraining = false
    private var waitsForEndOfTurn = false
    /// Operations are being ended; a callback may not start another one, or it would never end.
    private(set) var isCancelling = false
    /// Operations that have not ended.
    var pendingCount = 0
    /// What was known when it was asked for, before anything else got ready.
    var known = KnownResult()

    /// Whose hook or callback runs now, and in which suspension what it starts belongs.
    var callScope: UnsafeMutablePointer<RequestScope>?
    var callSuspension: UInt32 = 0
    /// What ended the operation whose callback runs now.
    private(set) var resultWork: (any OperationWork)?

    init(loop: EventLoop) {
        self.loop = loop
        board = OperationBoard.take(for: loop.mailbox)
        records = .allocate(capacity: 0)
    }

    deinit {
        records.deinitialize(count: capacity)
        records.deallocate()
        board.giveBack()
    }

    // MARK: Starting

    /// Starts an operation of the plugin behind `scope`; nil if it may not start one now.
    /// - Parameter expected: it ends by signal() from any thread.
    @inline(__always)
    func start(
        _ scope: UnsafeMutablePointer<RequestScope>, _ done: @escaping OperationDone,
        _ user: UnsafeMutableRawPointer?, expected: Bool = false
    ) -> (number: gw_op, slot: Int32)? {
        let exchange = scope.pointee.exchange._withUnsafeGuaranteedRef { ($0.phase, $0.isBackground) }
        let limit = exchange.1 ? OperationTable.backgroundLimit : OperationTable.exchangeLimit
        guard exchange.0 != .complete, !isCancelling, scope.pointee.operationCount < limit, let slot = takeSlot() else {
            return nil
        }
        let record = records + Int(slot)
        // Only what the running call starts for its own request can decide that call's suspension.
        let suspension = callScope == scope ? callSuspension : 0
        record.pointee.state = .pending
        record.pointee.scope = scope
        record.pointee.done = done
        record.pointee.user = user
        record.pointee.suspension = suspension
        record.pointee.previous = -1
        record.pointee.next = scope.pointee.lastOperation
        if record.pointee.next >= 0 { records[Int(record.pointee.next)].previous = slot }
        scope.pointee.lastOperation = slot
        scope.pointee.operationCount += 1
        if suspension == scope.pointee.suspension { scope.pointee.pendingOperations += 1 }
        pendingCount += 1
        return (board.open(Int(slot), expected: expected), slot)
    }

    /// Ends `slot` after so many milliseconds, with GW_OK.
    func endAfter(_ slot: Int32, milliseconds: UInt32) {
        if milliseconds == 0 { return makeReady(slot, GW_OK) }
        arm(slot, at: loop.now.adding(milliseconds: Int(milliseconds)))
    }

    /// Attaches what goes on behind an operation, to be cancelled with it.
    func attach(_ work: any OperationWork, to slot: Int32) { records[Int(slot)].work = work }

    /// The worker is not stopped before this has ended, if it belongs to no exchange.
    func awaitBeforeStop(_ slot: Int32) {
        let record = records + Int(slot)
        guard let scope = record.pointee.scope, scope.pointee.exchange._withUnsafeGuaranteedRef({ $0.isBackground }) else { return }
        record.pointee.isAwaited = true
        WorkerScope.at(scope.pointee.abi.worker).pointee.chain._withUnsafeGuaranteedRef { $0.backgroundWorkBegins() }
    }

    // MARK: Ending

    /// The result of a started operation; delivered later, from the loop. `bytes` are copied.
    func finish(_ slot: Int32, _ error: gw_error, number: Int64 = 0, bytes: Bytes = .absent) {
        let record = records + Int(slot)
        guard record.pointee.state == .pending, let scope = record.pointee.scope else { return }
        record.pointee.number = number
        keep(bytes, for: scope, in: record)
        makeReady(slot, error)
    }

    /// The same by number, for work that may outlast its operation. False if that is over.
    @discardableResult
    func finish(operation: gw_op, _ error: gw_error, number: Int64 = 0, bytes: Bytes = .absent) -> Bool {
        guard let slot = board.slot(of: operation), records[slot].state == .pending else { return false }
        finish(Int32(slot), error, number: number, bytes: bytes)
        return true
    }

    /// Somebody still waits for its result, so its scope is good.
    func isPending(_ operation: gw_op) -> Bool {
        guard let slot = board.slot(of: operation) else { return false }
        return records[slot].state == .pending
    }

    /// gw_host.cancel: the callback gets GW_E_CANCELLED, later; a result that is here already stays.
    func cancel(_ operation: gw_op, of scope: UnsafeMutablePointer<RequestScope>) {
        guard let slot = board.slot(of: operation), records[slot].scope == scope,
            records[slot].state == .pending
        else { return }
        abandon(Int32(slot))
        makeReady(Int32(slot), GW_E_CANCELLED)
    }

    func timerFired(slot: Int32) {
        let record = records + Int(slot)
        if record.pointee.state == .pending { makeReady(slot, GW_OK) }
    }

    @inline(__always)
    private func keep(
        _ bytes: Bytes, for scope: UnsafeMutablePointer<RequestScope>, in record: UnsafeMutablePointer<OperationRecord>
    ) {
        guard let base = bytes.base else { return }
        let exchange = scope.pointee.exchange
        if exchange._withUnsafeGuaranteedRef({ $0.isBackground }) {
            // The arena of a background lives as long as its worker; this is needed for one call.
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
            copy.initialize(from: base, count: bytes.count)
            record.pointee.bytes = Bytes(base: copy, count: bytes.count)
            record.pointee.ownsBytes = true
        } else {
            record.pointee.bytes = exchange._withUnsafeGuaranteedRef { $0.arena.copy(bytes) }
        }
    }

    @inline(__always)
    private func makeReady(_ slot: Int32, _ error: gw_error) {
        let record = records + Int(slot)
        record.pointee.state = .ready
        record.pointee.error = error
        record.pointee.nextReady = -1
        if lastReady >= 0 { records[Int(lastReady)].nextReady = slot } else { firstReady = slot }
        lastReady = slot
        drainAtEndOfTurn()
    }

    func drainAtEndOfTurn() {
        if waitsForEndOfTurn { return }
        waitsForEndOfTurn = true
        loop.atEndOfTurn(self)
    }

    /// Stops what goes on behind a pending operation.
    private func abandon(_ slot: Int32) {
        let record = records + Int(slot)
        if let timer = record.pointee.timer { loop.disarm(timer.timer) }
        if let work = record.pointee.work {
            work.cancel()
            record.pointee.work = nil
        }
    }

    // MARK: Delivering

    /// Runs the callbacks of everything that is ready, also of what becomes ready meanwhile.
    ///
    /// Never call it while a hook runs. A call from within a callback's consequences returns at
    /// once; the outer one goes on.
    func drainReady() {
        if isDraining { return }
        isDraining = true
        while true {
            if deliverKnown() { continue }
            guard firstReady >= 0 else { break }
            let slot = firstReady
            firstReady = records[Int(slot)].nextReady
            if firstReady < 0 { lastReady = -1 }
            if records[Int(slot)].state == .spent { giveSlot(slot) } else { deliver(slot, giving: true) }
        }
        isDraining = false
    }

    /// The same for one exchange only, in order; what is ready for others waits for the end of the
    /// turn. The runner calls it when a hook of the exchange suspended.
    func drainReady(of exchange: Exchange) {
        let first = exchange.scopes
        let end = first + exchange.scopeCount
        while let scope = known.scope, scope >= first, scope < end { deliverKnown() }
        var slot = firstReady
        while slot >= 0 {
            if records[Int(slot)].state == .ready, let scope = records[Int(slot)].scope, scope >= first, scope < end {
                deliver(slot, giving: false)
            }
            slot = records[Int(slot)].nextReady
        }
        while firstReady >= 0, records[Int(firstReady)].state == .spent {
            let slot = firstReady
            firstReady = records[Int(slot)].nextReady
            giveSlot(slot)
        }
        if firstReady < 0 { lastReady = -1 }
    }

    /// Calls `done` of a ready record and lets its verdict decide a suspension it belongs to.
    private func deliver(_ slot: Int32, giving: Bool) {
        // The slot may be taken anew, and the records may move, in `done`: all that is needed is read before.
        let record = records + Int(slot)
        guard let scope = record.pointee.scope, let done = record.pointee.done else { return }
        let suspension = record.pointee.suspension
        let user = record.pointee.user
        let owned = record.pointee.ownsBytes ? record.pointee.bytes.base : nil
        let isAwaited = record.pointee.isAwaited
        record.pointee.isAwaited = false
        var result = gw_result(
            size: UInt32(MemoryLayout<gw_result>.size), error: record.pointee.error, number: record.pointee.number,
            bytes: record.pointee.bytes.abi)
        unlink(slot, scope)
        board.close(Int(slot))
        if record.pointee.work != nil {
            resultWork = record.pointee.work
            record.pointee.work = nil
        }
        if giving { giveSlot(slot) } else { record.pointee.state = .spent }

        let chain = WorkerScope.at(scope.pointee.abi.worker).pointee.chain
        let verdict = call(done, user, &result, scope, suspension)
        if resultWork != nil { resultWork = nil }
        owned?.deallocate()
        // It may have been the last thing that a replaced chain waited for: scope and chain may be gone afterwards.
        if isAwaited { return chain.takeUnretainedValue().backgroundWorkEnds() }
        if let decided = decision(verdict, scope, suspension) { resume(scope, decided) }
    }

    // MARK: The end of an exchange

    /// Ends every operation of an exchange now: callbacks run with GW_E_CANCELLED, or with the result
    /// that was waiting, while the request is still valid. Nothing can be started meanwhile or after.
    ///
    /// The runner calls it before on_complete, never from within a hook.
    func cancelAll(of exchange: Exchange) {
        exchange.phase = .complete
        for entry in 0..<exchange.scopeCount {
            let scope = exchange.scopes + entry
            scope.pointee.suspended = false
            if scope.pointee.operationCount > 0 { cancelAll(of: exchange, entry: entry) }
        }
    }

    /// The same for one plugin in an exchange that goes on: its suspension took too long.
    func cancelAll(of exchange: Exchange, entry: Int) {
        let scope = exchange.scopes + entry
        scope.pointee.suspended = false
        isCancelling = true
        if known.scope == scope { deliverKnown() }
        while scope.pointee.lastOperation >= 0 {
            let slot = scope.pointee.lastOperation
            if records[Int(slot)].state == .pending {
                abandon(slot)
                records[Int(slot)].error = GW_E_CANCELLED
                deliver(slot, giving: true)
            } else {
                // Its slot is still linked in the ready queue and is given back there.
                deliver(slot, giving: false)
            }
        }
        isCancelling = false
    }

    // MARK: Slots

    @inline(__always)
    private func unlink(_ slot: Int32, _ scope: UnsafeMutablePointer<RequestScope>) {
        let record = records + Int(slot)
        let next = record.pointee.next
        let previous = record.pointee.previous
        if previous >= 0 { records[Int(previous)].next = next } else { scope.pointee.lastOperation = next }
        if next >= 0 { records[Int(next)].previous = previous }
        scope.pointee.operationCount -= 1
        if record.pointee.suspension == scope.pointee.suspension { scope.pointee.pendingOperations -= 1 }
        pendingCount -= 1
    }

    @inline(__always)
    private func takeSlot() -> Int32? {
        if firstFree >= 0 {
            let slot = firstFree
            firstFree = records[Int(slot)].next
            return slot
        }
        return takeNewSlot()
    }

    private func takeNewSlot() -> Int32? {
        guard used < OperationBoard.slotLimit else { return nil }
        if used == capacity {
            let larger = UnsafeMutablePointer<OperationRecord>.allocate(
                capacity: capacity + OperationBoard.slotsPerPage)
            larger.moveInitialize(from: records, count: capacity)
            (larger + capacity).initialize(repeating: OperationRecord(), count: OperationBoard.slotsPerPage)
            records.deallocate()
            records = larger
            board.addPage(capacity / OperationBoard.slotsPerPage)
            capacity += OperationBoard.slotsPerPage
        }
        used += 1
        return Int32(used - 1)
    }

    @inline(__always)
    private func giveSlot(_ slot: Int32) {
        let record = records + Int(slot)
        record.pointee.state = .free
        record.pointee.scope = nil
        record.pointee.done = nil
        record.pointee.number = 0
        record.pointee.bytes = .absent
        record.pointee.ownsBytes = false
        record.pointee.next = firstFree
        firstFree = slot
    }

    private func arm(_ slot: Int32, at deadline: Instant) {
        let record = records + Int(slot)
        if record.pointee.timer == nil { record.pointee.timer = OperationTimer(table: self, slot: slot) }
        loop.arm(record.pointee.timer.unsafelyUnwrapped.timer, at: deadline)
    }
}

extension OperationTable: TurnHandler {
    func turnEnded() {
        waitsForEndOfTurn = false
        drainReady()
    }
}

extension OperationTable: NumberHandler {
    /// A signal arrived from another thread; the operation may be over by now.
    func numberArrived(_ number: UInt64) { finish(operation: number, GW_OK) }
}
