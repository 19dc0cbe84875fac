// An end of a connection: IPv4, IPv6 or a path.
//
// Small and without allocation for the two that happen per connection. An IPv4 address that arrives
// through an IPv6 socket (::ffff:a.b.c.d) is stored as IPv4, so that rules and logs see one form.
//
// Kind: value.

import CLinux

struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    enum Family: UInt8, Sendable { case ipv4, ipv6, unix }

    let family: Family
    let port: UInt16
    private let scope: UInt32
    /// The address as one big-endian number: IPv4 in the low half of `low`.
    private let high: UInt64
    private let low: UInt64
    /// Only of a unix address.
    let path: String

    /// No address text is longer: "[" 45 bytes of IPv6, "%" and ten digits "]", ":" and five digits.
    /// (Paths are cut.)
    static let textLimit = 64

    private init(
        _ family: Family, port: UInt16, scope: UInt32 = 0, high: UInt64 = 0, low: UInt64 = 0, path: String = ""
    ) {
        self.family = family
        self.port = port
        self.scope = scope
        self.high = high
        self.low = low
        self.path = path
    }

    /// An IPv4 address in host byte order: 0x7f000001 is 127.0.0.1.
    init(ipv4: UInt32, port: UInt16) { self.init(.ipv4, port: port, low: UInt64(ipv4)) }

    /// The loopback address.
    static func loopback(port: UInt16) -> SocketAddress { SocketAddress(ipv4: INADDR_LOOPBACK, port: port) }

    init(unixPath: String) { self.init(.unix, port: 0, path: unixPath) }

    /// The same address with another port.
    func with(port: UInt16) -> SocketAddress {
        SocketAddress(family, port: port, scope: scope, high: high, low: low, path: path)
    }

    var isLoopback: Bool {
        switch family {
        case .ipv4: low >> 24 == 127
        case .ipv6: high == 0 && low == 1
        case .unix: true
        }
    }

    // MARK: The kernel's form

    /// nil for a family that is none of the three.
    init?(_ address: UnsafeRawPointer, length: Int) {
        guard length >= MemoryLayout<sa_family_t>.size else { return nil }
        switch Int32(address.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET:
            let v4 = address.loadUnaligned(as: sockaddr_in.self)
            self.init(ipv4: UInt32(bigEndian: v4.sin_addr.s_addr), port: UInt16(bigEndian: v4.sin_port))
        case AF_INET6:
            let v6 = address.loadUnaligned(as: sockaddr_in6.self)
            let high = UInt64(bigEndian: address.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let low = UInt64(bigEndian: address.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            let port = UInt16(bigEndian: v6.sin6_port)
            if high == 0, low >> 32 == 0xffff {
                self.init(ipv4: UInt32(truncatingIfNeeded: low), port: port)
            } else {
                self.init(.ipv6, port: port, scope: v6.sin6_scope_id, high: high, low: low)
            }
        case AF_UNIX:
            let start = address.assumingMemoryBound(to: UInt8.self) + 2
            var count = 0
            while count < length - 2, start[count] != 0 { count += 1 }
            self.init(unixPath: String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self))
        default:
            return nil
        }
    }

    /// Lends the address as the kernel wants it.
    func withSystemAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var storage = sockaddr_storage()
        let length = withUnsafeMutableBytes(of: &storage) { fill($0) }
        return withUnsafeBytes(of: &storage) {
            body($0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: sockaddr.self), socklen_t(length))
        }
    }

    private func fill(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        switch family {
        case .ipv4:
            bytes.storeBytes(of: sa_family_t(AF_INET), as: sa_family_t.self)
            bytes.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: low).bigEndian, toByteOffset: 4, as: UInt32.self)
            return MemoryLayout<sockaddr_in>.size
        case .ipv6:
            bytes.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
            bytes.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            bytes.storeBytes(of: high.bigEndian, toByteOffset: 8, as: UInt64.self)
            bytes.storeBytes(of: low.bigEndian, toByteOffset: 16, as: UInt64.self)
            bytes.storeBytes(of: scope, toByteOffset: 24, as: UInt32.self)
            return MemoryLayout<sockaddr_in6>.size
        case .unix:
            bytes.storeBytes(of: sa_family_t(AF_UNIX), as: sa_family_t.self)
            // `parse` has refused longer paths; the last byte stays zero.
            let count = min(path.utf8.count, SocketAddress.pathLimit)
            for (offset, byte) in path.utf8.prefix(count).enumerated() { bytes[2 + offset] = byte }
            return 2 + count + 1
        }
    }

    /// sun_path less its zero.
    private static let pathLimit = MemoryLayout<sockaddr_un>.size - 2 - 1

    /// The own address of a socket, with the port the kernel chose.
    static func local(of descriptor: Int32) throws(SystemError) -> SocketAddress {
        try read("getsockname", descriptor, getsockname)
    }

    /// The other side's address of a connected socket.
    static func peer(of descriptor: Int32) throws(SystemError) -> SocketAddress {
        try read("getpeername", descriptor, getpeername)
    }

    private static func read(
        _ call: String, _ descriptor: Int32,
        _ function: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) throws(SystemError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutableBytes(of: &storage) {
            function(descriptor, $0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: sockaddr.self), &length)
        }
        if result < 0 { throw SystemError(gwl_errno(), call) }
        let address = withUnsafeBytes(of: &storage) {
            SocketAddress($0.baseAddress.unsafelyUnwrapped, length: Int(length))
        }
        guard let address else { throw SystemError(EAFNOSUPPORT, call) }
        return address
    }

    // MARK: Text

    /// Reads "127.0.0.1:3000", "[::1]:3000", "*:3000", "localhost:3000" or "unix:/path". Names are
    /// not resolved.
    static func parse(_ text: String) throws(AddressError) -> SocketAddress {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, path.utf8.count <= pathLimit, !path.utf8.contains(0) else {
                throw AddressError(text: text, reason: "a socket's path has 1 to \(pathLimit) bytes")
            }
            return SocketAddress(unixPath: path)
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw AddressError(text: text, reason: "the port is missing; write host:port")
        }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(digits) else {
            throw AddressError(text: text, reason: "the port must be a number from 0 to 65535")
        }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            guard let address = literal(String(host.dropFirst().dropLast()), port: port), address.family == .ipv6 else {
                throw AddressError(text: text, reason: "what is between the brackets is not an IPv6 address")
            }
            return address
        }
        switch host {
        case "*": return SocketAddress(ipv4: 0, port: port)
        case "localhost": return loopback(port: port)
        default: break
        }
        if host.contains(":") {
            throw AddressError(text: text, reason: "write an IPv6 address in brackets, as [::1]:3000")
        }
        guard let address = literal(String(host), port: port) else {
            throw AddressError(text: text, reason: "the host must be an IP address, localhost or *")
        }
        return address
    }

    /// An IP address without brackets; nil when it is none (a name, for instance).
    static func literal(_ host: String, port: UInt16) -> SocketAddress? {
        var v4 = in_addr()
        if inet_pton(AF_INET, host, &v4) == 1 {
            return SocketAddress(ipv4: UInt32(bigEndian: v4.s_addr), port: port)
        }
        var v6: (UInt64, UInt64) = (0, 0)
        guard inet_pton(AF_INET6, host, &v6) == 1 else { return nil }
        return SocketAddress(.ipv6, port: port, high: UInt64(bigEndian: v6.0), low: UInt64(bigEndian: v6.1))
    }

    /// Writes the address without its port ("192.0.2.7", "2001:db8::1", a path), cut to the buffer;
    /// 64 bytes hold every IP address. Returns the count. No allocation for IP addresses.
    func writeHost(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        switch family {
        case .ipv4: return writeIPv4(base, buffer.count)
        case .ipv6: return writeIPv6(base, buffer.count)
        case .unix:
            var count = 0
            for byte in path.utf8 where count < buffer.count {
                base[count] = byte
                count += 1
            }
            return count
        }
    }

    private func writeIPv4(_ base: UnsafeMutablePointer<UInt8>, _ capacity: Int) -> Int {
        guard capacity >= 15 else { return 0 }
        var count = 0
        for shift: UInt64 in [24, 16, 8, 0] {
            let byte = UInt8(truncatingIfNeeded: low >> shift)
            if byte >= 100 {
                base[count] = 0x30 + byte / 100
                count += 1
            }
            if byte >= 10 {
                base[count] = 0x30 + byte / 10 % 10
                count += 1
            }
            base[count] = 0x30 + byte % 10
            count += 1
            if shift != 0 {
                base[count] = 0x2e
                count += 1
            }
        }
        return count
    }

    private func writeIPv6(_ base: UnsafeMutablePointer<UInt8>, _ capacity: Int) -> Int {
        var address = (high.bigEndian, low.bigEndian)
        let text = UnsafeMutableRawPointer(base).assumingMemoryBound(to: CChar.self)
        guard inet_ntop(AF_INET6, &address, text, socklen_t(capacity)) != nil else { return 0 }
        return strlen(text)
    }

    /// The address without its port.
    var host: String {
        if family == .unix { return path }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: SocketAddress.textLimit) {
            String(decoding: $0[..<writeHost(into: $0)], as: UTF8.self)
        }
    }

    /// As `parse` reads it.
    var description: String {
        switch family {
        case .ipv4: "\(host):\(port)"
        case .ipv6: "[\(host)]:\(port)"
        case .unix: "unix:\(path)"
        }
    }
}

/// A text that is no address, and why.
struct AddressError: Error, Equatable, CustomStringConvertible {
    let text: String
    let reason: String

    var description: String { "address \"\(text)\": \(reason)" }
}
