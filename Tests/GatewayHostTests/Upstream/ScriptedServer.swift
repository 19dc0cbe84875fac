import CLinux
import Glibc
import Testing

@testable import GatewayHost

/// A server on a kernel-chosen loopback port that runs a script, in plain blocking calls, for each
/// connection, each on a thread of its own.
final class ScriptedServer: Sendable {
    let port: UInt16
    private let listeners: [Int32]
    private let state = Locked(State())

    /// A thread that whoever holds it may join once.
    private struct Running: @unchecked Sendable { let thread: TestThread }

    private struct State {
        var threads: [Running] = []
        var accepting: [Running] = []
        var connections = 0
        var open: [Int32] = []
    }

    /// - Parameters:
    ///   - answersLocalhost: listens at ::1 too, which is what some machines understand by "localhost".
    ///   - script: the connection, and its number, the first being 1. It is closed after.
    init(answersLocalhost: Bool = false, _ script: @escaping @Sendable (ServerConnection, Int) -> Void) {
        (listeners, port) = answersLocalhost ? Self.listenTwice() : Self.listen()
        let threads = listeners.map { listener in Running(thread: TestThread { [self] in acceptAll(listener, script) }) }
        state.withLock { $0.accepting = threads }
    }

    private static func listen() -> ([Int32], UInt16) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let address = SocketAddress.loopback(port: 0)
        precondition(address.withSystemAddress { bind(listener, $0, $1) } == 0)
        precondition(Glibc.listen(listener, 128) == 0)
        return ([listener], try! SocketAddress.local(of: listener).port)
    }

    /// One port at both addresses; another try when somebody has it at the second. Without IPv6 the first is enough.
    private static func listenTwice() -> ([Int32], UInt16) {
        while true {
            let (first, port) = listen()
            let second = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
            guard second >= 0 else { return (first, port) }
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_addr = in6addr_loopback
            let code = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(second, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
            }
            if code == 0, Glibc.listen(second, 128) == 0 { return (first + [second], port) }
            let reason = errno
            close(second)
            if reason == EADDRNOTAVAIL { return (first, port) }
            first.forEach { close($0) }
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }
    var connections: Int { state.withLock { $0.connections } }

    /// Ends every connection and waits for the scripts.
    func stop() {
        for listener in listeners { shutdown(listener, Int32(SHUT_RDWR)) }
        for accepting in state.withLock({ $0.accepting }) { accepting.thread.join() }
        let threads = state.withLock { state in
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
            return state.threads
        }
        for thread in threads { thread.thread.join() }
        for listener in listeners { close(listener) }
    }

    private func acceptAll(_ listener: Int32, _ script: @escaping @Sendable (ServerConnection, Int) -> Void) {
        while true {
            let descriptor = accept(listener, nil, nil)
            if descriptor < 0 { return }
            let number = state.withLock { state in
                state.connections += 1
                state.open.append(descriptor)
                return state.connections
            }
            let thread = Running(
                thread: TestThread { [self] in
                    script(ServerConnection(descriptor), number)
                    state.withLock { $0.open.removeAll { $0 == descriptor } }
                    close(descriptor)
                })
            state.withLock { $0.threads.append(thread) }
        }
    }
}

/// The server's side of one connection, in blocking calls, plain or under TLS.
struct ServerConnection {
    let descriptor: Int32
    private let stream: ByteStream

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
        _ = gwl_set_nonblocking(descriptor)
        // The server closes its own number.
        stream = ByteStream(Descriptor(dup(descriptor)))
    }

    /// The same connection after a TLS handshake; nil when that failed.
    init?(_ plain: ServerConnection, _ context: TLSServerContext) {
        descriptor = plain.descriptor
        stream = try! ByteStream(Descriptor(dup(descriptor)), server: context)
        while true {
            switch stream.handshake() {
            case .done: return
            case .failed:
                stream.shutdownWrite()
                return nil
            case .wouldBlock: ServerConnection.wait(descriptor, stream.interest)
            }
        }
    }

    var isResumed: Bool { stream.isResumed }

    private static func wait(_ descriptor: Int32, _ readiness: Readiness) {
        var poll = pollfd(fd: descriptor, events: Int16(readiness.contains(.write) ? POLLOUT : POLLIN), revents: 0)
        _ = CLinux.poll(&poll, 1, -1)
    }

    /// Reads at least one byte; empty at the end, whatever ended it.
    func readSome(_ limit: Int = 65_536) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: limit)
        while true {
            switch buffer.withUnsafeMutableBytes({ stream.read(into: $0) }) {
            case .bytes(let count): return Array(buffer[..<count])
            case .wouldBlock: ServerConnection.wait(descriptor, stream.readInterest)
            case .end, .failed: return []
            }
        }
    }

    /// Head and body (by Content-Length) of the next request; nil at the end of the connection.
    func readRequest() -> String? {
        var bytes: [UInt8] = []
        while bytes.suffix(4) != [13, 10, 13, 10] {
            let more = readSome(1)
            if more.isEmpty { return nil }
            bytes += more
        }
        let head = String(decoding: bytes, as: UTF8.self)
        if let line = head.split(separator: "\r\n").first(where: { $0.lowercased().hasPrefix("content-length:") }) {
            var left = Int(line.split(separator: ":")[1].drop { $0 == " " })!
            while left > 0 {
                let more = readSome(min(left, 65_536))
                if more.isEmpty { return nil }
                bytes += more
                left -= more.count
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func write(_ text: String) { write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            switch bytes[sent...].withUnsafeBytes({ stream.write($0) }) {
            case .bytes(let count): sent += count
            case .wouldBlock: ServerConnection.wait(descriptor, stream.writeInterest)
            case .end, .failed: return
            }
        }
    }

    /// The connection will end with a reset instead of a FIN.
    func resetOnClose() { _ = gwl_set_reset_on_close(descriptor) }

    func shutdownWrite() { stream.shutdownWrite() }

    /// Waits until the client has reset or the server stops, without reading what was sent.
    func waitForHangup() {
        var poll = pollfd(fd: descriptor, events: 0, revents: 0)
        _ = CLinux.poll(&poll, 1, -1)
    }

    /// Waits until the client has closed.
    func waitForEnd() { while !readSome().isEmpty {} }

    /// Carries bytes both ways until one side ends.
    func pump(with other: ServerConnection) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var moved = false
            for (from, to) in [(self, other), (other, self)] {
                switch buffer.withUnsafeMutableBytes({ from.stream.read(into: $0) }) {
                case .bytes(let count):
                    to.write(Array(buffer[..<count]))
                    moved = true
                case .wouldBlock: break
                case .end, .failed: return
                }
            }
            if moved { continue }
            var polls = [self, other].map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            _ = CLinux.poll(&polls, 2, -1)
        }
    }
}
