// The listening sockets, bound before anything else so that a taken port is found at once.
//
// Each loop has a socket of its own on each address (SO_REUSEPORT), and the kernel spreads clients
// over them.
//
// Kind: control thread; the sockets are handed to their loops.

import CLinux

struct Listeners: ~Copyable {
    /// Addresses as bound, with the ports the kernel chose.
    private(set) var addresses: [SocketAddress] = []
    /// Descriptors by loop, in the order of `addresses`. Owned here until a loop takes them.
    private var sockets: [[Int32]]
    /// The TLS context of each address; nil for plain HTTP.
    private(set) var tls: [TLSServerContext?] = []

    init(_ config: GatewayConfig, loops: Int) throws(GatewayFault) {
        sockets = Array(repeating: [], count: loops)
        for listener in config.listeners {
            tls.append(try Listeners.context(listener.tls))
            for wanted in try Listeners.resolve(listener.address) { try open(wanted, loops: loops) }
        }
    }

    deinit {
        for loop in sockets { for socket in loop { close(socket) } }
    }

    /// The sockets of one loop, which owns them from now on.
    mutating func take(loop: Int) -> [Int32] {
        let taken = sockets[loop]
        sockets[loop] = []
        return taken
    }

    private mutating func open(_ wanted: SocketAddress, loops: Int) throws(GatewayFault) {
        var address = wanted
        for loop in 0..<loops {
            do {
                let socket = try ListeningSocket.open(address, sharesPort: loops > 1, backlog: 4096)
                if loop == 0 {
                    address = try SocketAddress.local(of: socket.number)
                    addresses.append(address)
                }
                sockets[loop].append(socket.release())
            } catch {
                throw GatewayFault("cannot listen on \(wanted): \(error); set `listen` to an address and port that are free")
            }
        }
    }

    private static func resolve(_ address: ListenAddress) throws(GatewayFault) -> [SocketAddress] {
        do {
            return [try SocketAddress.parse(address.description)]
        } catch {
            throw GatewayFault("listen: \(error)")
        }
    }

    private static func context(_ files: TLSFiles?) throws(GatewayFault) -> TLSServerContext? {
        guard let files else { return nil }
        do {
            return try TLSServerContext(certificateFile: files.certificate, keyFile: files.key)
        } catch {
            throw GatewayFault("listen: the TLS files cannot be used: \(error)")
        }
    }
}
