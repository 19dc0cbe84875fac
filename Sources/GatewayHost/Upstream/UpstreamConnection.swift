// One connection to an upstream, and the exchange it carries.
//
//   ready ──start──► exchanging ──end──► idle ──checkedOut──► ready
//     │                  │                │
//     └──────────────────┴────────────────┴──close, fault──► closed
//
// A pooled exchange is one send and one recv: the descriptor stays registered for reading all its
// life, a read that is shorter than its buffer is not followed by another, and the buffer is taken
// from the loop's blocks while there are bytes in it.
//
// While paused nothing is read. The watch is only changed when bytes do arrive, since most pauses
// are over before.
//
// Kind: loop-confined. Invariants: 1. handler is set exactly while exchanging, or until a fault that
// start found is delivered. 2. after a call of the handler nothing is touched before `stage` is
// looked at again. 3. `input` does not move while the handler is being called.

final class UpstreamConnection: LoopHandler, TimerHandler, TurnHandler, TurnSender {
    private enum Stage { case ready, exchanging, idle, closed }

    let pool: UpstreamPool
    let target: UpstreamTarget
    private let stream: ByteStream
    private var registration = Registration.none
    private var timer: LoopTimer!
    private var stage = Stage.ready

    // The exchange under way.
    private var handler: (any UpstreamHandler)?
    private var request = OutgoingRequest()
    private var reader = ResponseReader()
    private var input: ByteBuffer
    private var deferredFault: UpstreamFault?
    private var (firstByteMilliseconds, idleMilliseconds) = (0, 0)
    private var isPaused = false
    private var isDelivering = false
    /// A pause came while events were being delivered.
    private var hasUndelivered = false
    /// The socket took less than it was offered; writability is waited for.
    private var isSendBlocked = false
    /// The upstream does not read any more; it may still have answered.
    private var isSendBroken = false
    private var isWatchingReads = true
    private var turnEndAsked = false
    /// The request goes out before the turn ends.
    private var isSendQueued = false

    /// It waited in the pool before this exchange, so it may be stale.
    private(set) var wasReused = false
    /// When the dial was done.
    let connectedAt: Instant
    private var arrival = ResponseArrival()
    /// Of this exchange, framing included.
    private(set) var receivedBytes = 0
    var sentBytes: Int { request.sentBytes }
    /// The text of the final head; valid during `upstreamHead`.
    private(set) var headBytes = Bytes.absent

    /// Status, fields and framing of the response, from `upstreamHead` until `upstreamEnded` returns.
    /// Ranges are offsets into `headBytes`.
    var response: ResponseParser {
        @inline(__always) _read { yield reader.parser }
    }

    /// Takes over a connected stream; under TLS its handshake is done.
    init(pool: UpstreamPool, target: UpstreamTarget, stream: ByteStream) throws(UpstreamFault) {
        (self.pool, self.target, self.stream) = (pool, target, stream)
        input = ByteBuffer(pool: pool.blocks)
        connectedAt = pool.loop.now
        timer = LoopTimer(self)
        try watch()
        pool.openCount += 1
        target.openCount += 1
    }

    // MARK: The pool

    func checkedIn(until deadline: Instant) {
        stage = .idle
        pool.loop.arm(timer, at: deadline)
    }

    @inline(__always)
    func checkedOut() {
        assert(stage == .idle)
        stage = .ready
        wasReused = true
    }

    // MARK: The exchange

    /// Sends a request and reads its response. The connection must be fresh from `checkout` or
    /// `upstreamReady`; `handler` is not called during this call.
    ///
    /// - Parameters:
    ///   - isHead: the method is HEAD, whose response has no body.
    ///   - head, body: stay valid until the exchange is over; `body` is already framed.
    ///   - firstByteMilliseconds, idleMilliseconds: 0 for the configured time.
    func start(
        isHead: Bool, head: Bytes, body: Bytes, firstByteMilliseconds: UInt32 = 0, idleMilliseconds: UInt32 = 0,
        handler: any UpstreamHandler
    ) {
        precondition(stage == .ready || stage == .closed, "an upstream connection carries one exchange at a time")
        self.handler = handler
        arrival = ResponseArrival()
        receivedBytes = 0
        request = OutgoingRequest(head: head, body: body)
        if stage == .closed {
            deferredFault = ExchangeFault.closedBeforeUse(target.origin.authority)
            askForTurnEnd()
            return
        }
        stage = .exchanging
        let (first, idle) = (firstByteMilliseconds, idleMilliseconds)
        self.firstByteMilliseconds = Int(first == 0 ? pool.settings.firstByteMilliseconds : first)
        self.idleMilliseconds = Int(idle == 0 ? pool.settings.idleMilliseconds : idle)
        reader.reset(method: isHead ? .head : .other)
        (isPaused, hasUndelivered, isSendBlocked, isSendBroken) = (false, false, false, false)
        arm(self.firstByteMilliseconds)
        isSendQueued = true
        pool.loop.sendAtEndOfTurn(self)
    }

    /// Stops reading; nothing is delivered until `resumeReading`.
    func pauseReading() { isPaused = true }

    /// Reads on; what is already here is delivered when this turn ends.
    func resumeReading() {
        let wasPaused = isPaused
        isPaused = false
        guard wasPaused, stage == .exchanging, !isDelivering else { return }
        armIdle()
        askForTurnEnd()
    }

    /// Ends the exchange without another word to the handler, and closes.
    func abort() {
        handler = nil
        deferredFault = nil
        close()
    }

    /// Closes without telling anybody.
    func close() {
        guard stage != .closed else { return }
        stage = .closed
        pool.loop.disarm(timer)
        pool.loop.remove(registration)
        registration = .none
        stream.close()
        pool.openCount -= 1
        target.openCount -= 1
        if !isDelivering { input.release() }
    }

    // MARK: Sending

    func sendGathered() {
        guard isSendQueued else { return }
        isSendQueued = false
        if stage == .exchanging { send() }
    }

    private func send() {
        switch request.send(on: stream) {
        case .complete:
            guard isSendBlocked else { return }
            isSendBlocked = false
            updateInterest()
            if arrival.firstAt == nil { arm(self.firstByteMilliseconds) }
        case .blocked:
            isSendBlocked = true
            updateInterest()
            armIdle()
        case .failed:
            // The upstream may have answered before it stopped reading: an early 413 (RFC 9112 section 9.5).
            abandonRequest()
            askForTurnEnd()
        }
    }

    private func abandonRequest() {
        (isSendBlocked, isSendBroken) = (false, true)
        updateInterest()
    }

    private func updateInterest() {
        var interest: Readiness = isWatchingReads ? stream.readInterest : []
        if isSendBlocked { interest.insert(stream.writeInterest) }
        pool.loop.modify(registration, interest)
    }

    // MARK: Events

    func ready(_ readiness: Readiness) {
        switch stage {
        case .exchanging:
            sendGathered()
            guard stage == .exchanging else { return }
            if isSendBlocked, stream.isTLS || readiness.contains(.write) { send() }
            if stream.isTLS || !readiness.isDisjoint(with: [.read, .hangup]) { receive(readiness) }
        case .idle, .ready: unaskedInput()
        case .closed: break
        }
    }

    func timerFired(_ timer: LoopTimer) {
        switch stage {
        case .idle:
            pool.idleEnded(self, stale: false)
            close()
        case .exchanging:
            // While we are not reading its silence means nothing.
            if isPaused { return armIdle() }
            fail(
                ExchangeFault.overdue(
                    target.origin.authority, isSent: request.isComplete || isSendBroken, isAnswered: arrival.firstAt != nil,
                    firstByteMilliseconds, idleMilliseconds))
        case .ready, .closed: break
        }
    }

    func turnEnded() {
        turnEndAsked = false
        if let fault = deferredFault {
            fail(fault)
        } else if stage == .exchanging {
            if !isWatchingReads { watchAgain() }
            if stage == .exchanging { receive([.read]) }
        }
    }

    /// Something came on a connection that nobody uses: its end, or bytes that belong to no request.
    private func unaskedInput() {
        if stream.isTLS {
            // A session ticket is neither.
            let room = input.room()
            let result = stream.read(into: room)
            input.releaseIfEmpty()
            if case .wouldBlock = result { return }
        }
        if stage == .idle { pool.idleEnded(self, stale: true) }
        close()
    }

    // MARK: Receiving

    private func receive(_ readiness: Readiness) {
        if isPaused { return stopWatching(readiness) }
        let before = receivedBytes
        // What a pause left comes first; it may be no more than the end.
        if hasUndelivered {
            hasUndelivered = false
            guard deliver() else { return }
        }
        var budget = pool.settings.turnBytes
        while !isPaused {
            let room = input.room()
            switch stream.read(into: room) {
            case .bytes(let count):
                input.wrote(count)
                receivedBytes += count
                if arrival.bytes(at: pool.loop.now) { stream.delayAcknowledgements() }
                guard deliver() else { return }
                budget -= count
                if count < room.count, !stream.hasBufferedInput { return endReceiving() }
                if budget <= 0 {
                    // epoll knows nothing of what TLS has buffered.
                    if stream.hasBufferedInput { askForTurnEnd() }
                    return endReceiving()
                }
            case .wouldBlock:
                if isSendBroken, receivedBytes == before {
                    return fail(ExchangeFault.requestRefused(target.origin.authority))
                }
                if stream.isTLS { updateInterest() }
                return endReceiving()
            case .end: return connectionEnded(nil)
            case .failed(let failure): return connectionEnded(failure)
            }
        }
        endReceiving()
    }

    private func endReceiving() {
        if arrival.firstAt != nil { armIdle() }
        input.releaseIfEmpty()
        handler?.upstreamFlush()
    }

    /// Hands over what is in `input`. False when the exchange is over.
    @inline(__always)
    private func deliver() -> Bool {
        let bytes = input.readable
        var offset = 0
        isDelivering = true
        while !isPaused {
            switch reader.next(bytes.buffer, from: &offset) {
            case .needMore:
                isDelivering = false
                input.consume(offset)
                return true
            case .head(let range):
                if !request.headIsSent { abandonRequest() }  // The handler may let go of its memory now.
                headBytes = bytes.slice(range.lowerBound, range.upperBound)
                handler?.upstreamHead(self)
                headBytes = .absent
            case .body(let range):
                handler?.upstreamBody(bytes.slice(range.lowerBound, range.upperBound))
            case .end:
                isDelivering = false
                finish(isClean: offset == bytes.count && !stream.hasBufferedInput)
                return false
            case .failed(let fault):
                isDelivering = false
                fail(ExchangeFault.malformed(target.origin.authority, fault))
                return false
            }
            if stage != .exchanging {
                isDelivering = false
                input.release()
                return false
            }
        }
        isDelivering = false
        hasUndelivered = true
        input.consume(offset)
        return true
    }

    /// The upstream ended the connection.
    private func connectionEnded(_ failure: IOFailure?) {
        if failure == nil, reader.connectionEnded() { return finish(isClean: false) }
        fail(ExchangeFault.ended(target.origin.authority, failure, after: receivedBytes))
    }

    // MARK: Ends

    private func finish(isClean: Bool) {
        let handler = handler
        self.handler = nil
        input.release()
        if isClean, reader.parser.keepAlive, request.isComplete {
            stage = .ready
            pool.checkin(self)
        } else {
            close()
        }
        handler?.upstreamEnded(self)
        handler?.upstreamFlush()
    }

    private func fail(_ fault: UpstreamFault) {
        let handler = handler
        (self.handler, deferredFault) = (nil, nil)
        close()
        handler?.upstreamFailed(fault.after(sent: sentBytes, isWhole: request.isComplete, received: receivedBytes, wasReused: wasReused))
    }

    // MARK: Waiting

    private func armIdle() { arm(idleMilliseconds) }
    private func arm(_ milliseconds: Int) { pool.loop.arm(timer, at: pool.loop.now.adding(milliseconds: milliseconds)) }

    private func askForTurnEnd() {
        guard !turnEndAsked else { return }
        turnEndAsked = true
        pool.loop.atEndOfTurn(self)
    }

    /// Bytes arrived while paused: level-triggered epoll must not report them again and again.
    private func stopWatching(_ readiness: Readiness) {
        isWatchingReads = false
        if readiness.contains(.hangup) {
            // Reported whatever the interest, so only leaving helps.
            pool.loop.remove(registration)
            registration = .none
        } else {
            updateInterest()
        }
    }

    private func watch() throws(UpstreamFault) {
        do throws(SystemError) {
            registration = try pool.loop.add(stream.descriptor, .read, self)
        } catch {
            throw ExchangeFault.unwatchable(target.origin.authority, error)
        }
    }

    private func watchAgain() {
        isWatchingReads = true
        if registration != .none { return updateInterest() }
        do throws(UpstreamFault) { try watch() } catch { fail(error) }
    }
}

@available(*, unavailable)
extension UpstreamConnection: Sendable {}
