// The pieces of these two folders together: a group of loops, a listener on each, one TLS context for
// all, and clients on threads of their own.

import CLinux
import Synchronization
import Testing

@testable import GatewayHost

/// Sends back what comes, with back-pressure, until the client has ended.
private final class EchoConnection: LoopHandler, TimerHandler {
    private let stream: ByteStream
    private unowned let loop: EventLoop
    private var registration = Registration.none
    private var pending: [UInt8] = []
    private var isHandshakeDone = false
    private var isInputOver = false
    private var idle: LoopTimer?

    init(_ stream: ByteStream, _ loop: EventLoop) throws(SystemError) {
        self.stream = stream
        self.loop = loop
        registration = try loop.add(stream.descriptor, .read, self)
        idle = LoopTimer(self)
    }

    func ready(_ readiness: Readiness) {
        if let idle { loop.arm(idle, at: loop.now.adding(seconds: 60)) }
        guard isHandshakeDone || shakeHands() else { return }
        var buffer = [UInt8](repeating: 0, count: 10_000)
        while true {
            if !pending.isEmpty {
                switch stream.write(pending) {
                case .bytes(let count): pending.removeFirst(count)
                case .wouldBlock: return loop.modify(registration, stream.writeInterest)
                default: return end()
                }
            } else if isInputOver {
                return stream.shutdownWrite() ? end() : loop.modify(registration, stream.writeInterest)
            } else {
                switch buffer.withUnsafeMutableBytes({ stream.read(into: $0) }) {
                case .bytes(let count): pending += buffer[..<count]
                case .wouldBlock: return loop.modify(registration, stream.readInterest)
                case .end: isInputOver = true
                case .failed: return end()
                }
            }
        }
    }

    private func shakeHands() -> Bool {
        switch stream.handshake() {
        case .done: isHandshakeDone = true
        case .wouldBlock: loop.modify(registration, stream.interest)
        case .failed: end()
        }
        return isHandshakeDone
    }

    private func end() {
        loop.remove(registration)
        stream.close()
    }

    func timerFired(_ timer: LoopTimer) { end() }
}

/// The echo service of one loop.
private final class EchoService: AcceptHandler {
    private unowned let loop: EventLoop
    private let tls: TLSServerContext
    private var listener: Listener?

    init(_ loop: EventLoop, _ address: SocketAddress, _ tls: TLSServerContext) throws(SystemError) {
        self.loop = loop
        self.tls = tls
        listener = try Listener(loop: loop, address: address, handler: self)
    }

    var address: SocketAddress? { listener?.address }

    func accepted(_ descriptor: consuming Descriptor, from address: SocketAddress, on listener: Listener) {
        // A connection without memory or descriptors is closed by its owner's end of scope.
        guard let stream = try? ByteStream(descriptor, server: tls) else { return }
        _ = try? EchoConnection(stream, loop)
    }

    func acceptFailed(_ error: SystemError, on listener: Listener) {}

    func close() {
        listener?.close()
        listener = nil
    }
}

@Suite struct EchoTests {
    @Test func clientsOfTwoLoopsGetTheirBytesBack() throws {
        let certificates = TestCertificates()
        let files = certificates.issue()
        let serverContext = try TLSServerContext(certificateFile: files.certificateFile, keyFile: files.keyFile)
        let clientContext = try TLSClientContext(caFile: certificates.authorityFile)
        let group = try LoopGroup(count: 2)
        let first = try EchoService(group.loops[0], .loopback(port: 0), serverContext)
        let address = try #require(first.address)
        group.loops[0].context = first
        group.loops[1].context = try EchoService(group.loops[1], address, serverContext)
        try group.start(finish: { loop in (loop.context as? EchoService)?.close() })

        let good = NumberLog()
        let threads = (0..<4).map { number in
            TestThread {
                let slot = TLSSessionSlot()
                for round in 0..<3 {
                    let resumed = exchange(address, clientContext, slot, bytes: 100_000 + number)
                    if let resumed, resumed == (round > 0) { good.add(number) }
                }
            }
        }
        for thread in threads { thread.join() }
        group.stop()
        group.join()
        #expect(good.values.sorted() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
        #expect(group.loops.allSatisfy { $0.watchedCount == 0 })
    }
}

/// Sends a pattern and reads it back; whether the session was resumed, or nil when bytes were wrong.
private func exchange(
    _ address: SocketAddress, _ context: TLSClientContext, _ slot: TLSSessionSlot, bytes count: Int
) -> Bool? {
    guard let descriptor = try? connectTo(address),
        let stream = try? ByteStream(descriptor, client: context, host: "gateway.test", sessions: slot)
    else { return nil }
    func wait(_ interest: Readiness) {
        var entry = pollfd(
            fd: stream.descriptor, events: Int16(interest == .write ? POLLOUT : POLLIN), revents: 0)
        poll(&entry, 1, -1)
    }
    handshake: while true {
        switch stream.handshake() {
        case .done: break handshake
        case .wouldBlock: wait(stream.interest)
        case .failed: return nil
        }
    }
    let bytes = pattern(count)
    var sent = 0
    var received: [UInt8] = []
    while received.count < count {
        if sent < count, let taken = bytes[sent...].withUnsafeBytes({ stream.write($0) }).count {
            sent += taken
            if sent == count { while !stream.shutdownWrite() { wait(stream.writeInterest) } }
        }
        let (some, ended) = stream.readAll()
        received += some
        guard received.count < count else { break }
        guard ended.isWouldBlock else { return nil }
        wait(stream.readInterest)
    }
    let resumed = stream.isResumed
    stream.close()
    return received == bytes ? resumed : nil
}
