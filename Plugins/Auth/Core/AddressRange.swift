// A range of network addresses in CIDR notation, and the one comparison it is for.
//
// IPv4 is held as the IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2), so that "10.0.0.0/8"
// also matches a client that a dual-stack socket reports as "::ffff:10.1.2.3". Kind: value.

import Glibc
import PluginKit

struct Address: Equatable {
    let high: UInt64
    let low: UInt64

    /// Reads dotted or colon notation without a port, brackets or a zone; nil for everything else.
    init?(_ text: Bytes) {
        // INET6_ADDRSTRLEN is the longest text of an address, its NUL included.
        guard text.count > 0, text.count < Int(INET6_ADDRSTRLEN) else { return nil }
        var bytes: (UInt64, UInt64) = (0, 0)
        let isIPv4 = !text.buffer.contains(UInt8(ascii: ":"))
        let ok = withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { copy in
            for index in 0..<text.count { copy[index] = CChar(bitPattern: text[index]) }
            copy[text.count] = 0
            return withUnsafeMutableBytes(of: &bytes) { bytes in
                if isIPv4 {
                    bytes[10] = 0xff
                    bytes[11] = 0xff
                    return inet_pton(AF_INET, copy.baseAddress!, bytes.baseAddress! + 12) == 1
                }
                return inet_pton(AF_INET6, copy.baseAddress!, bytes.baseAddress!) == 1
            }
        }
        guard ok else { return nil }
        high = UInt64(bigEndian: bytes.0)
        low = UInt64(bigEndian: bytes.1)
    }

    fileprivate var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }
}

struct AddressRange {
    private let base: Address
    private let highMask: UInt64
    private let lowMask: UInt64

    /// Reads "10.0.0.0/8", "2001:db8::/32" or a single address.
    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = String(parts[0]).withBytes({ Address($0) }) else { return nil }
        var bits = 128
        if parts.count == 2 {
            guard let given = String(parts[1]).withBytes({ $0.decimal }),
                given <= (address.isIPv4 ? 32 : 128)
            else { return nil }
            bits = address.isIPv4 && !parts[0].contains(":") ? given + 96 : given
        }
        base = address
        highMask = bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
        lowMask = bits <= 64 ? 0 : bits == 128 ? .max : ~(UInt64.max >> UInt64(bits - 64))
    }

    func contains(_ address: Address) -> Bool {
        (address.high ^ base.high) & highMask == 0 && (address.low ^ base.low) & lowMask == 0
    }
}
