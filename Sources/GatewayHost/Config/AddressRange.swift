// IP addresses and ranges of them, as the configuration writes them: `10.0.0.0/8`, `::1`.
//
// An IPv4 address is kept as the IPv6 address it maps to (RFC 4291 section 2.5.5.2), so that a
// client that arrives on a dual-stack socket as ::ffff:10.1.2.3 is found in 10.0.0.0/8.
//
// Kind: value.

import Glibc

/// One IP address: 128 bits in two words, the most significant first.
struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    var high: UInt64
    var low: UInt64

    /// The address written as `127.0.0.1` or `::1` (no brackets, no zone, no port); nil if it is none.
    init?(_ text: String) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(four)
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        self.init(six)
    }

    init(_ four: in_addr) {
        high = 0
        low = 0xffff_0000_0000 | UInt64(UInt32(bigEndian: four.s_addr))
    }

    init(_ six: in6_addr) {
        (high, low) = withUnsafeBytes(of: six) { bytes in
            (
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// True for an IPv4 address, also when it arrived mapped into IPv6.
    var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    var isLoopback: Bool { isIPv4 ? low >> 24 & 0xff == 127 : high == 0 && low == 1 }

    var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        if isIPv4 {
            var four = in_addr(s_addr: UInt32(truncatingIfNeeded: low).bigEndian)
            inet_ntop(AF_INET, &four, &text, socklen_t(text.count))
        } else {
            var words = (high.bigEndian, low.bigEndian)
            inet_ntop(AF_INET6, &words, &text, socklen_t(text.count))
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// All addresses that share a prefix with `base`.
struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    let base: IPAddress
    /// 0 to 128; an IPv4 prefix is kept as 96 more than it was written.
    let prefix: Int

    static let loopback = [AddressRange("127.0.0.0/8")!, AddressRange("::1")!]

    /// A range as written: `ADDRESS/BITS`, or an address alone for just that one.
    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = IPAddress(String(parts[0])) else { return nil }
        let widest = base.isIPv4 ? 32 : 128
        var bits = widest
        if parts.count == 2 {
            let digits = parts[1].utf8
            guard (1...3).contains(digits.count), digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
                let written = Int(parts[1]), written <= widest
            else { return nil }
            bits = written
        }
        prefix = bits + 128 - widest
        let (highMask, lowMask) = AddressRange.masks(prefix)
        self.base = IPAddress(high: base.high & highMask, low: base.low & lowMask)
    }

    func contains(_ address: IPAddress) -> Bool {
        let (highMask, lowMask) = AddressRange.masks(prefix)
        return (address.high ^ base.high) & highMask == 0 && (address.low ^ base.low) & lowMask == 0
    }

    var description: String {
        let four = base.isIPv4 && prefix >= 96
        let bits = four ? prefix - 96 : prefix
        return bits == (four ? 32 : 128) ? base.description : "\(base)/\(bits)"
    }

    private static func masks(_ prefix: Int) -> (UInt64, UInt64) {
        let high: UInt64 = prefix == 0 ? 0 : prefix >= 64 ? .max : .max << UInt64(64 - prefix)
        let low: UInt64 = prefix <= 64 ? 0 : prefix >= 128 ? .max : .max << UInt64(128 - prefix)
        return (high, low)
    }
}

extension Array where Element == AddressRange {
    func contains(_ address: IPAddress) -> Bool {
        for range in self where range.contains(address) { return true }
        return false
    }
}
