// What arrives from a client: heads, bodies, and the end of input.

import CLinux

extension ClientConnection {
    func readInput() {
        var budget = 16
        repeat {
            let missing = receiver.missing(input)
            let room = input.room(atLeast: state == .receiving ? max(missing, 1) : 2048)
            let asked = room.count
            switch stream.read(into: room) {
            case .bytes(let count):
                input.wrote(count)
                processInput()
                // A short read emptied the socket: do not pay for an EAGAIN.
                if count < asked, !stream.hasBufferedInput { return }
            case .wouldBlock:
                if state == .idle { input.releaseIfEmpty() }
                return
            case .end:
                return ended()
            case .failed:
                return hangup()
            }
            budget -= 1
        } while (budget > 0 || stream.hasBufferedInput) && (state == .idle || state == .receiving)
    }

    private func ended() {
        inputEnded = true
        switch state {
        case .receiving:
            fail(.client(400, "the connection ended before the request body was complete", closes: true))
        default:
            close()
        }
    }

    func processInput() {
        processing = true
        defer { processing = false }
        if state == .receiving { takeBody() }
        while state == .idle, !input.isEmpty {
            switch parser.parse(input.readable.buffer) {
            case .needMore:
                loop.arm(timer, at: headDeadline())
                return
            case .failed(let fault):
                service.refuse(.client(Int(fault.status), "\(fault.sentence)", closes: true), on: self)
                return
            case .complete(let bytes):
                headBytes = bytes
                loop.disarm(timer)
                headStarted = .distantFuture
                service.startExchange(on: self)
            }
        }
    }

    /// The deadline of a head counts from its first byte, however slowly the rest arrives.
    private func headDeadline() -> Instant {
        if headStarted == .distantFuture { headStarted = loop.now }
        return headStarted.adding(milliseconds: settings.headerReadMilliseconds)
    }

    func takeBody() {
        switch receiver.advance(&input) {
        case .needMore:
            loop.arm(timer, at: loop.now.adding(milliseconds: settings.bodyIdleMilliseconds))
        case .complete:
            loop.disarm(timer)
            state = .exchanging
            bodyIsDue = false
            handler?.requestBodyArrived(receiver.complete)
        case .failed(let error):
            fail(error)
        }
    }

    func fail(_ error: GatewayError) {
        loop.disarm(timer)
        state = .exchanging
        handler?.requestBodyFailed(error)
    }

    // MARK: Lingering

    /// Sends the FIN and reads what the client still sends, for a bounded time and size, because a
    /// close with unread input resets the connection and the client may never see the answer.
    func linger() {
        state = .lingering
        sendEnd()
        loop.arm(timer, at: loop.now.adding(milliseconds: settings.lingerMilliseconds))
        input.clear()
    }

    /// The FIN, or close_notify, which may have to wait for room in the socket.
    func sendEnd() {
        loop.modify(registration, stream.shutdownWrite() ? [.read, .readHangup] : [.read, .readHangup, .write])
    }

    func discardInput() {
        while lingered < ClientSettings.lingerBytes {
            switch stream.read(into: input.room(atLeast: 4096)) {
            case .bytes(let count): lingered += count
            case .wouldBlock: return
            case .end, .failed: return close()
            }
        }
        close()
    }
}
