// Makes sockets that listen. Apart from Listener because the sockets can be opened before there is a
// loop, by another process even.
//
// Kind: free of state.

import CLinux

enum ListeningSocket {
    /// A non-blocking socket, bound and listening.
    ///
    /// A unix socket's path that nobody listens on any more is taken over; one that is in use is not.
    /// - Throws: `SystemError` with the address in it, EADDRINUSE above all.
    /// - Source: socket(7), SO_REUSEADDR and SO_REUSEPORT.
    static func open(_ address: SocketAddress, sharesPort: Bool, backlog: Int32) throws(SystemError) -> Descriptor {
        let domain =
            switch address.family {
            case .ipv4: AF_INET
            case .ipv6: AF_INET6
            case .unix: AF_UNIX
            }
        let name = address.description
        let number = try systemCall("socket", on: name) { gwl_stream_socket(domain) }
        let socket = Descriptor(number)
        if address.family != .unix {
            try systemCall("setsockopt SO_REUSEADDR", on: name) { gwl_set_option(number, SOL_SOCKET, SO_REUSEADDR, 1) }
            if sharesPort {
                try systemCall("setsockopt SO_REUSEPORT", on: name) {
                    gwl_set_option(number, SOL_SOCKET, SO_REUSEPORT, 1)
                }
            }
        }
        do {
            try bind(number, address)
        } catch {
            guard error.code == EADDRINUSE, address.family == .unix, isAbandoned(address) else { throw error }
            unlink(address.path)
            try bind(number, address)
        }
        try systemCall("listen", on: name) { listen(number, backlog) }
        return socket
    }

    /// What every listening socket needs, its own or inherited: non-blocking, no delay of small writes.
    static func prepare(_ number: Int32, _ address: SocketAddress) throws(SystemError) {
        try systemCall("fcntl O_NONBLOCK", on: address.description) { gwl_set_nonblocking(number) }
        guard address.family != .unix else { return }
        try systemCall("setsockopt TCP_NODELAY", on: address.description) {
            gwl_set_option(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        }
    }

    private static func bind(_ number: Int32, _ address: SocketAddress) throws(SystemError) {
        try systemCall("bind", on: address.description) {
            address.withSystemAddress { CLinux.bind(number, $0, $1) }
        }
    }

    /// Whether a unix socket's path is left from a process that has ended.
    private static func isAbandoned(_ address: SocketAddress) -> Bool {
        let number = gwl_stream_socket(AF_UNIX)
        guard number >= 0 else { return false }
        let probe = Descriptor(number)
        let result = address.withSystemAddress { connect(probe.number, $0, $1) }
        return result < 0 && gwl_errno() == ECONNREFUSED
    }
}
