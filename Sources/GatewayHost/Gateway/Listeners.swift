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
    /// The same of `admin.listen`.
    private(set) var adminAddresses: [SocketAddress] = []
    /// Sockets by loop. Owned here until a loop takes them.
    private var sockets: [[ListeningPlace]]
    private var folderSocket: Int32?

    init(_ config: GatewayConfig, loops: Int) throws(GatewayFault) {
        sockets = Array(repeating: [], count: loops)
        for listener in config.listeners { try open(listener, .clients, "listen", loops: loops) }
        guard config.admin.isEnabled else { return }
        for listener in config.admin.listeners ?? [] { try open(listener, .administration, "admin.listen", loops: loops) }
    }

    /// The socket in the data folder, by which commands reach what only the serving gateway knows. The gateway serves without it
    /// where the file system has no sockets.
    mutating func openFolder(_ folder: String) {
        do throws(SystemError) {
            folderSocket = try FolderSocket.listen(DataFolder.socketName, in: folder).release()
        } catch {
            log.warning(
                "there is no socket in the data folder, so commands cannot ask this gateway what only it knows",
                .field("reason", "\(error)"))
        }
    }

    /// The same for the loop that shall have it.
    mutating func takeFolder() -> Int32? {
        defer { folderSocket = nil }
        return folderSocket
    }

    deinit {
        if let folderSocket { close(folderSocket) }
        for loop in sockets { for place in loop { close(place.descriptor) } }
    }

    /// The sockets of one loop, which owns them from now on.
    mutating func take(loop: Int) -> [ListeningPlace] {
        let taken = sockets[loop]
        sockets[loop] = []
        return taken
    }

    private mutating func open(
        _ listener: ListenerConfig, _ door: Door, _ option: String, loops: Int
    ) throws(GatewayFault) {
        let tls = try Listeners.context(listener.tls, option)
        let wanted = try Listeners.resolve(listener.address, option)
        var address = wanted
        for loop in 0..<loops {
            do {
                let socket = try ListeningSocket.open(address, sharesPort: loops > 1, backlog: 4096)
                if loop == 0 {
                    address = try SocketAddress.local(of: socket.number)
                    if door == .clients { addresses.append(address) } else { adminAddresses.append(address) }
                }
                sockets[loop].append(ListeningPlace(descriptor: socket.release(), tls: tls, door: door))
            } catch {
                throw GatewayFault("cannot listen on \(wanted): \(error); set `\(option)` to an address and port that are free")
            }
        }
    }

    private static func resolve(_ address: ListenAddress, _ option: String) throws(GatewayFault) -> SocketAddress {
        do {
            return try SocketAddress.parse(address.description)
        } catch {
            throw GatewayFault("\(option): \(error)")
        }
    }

    private static func context(_ files: TLSFiles?, _ option: String) throws(GatewayFault) -> TLSServerContext? {
        guard let files else { return nil }
        do {
            return try TLSServerContext(certificateFile: files.certificate, keyFile: files.key)
        } catch {
            throw GatewayFault("\(option): the TLS files cannot be used: \(error)")
        }
    }
}
