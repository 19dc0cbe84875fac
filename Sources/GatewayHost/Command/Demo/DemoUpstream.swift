// The demonstration upstream: accepts connections, a thread for each.
//
// It serves one person trying the gateway, so it is plain where the gateway is fast: blocking, a thread a
// connection, at most `connectionLimit` of them. It listens on loopback unless told otherwise.
//
// Kind: shared; its threads touch nothing in common but two counters.

import CLinux
import Glibc
import Synchronization

final class DemoUpstream: Sendable {
    /// One person's agents; more wait in the backlog.
    static let connectionLimit = 200

    let port: Int
    private let socket: Int32
    private let pace: Duration
    private let connections = Atomic<Int>(0)
    private let serial = Atomic<Int>(0)

    /// Listens and serves on threads of its own, until the process ends.
    /// - Parameter pace: the pause between two pieces of a stream.
    /// - Throws: `SystemError` or `AddressError` when it cannot listen.
    static func start(_ address: ListenAddress, pace: Duration = .milliseconds(25)) throws -> DemoUpstream {
        let listening = try ListeningSocket.open(
            SocketAddress.parse(address.description), sharesPort: false, backlog: 128)
        let bound = try SocketAddress.local(of: listening.number)
        let demo = DemoUpstream(socket: listening.release(), port: Int(bound.port), pace: pace)
        BackgroundThread.start("demo") { demo.acceptForever() }
        return demo
    }

    private init(socket: Int32, port: Int, pace: Duration) {
        self.socket = socket
        self.port = port
        self.pace = pace
    }

    /// An endless loop: the process ends it.
    private func acceptForever() {
        while true {
            var ready = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            _ = poll(&ready, 1, -1)
            if connections.load(ordering: .relaxed) >= DemoUpstream.connectionLimit {
                var pause = timespec(tv_sec: 0, tv_nsec: 10_000_000)
                nanosleep(&pause, nil)
                continue
            }
            let client = gwl_accept4(socket, nil, nil)
            guard client >= 0 else { continue }
            connections.add(1, ordering: .relaxed)
            BackgroundThread.start("demo-client") { [self] in
                var connection = DemoConnection(client, pace: pace) { [self] in
                    serial.add(1, ordering: .relaxed).newValue
                }
                connection.serve()
                connections.subtract(1, ordering: .relaxed)
            }
        }
    }
}
