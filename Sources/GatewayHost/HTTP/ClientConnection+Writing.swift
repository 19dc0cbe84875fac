// What goes to a client: queued while an exchange writes, sent together when the turn's events have been
// seen, or at once where it is much.

import CLinux

extension ClientConnection {
    /// Queues bytes; `flush` sends them, when the turn's events have been seen.
    @inline(__always)
    func write(_ bytes: Bytes) { output.append(bytes) }

    /// Appends to the queue in place, for response heads.
    @inline(__always)
    func withOutput(_ body: (inout ByteBuffer) -> Void) { body(&output) }

    /// Queues bytes, sending what is queued and them directly when that saves a copy.
    func writeThrough(_ bytes: Bytes) {
        guard bytes.count >= 4096, !writeBlocked, !isHeld, state != .closed else { return output.append(bytes) }
        let queued = output.readable
        let result = queued.isEmpty ? stream.write(bytes.raw) : stream.write(queued.raw, bytes.raw)
        switch result {
        case .bytes(let count):
            progressed()
            if count >= queued.count {
                output.consume(queued.count)
                output.append(bytes.slice(count - queued.count, bytes.count))
            } else {
                output.consume(count)
                output.append(bytes)
            }
        case .wouldBlock:
            blocked()
            output.append(bytes)
        case .end, .failed:
            lost()
        }
    }

    /// Queues a piece of a chunked response.
    func writeChunk(_ bytes: Bytes) {
        guard bytes.count > 0 else { return }
        let size = ChunkSize(bytes.count)
        let room = output.room(atLeast: size.count)
        size.write(to: room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self))
        output.wrote(size.count)
        output.append(bytes)
        output.append(ChunkSize.separator)
    }

    /// Sends what is queued before the turn ends, or at once where it is much.
    @inline(__always)
    func flush() {
        if isSendQueued || writeBlocked || pendingOutput == 0 || state == .closed { return }
        if pendingOutput > ClientSettings.gatheredBytes { return flushNow() }
        isSendQueued = true
        loop.sendAtEndOfTurn(self)
    }

    func sendGathered() {
        isSendQueued = false
        guard state != .closed else { return }
        flushNow()
        drainedIfWanted()
    }

    /// Sends what is queued as far as the socket takes it.
    func flushNow() {
        if writeBlocked { return }
        while pendingOutput > 0, state != .closed {
            switch stream.write(output.readable.slice(0, pendingOutput).raw) {
            case .bytes(let count):
                output.consume(count)
                if isHeld { sendable -= count }
                progressed()
            case .wouldBlock:
                return blocked()
            case .end, .failed:
                return lost()
            }
        }
        if state == .exchanging { loop.disarm(timer) }
    }

    /// The socket takes no more for now: `ready` goes on when it does.
    func blocked() {
        writeBlocked = true
        loop.modify(registration, interest(writing: true))
        if state == .exchanging { loop.arm(timer, at: loop.now.adding(milliseconds: settings.writeMilliseconds)) }
    }

    /// Asks for one `clientDrained` when everything queued has gone to the kernel.
    /// - Returns: true if that is so already; then no call follows.
    func notifyWhenDrained() -> Bool {
        if output.isEmpty || state == .closed { return true }
        wantsDrained = true
        return false
    }

    func drainedIfWanted() {
        if wantsDrained, output.isEmpty, state != .closed {
            wantsDrained = false
            handler?.clientDrained()
        }
    }

    // MARK: Holding back

    /// What little is queued before is not worth a write of its own, and waits with what is held.
    private static let heldBytes = 4096

    var isHeld: Bool { sendable != .max }

    /// What is written from here on stays here until `letGo`. What was queued before leaves as the client takes it, so
    /// that a slow client does not stop the upstream for ever.
    func hold() {
        if !isHeld { sendable = output.count > Self.heldBytes ? output.count : 0 }
    }

    /// Bytes that are held back now.
    var heldCount: Int { output.count - pendingOutput }

    /// Everything may leave again.
    func letGo() {
        sendable = .max
        flush()
    }

    func progressed() {
        if state == .exchanging, !output.isEmpty {
            loop.arm(timer, at: loop.now.adding(milliseconds: settings.writeMilliseconds))
        }
    }
}
