import CLinux
import Synchronization
import Testing

@testable import GatewayHost

/// A server on a kernel-chosen loopback port that runs a script, in plain blocking calls, for each
/// connection, each on a thread of its own.
final class ScriptedServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let state = Mutex(State())

    /// A thread that whoever holds it may join once.
    private struct Running: @unchecked Sendable { let thread: TestThread }

    private struct State {
        var threads: [Running] = []
        var accepting: Running?
        var connections = 0
        var open: [Int32] = []
    }

    /// - Parameter script: the connection, and its number, the first being 1. It is closed after.
    init(_ script: @escaping @Sendable (ServerConnection, Int) -> Void) {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = SocketAddress.loopback(port: 0)
        let descriptor = listener
        precondition(address.withSystemAddress { bind(descriptor, $0, $1) } == 0)
        precondition(listen(listener, 128) == 0)
        address = try! SocketAddress.local(of: listener)
        port = address.port
        let thread = Running(thread: TestThread { [self] in acceptAll(script) })
        state.withLock { $0.accepting = thread }
    }

    var url: String { "http://127.0.0.1:\(port)" }
    var connections: Int { state.withLock { $0.connections } }

    /// Ends every connection and waits for the scripts.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        state.withLock { $0.accepting }?.thread.join()
        let threads = state.withLock { state in
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
            return state.threads
        }
        for thread in threads { thread.thread.join() }
        close(listener)
    }

    private func acceptAll(_ script: @escaping @Sendable (ServerConnection, Int) -> Void) {
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

/// The server's side of one connection.
struct ServerConnection {
    let descriptor: Int32
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
    }

    /// Head and body (by Content-Length) of the next request; nil at the end of the connection.
    func readRequest() -> String? {
        var bytes: [UInt8] = []
        while true {
            var byte: UInt8 = 0
            guard recv(descriptor, &byte, 1, 0) == 1 else { return nil }
            bytes.append(byte)
            if bytes.suffix(4) == [13, 10, 13, 10] { break }
        }
        let head = String(decoding: bytes, as: UTF8.self)
        if let line = head.split(separator: "\r\n").first(where: { $0.lowercased().hasPrefix("content-length:") }) {
            var left = Int(line.split(separator: ":")[1].drop { $0 == " " })!
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while left > 0 {
                let count = recv(descriptor, &buffer, min(left, buffer.count), 0)
                guard count > 0 else { return nil }
                bytes += buffer[..<count]
                left -= count
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func write(_ text: String) { write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }

    /// Closes with a reset.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<CLinux.linger>.size))
    }

    /// Waits until the client has closed.
    func waitForEnd() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while recv(descriptor, &buffer, buffer.count, 0) > 0 {}
    }
}
