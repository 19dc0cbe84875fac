// What the ledger is told of an exchange, and the wait for its row.
//
//   first attempt ─► open row       attempt over ─► attempt row
//   last bytes are here ─► seal ─► durable ─► they leave        (`sealed`: waitsForRow)
//   on_complete ─► seal, if there is none yet
//
// An exchange has a row when it was sent to an upstream, or was refused after a plugin had said who asks; whoever knocks
// without a key fills no disk. With `sealed` nothing leaves for the
// client from the moment on at which it could take the answer for whole; what is written waits in its connection.

import PluginABI

extension ExchangeRunner: LedgerWaiter {
    /// What the ledger must remember of an exchange until its seal.
    struct Recording {
        var hasOpenRow = false
        var isSealed = false
        /// The answer of an upstream went out to its end.
        var isWhole = false
        /// A plugin ended it before its end.
        var isStopped = false
        /// The attempt that is under way, or was the last, has no row yet.
        var hasAttempt = false
        /// Of the attempt's answer; 0: none.
        var attemptStatus = 0
        var upstreamID = Bytes.absent
        /// Of a sealed row; nil: something of it has no price.
        var cost: Int64?
        /// The session that was hashed last, and its hash: both rows of a request say it.
        var session = Bytes.absent
        var sessionHash: UInt64 = 0
    }

    // MARK: Before

    /// A request that could leave no row is not begun.
    func refuseWithoutRow() {
        respondLocally(
            .gateway(529, "the ledger of this gateway has no room for new requests; its disk is full. Try again shortly"), origin: 0)
    }

    /// An attempt is about to be sent.
    func recordAttempt() {
        guard passedChain, worker.pen != nil else { return }
        recording.hasAttempt = true
        recording.attemptStatus = 0
        recording.upstreamID = .absent
        if recording.hasOpenRow { return }
        recording.hasOpenRow = true
        var row = OpenRow(id: rowID, started: startedWall)
        row.flags = isStreamAsked ? .stream : []
        row.session = sessionHash()
        row.key = exchange.attributes.text(.principal)
        row.group = exchange.attributes.text(.tenant)
        row.account = exchange.attributes.text(.account)
        row.modelAsked = exchange.attributes.text(.model)
        withPen { $0.write(row) }
    }

    /// The attempt is over: another follows, or the exchange ends.
    func recordAttemptEnd() {
        guard recording.hasAttempt else { return }
        recording.hasAttempt = false
        var row = AttemptRow(id: rowID, started: wall(at: attemptStarted))
        row.number = UInt32(truncatingIfNeeded: budget.attempts)
        row.status = UInt16(truncatingIfNeeded: recording.attemptStatus)
        row.fault = fault.map { $0.kind.ledgerNumber } ?? 0
        row.connected = microseconds(from: attemptStarted, to: connectedAt)
        row.firstByte = microseconds(from: attemptStarted, to: firstByteAt)
        row.duration = microseconds(from: attemptStarted, to: loop.now)
        row.account = exchange.attributes.text(.account)
        row.upstreamID = recording.upstreamID
        withPen { $0.write(row) }
    }

    /// What the row will say, for plugins: the same reader, and until the row is sealed the same prices.
    func currentUsage() -> gw_usage? {
        guard passedChain else { return nil }
        let requests: Int64 = recording.hasOpenRow ? 1 : 0
        guard readsUsage, usage.hasUsage else { return gw_usage(Usage(), requests: requests, flags: 0, cost: 0) }
        let cost = recording.isSealed ? recording.cost : cost()
        let flags = GW_USAGE_REPORTED | (cost == nil ? GW_USAGE_UNPRICED : 0)
        return gw_usage(usage.usage, requests: requests, flags: flags, cost: cost ?? 0)
    }

    /// Nano-dollars so far; nil: something of it has no price.
    private func cost() -> Int64? {
        guard let pen = worker.pen else { return nil }
        if usage.model.isEmpty { return pen.prices.cost(exchange.attributes.text(.model), usage.usage) }
        return usage.model.withBytes { pen.prices.cost($0, usage.usage) }
    }

    // MARK: The seal

    /// Whether the answer waits for its row.
    var waitsForRow: Bool { settings.sealsRows && recording.hasOpenRow && !recording.isSealed && !exchange.isLocal }

    /// Nothing leaves from here on if what comes now could be the end of the answer as a client sees it: events after
    /// message_stop, the last bytes of a length, whatever comes when the upstream is done.
    func holdIfLast() {
        guard waitsForRow, !clientIsGone else { return }
        if client.isHeld {
            // So much does not come behind an end: it was none, and the client sets the pace again.
            if client.heldCount > RunnerSettings.heldEndBytes { client.letGo() }
        } else if upstreamIsDone || exchange.isEventStream && readsUsage && usage.hasMessageStop {
            client.hold()
        } else if case .length(let length) = framing, responseBytes >= UInt64(length) {
            client.hold()
        }
    }

    /// The whole answer is written. True: it waits for its row, and `rowIsDurable` goes on.
    func sealBeforeEnd() -> Bool {
        guard waitsForRow else { return false }
        if !clientIsGone { client.hold() }
        stage = .sealing
        seal(waiter: self)
        return true
    }

    func rowIsDurable(_ number: UInt64) {
        // An exchange that was given up meanwhile has another number, or none.
        guard number == exchange.id, stage == .sealing else { return }
        stage = .relaying
        if !clientIsGone { client.letGo() }
        endWritten()
    }

    /// The exchange is over, whatever ended it.
    func recordEnd() {
        recordAttemptEnd()
        guard passedChain, !recording.isSealed else { return }
        if recording.hasOpenRow || !exchange.attributes.text(.principal).isEmpty { seal(waiter: nil) }
    }

    private func seal(waiter: (any LedgerWaiter)?) {
        recordAttemptEnd()
        withPen { seal($0, waiter) }
    }

    private func seal(_ pen: LedgerPen, _ waiter: (any LedgerWaiter)?) {
        recording.isSealed = true
        if readsUsage { usage.finish() }
        var row = SealedRow(id: rowID, started: startedWall)
        row.end = end
        row.status = exchange.isCommitted ? UInt16(truncatingIfNeeded: exchange.status) : 0
        if isStreamAsked { row.flags.insert(.stream) }
        if clientIsGone { row.flags.insert(departure.isCut ? [.clientLeft, .cut] : .clientLeft) }
        row.session = sessionHash()
        row.snapshot = pen.prices.snapshot
        row.duration = microseconds(from: startedAt, to: loop.now)
        row.firstByte = microseconds(from: startedAt, to: firstByteToClientAt)
        row.attempts = UInt32(truncatingIfNeeded: recording.hasOpenRow ? budget.attempts : 0)
        row.key = exchange.attributes.text(.principal)
        row.group = exchange.attributes.text(.tenant)
        row.account = exchange.attributes.text(.account)
        row.modelAsked = exchange.attributes.text(.model)
        row.upstreamID = recording.upstreamID
        row.why = why(row.end)
        usage.model.withBytes { served in
            if readsUsage, usage.hasUsage {
                row.flags.insert(.hasUsage)
                row.usage = usage.usage
                row.modelServed = served
                recording.cost = pen.prices.cost(row.model, row.usage)
                row.cost = recording.cost ?? 0
                if recording.cost == nil {
                    row.flags.insert(.unpriced)
                    worker.metrics.unpriced.add(1)
                }
            }
            pen.write(row, number: exchange.id, waiter: waiter)
        }
    }

    /// Nothing without a ledger. The pen is the worker's, which outlives its exchanges, so no reference is counted.
    @inline(__always)
    private func withPen(_ body: (LedgerPen) -> Void) {
        guard worker.pen != nil else { return }
        Unmanaged.passUnretained(worker.pen.unsafelyUnwrapped)._withUnsafeGuaranteedRef(body)
    }

    private var end: SealedRow.End {
        if exchange.isLocal { return recording.hasOpenRow ? .failed : .refused }
        if exchange.status >= 400 { return .failed }
        if recording.isWhole, !clientIsGone { return .completed }
        return .interrupted
    }

    private func why(_ end: SealedRow.End) -> Bytes {
        if end == .refused { return exchange.attributes.text(.deniedBy) }
        let reason = recording.isStopped ? exchange.attributes.text(.endReason) : .absent
        return reason.isEmpty ? exchange.attributes.text(.accountReason) : reason
    }

    // MARK: Facts

    private var rowID: RowID { RowID(tag: worker.processTag, number: exchange.id) }

    private func sessionHash() -> UInt64 {
        let session = exchange.attributes.text(.session)
        // A text in the arena is never written over, so in one place it is the same.
        if session.base != recording.session.base || session.count != recording.session.count {
            recording.session = session
            recording.sessionHash = SessionHash.of(session)
        }
        return recording.sessionHash
    }

    private var isStreamAsked: Bool { exchange.attributes.get(HostAttribute.stream.rawValue)?.i == 1 }

    private var startedWall: Int64 { wall(at: startedAt) }

    private func wall(at instant: Instant) -> Int64 { Int64(loop.wallNanoseconds(at: instant)) }

    private func microseconds(from start: Instant, to end: Instant?) -> UInt64 {
        guard let end, end != .distantFuture else { return 0 }
        // Zero says that it did not happen.
        return max(end.nanoseconds(since: start) / 1000, 1)
    }
}

extension UpstreamFault.Kind {
    /// In attempt rows; never change a number.
    fileprivate var ledgerNumber: UInt8 {
        switch self {
        case .badURL: 1
        case .resolve: 2
        case .connect: 3
        case .proxy: 4
        case .tls: 5
        case .timeoutConnect: 6
        case .timeoutFirstByte: 7
        case .timeoutIdle: 8
        case .closed: 9
        case .malformed: 10
        case .limit: 11
        case .cancelled: 12
        }
    }
}
