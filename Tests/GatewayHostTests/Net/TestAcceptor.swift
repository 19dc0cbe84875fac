// The two sides of a listener test.

import CLinux

@testable import GatewayHost

/// Hands accepted connections to a closure, which owns the descriptor.
final class TestAcceptor: AcceptHandler {
    var onAccept: (Int32, SocketAddress) -> Void = { descriptor, _ in close(descriptor) }
    var failures: [SystemError] = []
    var onFailure: () -> Void = {}

    func accepted(_ descriptor: consuming Descriptor, from address: SocketAddress, on listener: Listener) {
        onAccept(descriptor.release(), address)
    }

    func acceptFailed(_ error: SystemError, on listener: Listener) {
        failures.append(error)
        onFailure()
    }
}

/// A blocking connect, then non-blocking, as a dialer would hand it over.
func connectTo(_ address: SocketAddress) throws(SystemError) -> Descriptor {
    let domain = address.family == .ipv4 ? AF_INET : address.family == .ipv6 ? AF_INET6 : AF_UNIX
    let descriptor = Descriptor(try systemCall("socket") { socket(domain, Int32(SOCK_STREAM.rawValue), 0) })
    let number = descriptor.number
    try systemCall("connect", on: address.description) { address.withSystemAddress { connect(number, $0, $1) } }
    try systemCall("fcntl") { gwl_set_nonblocking(number) }
    return descriptor
}
