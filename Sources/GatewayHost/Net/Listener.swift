// A listening socket on a loop, and the connections that come out of it.
//
// Every loop has its own listener on the same address (SO_REUSEPORT), so the kernel spreads
// connections and a connection never changes its loop. TCP_NODELAY is set once here: accepted
// sockets inherit it (Linux).
//
// When descriptors or memory run out, accepting pauses for a moment and then goes on: what waits in
// the backlog keeps waiting, nothing is dropped, and the loop does not spin on a socket that stays
// readable.
//
// Kind: loop-confined.

import CLinux

/// Takes the connections of a listener.
protocol AcceptHandler: AnyObject {
    /// A connection, non-blocking and closed on exec. `address` is the client's.
    /// - Thread: the loop's.
    func accepted(_ descriptor: consuming Descriptor, from address: SocketAddress, on listener: Listener)

    /// Accepting failed for lack of something (EMFILE, ENFILE, ENOBUFS, ENOMEM) and goes on after `Listener.pauseMilliseconds`.
    /// - Thread: the loop's.
    func acceptFailed(_ error: SystemError, on listener: Listener)
}

final class Listener: LoopHandler, TimerHandler {
    /// Connections taken per turn, so that a flood of new ones leaves time for those there are.
    static let acceptLimit = 32
    /// How long accepting rests when something has run out.
    static let pauseMilliseconds = 100
    /// What listen(2) is asked for; net.core.somaxconn caps it.
    static let defaultBacklog: Int32 = 1024

    /// The bound address, with the port the kernel chose.
    let address: SocketAddress
    private unowned let loop: EventLoop
    private unowned let handler: any AcceptHandler
    private var descriptor: Int32
    private var registration = Registration.none
    private var restTimer: LoopTimer?
    private var wantsConnections = false

    /// Binds, listens and accepts.
    /// - Parameter sharesPort: SO_REUSEPORT, for one listener per loop.
    convenience init(
        loop: EventLoop, address: SocketAddress, sharesPort: Bool = true,
        backlog: Int32 = Listener.defaultBacklog, handler: any AcceptHandler
    ) throws(SystemError) {
        let socket = try ListeningSocket.open(address, sharesPort: sharesPort, backlog: backlog)
        try self.init(loop: loop, inherited: socket, handler: handler)
    }

    /// Accepts on a socket that listens already, from a supervisor for instance.
    init(loop: EventLoop, inherited socket: consuming Descriptor, handler: any AcceptHandler) throws(SystemError) {
        address = try SocketAddress.local(of: socket.number)
        try ListeningSocket.prepare(socket.number, address)
        self.loop = loop
        self.handler = handler
        descriptor = socket.release()
        restTimer = LoopTimer(self)
        try resume()
    }

    deinit {
        if descriptor >= 0 { CLinux.close(descriptor) }
    }

    /// Accepts again after `pause`.
    func resume() throws(SystemError) {
        precondition(descriptor >= 0, "a closed listener does not resume")
        wantsConnections = true
        guard registration == .none else { return }
        registration = try loop.add(descriptor, .read, self)
    }

    /// Stops accepting; new connections wait in the backlog.
    func pause() {
        wantsConnections = false
        rest()
    }

    /// Stops accepting and closes the socket; what waits in its backlog is reset, unless another
    /// process holds the socket too.
    func close() {
        guard descriptor >= 0 else { return }
        pause()
        CLinux.close(descriptor)
        descriptor = -1
    }

    private func rest() {
        if let restTimer { loop.disarm(restTimer) }
        loop.remove(registration)
        registration = .none
    }

    func ready(_ readiness: Readiness) {
        var storage = sockaddr_storage()
        for _ in 0..<Listener.acceptLimit {
            guard wantsConnections else { return }
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let connection = withUnsafeMutableBytes(of: &storage) {
                gwl_accept4(
                    descriptor, $0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: sockaddr.self), &length)
            }
            if connection >= 0 {
                let from = withUnsafeBytes(of: &storage) {
                    SocketAddress($0.baseAddress.unsafelyUnwrapped, length: Int(length))
                }
                handler.accepted(Descriptor(connection), from: from ?? SocketAddress(unixPath: ""), on: self)
            } else if !shouldGoOn(gwl_errno()) {
                return
            }
        }
    }

    /// Whether to try the next connection after accept4 failed with `code`.
    private func shouldGoOn(_ code: Int32) -> Bool {
        switch code {
        case EAGAIN: return false
        // The connection was gone before we took it, or a signal came. (accept(2) lists the network
        // errors that Linux passes on this way.)
        case EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
            EOPNOTSUPP, ENETUNREACH:
            return true
        default:
            rest()
            if let restTimer { loop.arm(restTimer, at: loop.now.adding(milliseconds: Listener.pauseMilliseconds)) }
            handler.acceptFailed(SystemError(code, "accept4", subject: address.description), on: self)
            return false
        }
    }

    func timerFired(_ timer: LoopTimer) {
        guard wantsConnections, registration == .none else { return }
        do {
            try resume()
        } catch {
            // epoll had no memory either: rest again and tell.
            loop.arm(timer, at: loop.now.adding(milliseconds: Listener.pauseMilliseconds))
            handler.acceptFailed(error, on: self)
        }
    }
}
