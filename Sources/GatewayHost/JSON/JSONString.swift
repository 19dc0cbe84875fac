// JSON strings, from and to their escaped form (RFC 8259 section 7).
//
// Kind: value (pure functions).

import CLinux

enum JSONString {
    /// Decodes what stands between the quotation marks; the result is never longer than `raw`.
    ///
    /// A surrogate without its partner, which JSON's grammar allows and Unicode does not, becomes
    /// U+FFFD. Bytes that are not escaped are copied as they are.
    /// - Parameter target: has room for `raw.count` bytes, and lies elsewhere than `raw`.
    /// - Returns: how many bytes were written; nil when an escape is malformed.
    static func decode(_ raw: Bytes, to target: UnsafeMutablePointer<UInt8>) -> Int? {
        guard let base = raw.base else { return 0 }
        var at = 0
        var count = 0
        while at < raw.count {
            let stop = copyPlain(base, at, raw.count, target, &count)
            guard stop < raw.count else { break }
            guard base[stop] == 0x5c, stop + 1 < raw.count else { return nil }
            at = stop + 2
            switch base[stop + 1] {
            case 0x22, 0x5c, 0x2f: target[count] = base[stop + 1]
            case 0x62: target[count] = 0x08
            case 0x66: target[count] = 0x0c
            case 0x6e: target[count] = 0x0a
            case 0x72: target[count] = 0x0d
            case 0x74: target[count] = 0x09
            case 0x75:
                guard let scalar = decodeUnicodeEscape(raw, &at) else { return nil }
                count += UTF8Sequence.write(scalar, to: target + count)
                continue
            default: return nil
            }
            count += 1
        }
        assert(count <= raw.count)
        return count
    }

    /// Copies up to the next quotation mark or backslash, whose position or `end` it returns.
    ///
    /// Never writes more than it may read: the target is behind by as many bytes as the escapes have saved.
    @inline(__always)
    private static func copyPlain(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int,
        _ target: UnsafeMutablePointer<UInt8>, _ count: inout Int
    ) -> Int {
        assert(count <= start)
        var at = start
        while at &+ 16 <= end {
            UnsafeMutableRawPointer(target + count).storeBytes(
                of: ByteSearch.load(base, at), as: ByteSearch.Lanes.self)
            let found = gwl_mask16_either(base + at, 0x22, 0x5c)
            let taken = found == 0 ? 16 : found.trailingZeroBitCount
            at &+= taken
            count &+= taken
            if found != 0 { return at }
        }
        while at < end, base[at] != 0x22, base[at] != 0x5c {
            target[count] = base[at]
            at &+= 1
            count &+= 1
        }
        return at
    }

    /// The same, appended to an array. False, and nothing appended, when an escape is malformed.
    static func decode(_ raw: Bytes, into target: inout [UInt8]) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(raw.count, 1)) { room in
            guard let base = room.baseAddress, let count = decode(raw, to: base) else { return false }
            target.append(contentsOf: UnsafeBufferPointer(start: base, count: count))
            return true
        }
    }

    /// Reads the digits behind `\u` at `at`, and the second half of a surrogate pair if it follows.
    private static func decodeUnicodeEscape(_ raw: Bytes, _ at: inout Int) -> UInt32? {
        guard let first = hexadecimal(raw, at) else { return nil }
        at += 4
        guard first & 0xfc00 == 0xd800, at + 6 <= raw.count, raw[at] == 0x5c, raw[at + 1] == 0x75,
            let second = hexadecimal(raw, at + 2), second & 0xfc00 == 0xdc00
        else { return first }
        at += 6
        return 0x10000 + (first & 0x3ff) << 10 + (second & 0x3ff)
    }

    /// The four hexadecimal digits at `at`.
    static func hexadecimal(_ raw: Bytes, _ at: Int) -> UInt32? {
        guard at + 4 <= raw.count else { return nil }
        var value: UInt32 = 0
        for index in at..<(at + 4) {
            guard let digit = hexadecimalDigit(raw[index]) else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    @inline(__always)
    static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
        let lower = byte | 0x20
        if byte &- 0x30 < 10 { return byte &- 0x30 }
        return lower >= 0x61 && lower <= 0x66 ? lower &- 0x57 : nil
    }

    /// Appends the escaped form of any bytes, without quotation marks.
    ///
    /// The result is always valid: each byte that is not part of well-formed UTF-8 becomes U+FFFD, so
    /// that what a client sent can be logged as it came.
    static func appendEscaped(_ text: Bytes, to target: inout [UInt8]) {
        guard let base = text.base else { return }
        var at = 0
        while at < text.count {
            let stop = ByteSearch.notPlainText(in: base, from: at, to: text.count)
            target.append(contentsOf: text.slice(at, stop).buffer)
            guard stop < text.count else { return }
            at = stop + 1
            let byte = base[stop]
            switch byte {
            case 0x22, 0x5c: target += [0x5c, byte]
            case 0x0a: target += [0x5c, 0x6e]
            case 0x0d: target += [0x5c, 0x72]
            case 0x09: target += [0x5c, 0x74]
            case 0..<0x20: target += [0x5c, 0x75, 0x30, 0x30, digit(byte >> 4), digit(byte & 15)]
            default:
                let count = UTF8Sequence.count(base, stop, text.count)
                if count == 0 {
                    target += [0xef, 0xbf, 0xbd]
                } else {
                    target.append(contentsOf: text.slice(stop, stop + count).buffer)
                    at = stop + count
                }
            }
        }
    }

    @inline(__always)
    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 + value - 10 }
}
