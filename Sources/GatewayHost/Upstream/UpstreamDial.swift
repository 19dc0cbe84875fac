// One connection on its way: waiting for its turn, connecting, or in its TLS handshake.
//
//   waiting ──begin──► connecting ──dialerConnected──► handshaking ──ready──► over
//      │                   │                     └───────(plain)──────────────► over
//      └───────────────────┴──── timerFired, dialerFailed, continueHandshake ─► over
//
// cancel lets the handler go: a dial that waits ends, one under way goes on and its connection joins
// the pool, as the next exchange will probably want it.
//
// Kind: loop-confined. Invariant: the handler is told once, or never after cancel.

final class UpstreamDial: DialerClient, LoopHandler, TimerHandler, TurnHandler {
    private enum Stage { case waiting, connecting, handshaking, refused(UpstreamFault), over }

    let pool: UpstreamPool
    let target: UpstreamTarget
    private let connectMilliseconds: UInt32
    private let tlsMilliseconds: UInt32
    private var handler: (any UpstreamHandler)?
    private var stage = Stage.waiting
    private var timer: LoopTimer!
    private var connect: DialerConnect?
    private var stream: ByteStream?
    private var registration = Registration.none

    static let shutDown = UpstreamFault(.cancelled, "no new connections are made")

    init(
        pool: UpstreamPool, target: UpstreamTarget, connectMilliseconds: UInt32, tlsMilliseconds: UInt32,
        handler: any UpstreamHandler
    ) {
        self.pool = pool
        self.target = target
        self.connectMilliseconds = connectMilliseconds
        self.tlsMilliseconds = tlsMilliseconds
        self.handler = handler
        timer = LoopTimer(self)
        pool.loop.arm(timer, at: pool.loop.now.adding(milliseconds: Int(connectMilliseconds)))
    }

    var isWaiting: Bool {
        if case .waiting = stage { return true }
        return false
    }

    /// The handler will not be called any more.
    func cancel() {
        handler = nil
        switch stage {
        case .waiting, .refused: end()
        case .connecting, .handshaking, .over: break
        }
    }

    // MARK: For the pool

    func begin() {
        if pool.curl.isClosed { return fail(UpstreamDial.shutDown) }
        target.dialCount += 1
        pool.dialsTotal += 1
        stage = .connecting
        connect = pool.dialer.connect(
            to: target.origin.authority, through: target.proxy, milliseconds: connectMilliseconds, for: self)
    }

    /// The handler hears `fault` when this turn ends.
    func refuse(_ fault: UpstreamFault) {
        stage = .refused(fault)
        pool.loop.atEndOfTurn(self)
    }

    func turnEnded() {
        guard case .refused(let fault) = stage else { return }
        fail(fault)
    }

    /// Ends with a connection that another exchange gave back.
    func deliver(_ connection: UpstreamConnection) {
        let handler = handler
        end()
        if let handler { handler.upstreamReady(connection) } else { pool.checkin(connection) }
    }

    // MARK: Events

    func dialerConnected(_ descriptor: consuming Descriptor) {
        connect = nil
        guard target.isTLS else {
            succeed(ByteStream(descriptor))
            return
        }
        let stream: ByteStream
        do throws(TLSError) {
            stream = try ByteStream(
                descriptor, client: try pool.tls.context(), host: target.origin.authority.host, sessions: target.sessions)
        } catch {
            fail(UpstreamFault(.tls, error.description))
            return
        }
        do throws(SystemError) {
            registration = try pool.loop.add(stream.descriptor, .read, self)
        } catch {
            fail(ExchangeFault.unwatchable(target.origin.authority, error))
            return
        }
        self.stream = stream
        stage = .handshaking
        pool.loop.arm(timer, at: pool.loop.now.adding(milliseconds: Int(tlsMilliseconds)))
        continueHandshake()
    }

    func dialerFailed(_ fault: UpstreamFault) {
        connect = nil
        fail(fault)
    }

    func ready(_ readiness: Readiness) { continueHandshake() }

    private func continueHandshake() {
        guard case .handshaking = stage, let stream else { return }
        switch stream.handshake() {
        case .wouldBlock: pool.loop.modify(registration, stream.interest)
        case .done:
            pool.tlsHandshakesTotal += 1
            if stream.isResumed { pool.tlsResumedTotal += 1 }
            pool.loop.remove(registration)
            self.stream = nil
            succeed(stream)
        case .failed(let error):
            fail(DialFault.handshake(error, through: target.proxy))
        }
    }

    func timerFired(_ timer: LoopTimer) {
        switch stage {
        case .waiting:
            fail(
                UpstreamFault(
                    .timeoutConnect,
                    "no connection to \(target.origin.authority) within \(connectMilliseconds) ms: \(pool.settings.dials) others are being made"
                ))
        case .connecting:
            connect?.cancel()
            connect = nil
            fail(
                DialFault.timeout(to: target.origin.authority, through: target.proxy, milliseconds: connectMilliseconds)
            )
        case .handshaking:
            fail(
                DialFault.handshakeTimeout(
                    with: target.origin.authority, through: target.proxy, milliseconds: tlsMilliseconds))
        case .refused, .over: break
        }
    }

    // MARK: Ends

    private func succeed(_ stream: ByteStream) {
        let connection: UpstreamConnection
        do throws(UpstreamFault) {
            connection = try UpstreamConnection(pool: pool, target: target, stream: stream)
        } catch {
            fail(error)
            return
        }
        pool.dialSucceeded(target.place)
        pool.dialsConnectedTotal += 1
        let handler = handler
        end()
        if let handler {
            handler.upstreamReady(connection)
        } else {
            pool.checkin(connection)
        }
        pool.dialEnded(target)
    }

    private func fail(_ fault: UpstreamFault) {
        let handler = handler
        let wasUnderWay: Bool
        switch stage {
        case .connecting, .handshaking: wasUnderWay = true
        case .waiting, .refused, .over: wasUnderWay = false
        }
        var fault = fault
        if wasUnderWay {
            pool.dialFailed(target.place, fault)
            pool.dialFailuresTotal += 1
        } else {
            fault.nothingWasDialled = true
            pool.dialsRefusedTotal += 1
        }
        end()
        handler?.upstreamFailed(fault)
        if wasUnderWay { pool.dialEnded(target) }
    }

    private func end() {
        stage = .over
        handler = nil
        pool.loop.disarm(timer)
        if let stream {
            pool.loop.remove(registration)
            stream.close()
            self.stream = nil
        }
    }
}

@available(*, unavailable)
extension UpstreamDial: Sendable {}
