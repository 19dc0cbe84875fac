// One client's connection: reads requests, one at a time, and writes what the exchange answers.
//
//            head arrives                    body asked for          body complete
//   idle ───────────────────► exchanging ───────────────► receiving ───────────────► exchanging
//    ▲                            │                            │                         │
//    │   responseEnded, keep      ├────── responseEnded ───────┴─────────────────────────┘
//    ├────────────────────────────┤ close
//    │                            ▼
//    └── (new connection)     lingering ──► closed
//
// Reading stops while an exchange runs; pipelined requests wait in the kernel. Interest in the
// socket is changed only when the lazy assumption fails, so a plain keep-alive exchange costs one
// read, one write and no epoll_ctl.
//
// Invariants: 1. `input` is not touched while an exchange runs, because its body may lie in it.
// 2. After `close` nothing is called. 3. The handler gets `clientLeft` at most once.
// Kind: loop-confined.

import CLinux

final class ClientConnection: LoopHandler, TimerHandler, TurnSender {
    enum State {
        case handshaking, idle, exchanging, receiving, lingering, closed
    }

    let address: SocketAddress
    let loop: EventLoop
    let stream: ByteStream
    let settings: ClientSettings
    let service: any ClientService
    var registration = Registration.none
    var timer: LoopTimer!

    var state: State
    var input: ByteBuffer
    var output: ByteBuffer
    var parser: RequestParser
    var receiver: BodyReceiver
    var handler: (any ClientHandler)?

    /// Where the head in `input` ends; the head is taken off the input when its exchange starts.
    var headBytes = 0
    var inputEnded = false
    var bodyIsDue = false
    var processing = false
    /// When the first byte of the head arrived that is not complete yet.
    var headStarted = Instant.distantFuture
    var wantsDrained = false
    /// How much of the front of `output` may leave; see `hold`.
    var sendable = Int.max
    /// The socket took no more; `writable` clears it.
    var writeBlocked = false
    /// `sendGathered` follows before the turn ends.
    var isSendQueued = false
    var lingered = 0
    /// Position in the worker's list of connections.
    var listIndex = 0
    /// The client's address as text, made once; lives as long as the connection.
    let addressText: String
    let addressBytes: Bytes
    private let addressMemory: UnsafeMutableBufferPointer<UInt8>

    init(
        loop: EventLoop, stream: ByteStream, address: SocketAddress, pool: BlockPool, settings: ClientSettings,
        limits: HTTPLimits, service: any ClientService, needsHandshake: Bool
    ) {
        self.loop = loop
        self.stream = stream
        self.address = address
        self.settings = settings
        self.service = service
        input = ByteBuffer(pool: pool)
        output = ByteBuffer(pool: pool)
        parser = RequestParser(limits: limits)
        receiver = BodyReceiver(service: service, settings: settings, pool: pool)
        state = needsHandshake ? .handshaking : .idle
        addressText = address.host
        let utf8 = addressText.utf8
        addressMemory = .allocate(capacity: max(utf8.count, 1))
        _ = addressMemory.initialize(from: utf8)
        addressBytes = Bytes(base: UnsafePointer(addressMemory.baseAddress), count: utf8.count)
        timer = LoopTimer(self)
    }

    deinit { addressMemory.deallocate() }

    /// Begins to listen to the client.
    func open() throws(SystemError) {
        registration = try loop.add(stream.descriptor, [.read, .readHangup], self)
        loop.arm(timer, at: loop.now.adding(milliseconds: settings.headerReadMilliseconds))
    }

    // MARK: The request, for the exchange

    /// The bytes of the request's head; valid while `startExchange` runs.
    var head: Bytes { input.readable.slice(0, headBytes) }

    /// Lends the parsed head; its ranges are offsets into `head`.
    func withRequest<Result>(_ body: (borrowing RequestParser) -> Result) -> Result { body(parser) }

    /// Asks for the body; `requestBodyArrived` or `requestBodyFailed` answers, maybe at once.
    func receiveBody(limit: Int) {
        assert(state == .exchanging)
        if let error = receiver.begin(parser.framing, limit: limit) {
            handler?.requestBodyFailed(error)
            return
        }
        state = .receiving
        if parser.expectContinue, bodyIsDue, input.isEmpty {
            output.append("HTTP/1.1 100 Continue\r\n\r\n")
            flushNow()
            if state != .receiving { return }
        }
        takeBody()
        guard state == .receiving else { return }
        restoreReading()
        // Asked for after the head was read: under TLS the body may be decrypted already, and the socket will not tell.
        if !processing, stream.hasBufferedInput { readInput() }
    }

    // MARK: The response, from the exchange

    /// Bytes for the client that wait in memory.
    var pendingOutput: Int { min(output.count, sendable) }
    var isGone: Bool { state == .closed }
    /// The client may send another request after this response.
    var mayKeepAlive: Bool {
        parser.keepAlive && !inputEnded && !service.isDraining && (!bodyIsDue || unreadBodyIsHere)
    }

    /// A body that was never asked for, but has arrived whole, can simply be skipped.
    var unreadBodyIsHere: Bool {
        if state == .exchanging, case .length(let length) = parser.framing { return length <= UInt64(input.count) }
        return false
    }

    /// The exchange is over and everything it wrote is in the kernel.
    /// - Parameter keepAlive: the response was framed so that another request may follow.
    func responseEnded(keepAlive: Bool) {
        guard state != .closed else { return }
        handler = nil
        sendable = .max
        let reusable = keepAlive && mayKeepAlive
        receiver.finish(&input)
        if reusable, bodyIsDue, case .length(let length) = parser.framing { input.consume(Int(length)) }
        loop.disarm(timer)
        if reusable {
            parser.reset()
            state = .idle
            input.releaseIfEmpty()
            output.releaseIfEmpty()
            loop.arm(timer, at: loop.now.adding(milliseconds: settings.keepAliveMilliseconds))
            restoreReading()
            if processing { return }
            if !input.isEmpty { processInput() }
            // Under TLS pipelined bytes may be decrypted already, and the socket will not tell.
            if state == .idle, stream.hasBufferedInput { readInput() }
        } else if inputEnded || !bodyIsDue {
            close()
        } else {
            linger()
        }
    }

    /// Ends the connection so that the client notices that the response is incomplete.
    func breakOff() {
        guard state != .closed else { return }
        handler = nil
        flushNow()
        if state != .closed { close() }
    }

    /// As `breakOff`, for a response whose end is the end of the connection: resets it.
    func reset() {
        guard state != .closed else { return }
        handler = nil
        flushNow()
        guard state != .closed else { return }
        stream.abort()
        close()
    }

    /// Attaches the driver of the exchange that starts now.
    func attach(_ handler: any ClientHandler) {
        self.handler = handler
        state = .exchanging
        bodyIsDue = parser.framing != .none && parser.framing != .length(0)
        loop.disarm(timer)
    }

    /// Takes the head off the input, once the exchange has copied it.
    func headTaken() {
        input.consume(headBytes)
        headBytes = 0
    }

    /// The gateway ends: whatever is under way is cut, and its exchange told.
    func cut() {
        if state == .exchanging || state == .receiving { lost() } else { close() }
    }

    /// Closes an idle connection for a drain; a busy one closes after its exchange.
    func closeIfIdle() {
        if state == .idle, input.isEmpty { close() }
    }

    // MARK: Events

    func ready(_ readiness: Readiness) {
        if state == .handshaking { return handshake() }
        if readiness.contains(.hangup) { return hangup() }
        if readiness.contains(.write) { writable() }
        if state == .closed { return }
        if readiness.contains(.read) || readiness.contains(.readHangup) { readable(readiness) }
    }

    func timerFired(_ timer: LoopTimer) {
        switch state {
        case .idle where !input.isEmpty:
            service.refuse(
                .client(408, "the request head was not complete within \(settings.headerReadMilliseconds) ms", closes: true),
                on: self)
        case .receiving:
            fail(.client(408, "no byte of the request body arrived within \(settings.bodyIdleMilliseconds) ms", closes: true))
        case .exchanging:
            lost()
        case .handshaking, .idle, .lingering:
            close()
        case .closed:
            break
        }
    }

    private func handshake() {
        switch stream.handshake() {
        case .done:
            state = .idle
            loop.modify(registration, [.read, .readHangup])
            if stream.hasBufferedInput { readInput() }
        case .wouldBlock:
            loop.modify(registration, stream.interest)
        case .failed:
            close()
        }
    }

    /// Both directions are over: nothing can be sent any more.
    func hangup() {
        if state == .exchanging || state == .receiving { lost() } else { close() }
    }

    private func writable() {
        writeBlocked = false
        if state == .lingering { return sendEnd() }
        flushNow()
        guard state != .closed else { return }
        if !writeBlocked { loop.modify(registration, interest(writing: false)) }
        if pendingOutput <= ClientSettings.outputLowWater { handler?.clientCaughtUp() }
        drainedIfWanted()
    }

    private func readable(_ readiness: Readiness) {
        switch state {
        case .idle, .receiving:
            readInput()
        case .exchanging:
            // Pipelined bytes or the end of input: leave both in the kernel, and stop being told.
            if readiness.contains(.readHangup) {
                if !inputEnded {
                    inputEnded = true
                    handler?.clientEndedInput()
                }
                if state == .closed { return }
            }
            loop.modify(registration, writeBlocked ? [.write] : [])
        case .lingering:
            discardInput()
        case .handshaking, .closed:
            break
        }
    }

    func interest(writing: Bool) -> Readiness {
        var interest: Readiness = writing ? [.write] : []
        if !inputEnded, state == .idle || state == .receiving || state == .exchanging || state == .lingering {
            interest.formUnion([.read, .readHangup])
        }
        return interest
    }

    /// Undoes the lazy loss of read interest; costs nothing when it was not lost.
    func restoreReading() {
        loop.modify(registration, interest(writing: !output.isEmpty))
    }

    // MARK: Ending

    /// The client cannot be reached any more while an exchange is under way.
    func lost() {
        guard state != .closed else { return }
        let handler = handler
        self.handler = nil
        close(keepsBody: handler != nil)
        handler?.clientLeft()
    }

    /// - Parameter keepsBody: an exchange still reads it and will say `releaseBody`.
    func close(keepsBody: Bool = false) {
        guard state != .closed else { return }
        state = .closed
        loop.disarm(timer)
        loop.remove(registration)
        if !keepsBody { releaseBody() }
        stream.close()
        service.connectionClosed(self)
    }

    /// After `clientLeft` the body stays valid until the exchange says it is done with it.
    func releaseBody() {
        receiver.finish(&input)
        input.release()
        output.release()
    }
}
