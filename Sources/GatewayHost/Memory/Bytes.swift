// A view of bytes that somebody else owns.
//
// The one currency for bytes inside the host: request heads, header values, bodies, chunks. It is
// two words, trivially copied, and owns nothing; whoever hands one out says how long it lives, as
// the plugin contract does for gw_str, with which it shares its layout. Absent (nil base) is not
// the same as empty.
//
// Kind: value. Reading past the scope of the owner is a bug of ours that no type catches: keep
// views on the stack or in the exchange whose arena they point into.

import CLinux
import PluginABI

struct Bytes: @unchecked Sendable {
    var base: UnsafePointer<UInt8>?
    var count: Int

    static let absent = Bytes(base: nil, count: 0)

    @inline(__always)
    init(base: UnsafePointer<UInt8>?, count: Int) {
        self.base = base
        self.count = count
    }

    @inline(__always)
    init(_ literal: StaticString) {
        base = literal.utf8Start
        count = literal.utf8CodeUnitCount
    }

    @inline(__always)
    init(_ buffer: UnsafeRawBufferPointer) {
        base = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        count = buffer.count
    }

    @inline(__always)
    init(_ string: gw_str) {
        base = string.ptr.map { UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self) }
        count = string.len
    }

    @inline(__always) var isAbsent: Bool { base == nil }
    @inline(__always) var isEmpty: Bool { count == 0 }

    @inline(__always)
    subscript(index: Int) -> UInt8 {
        assert(index >= 0 && index < count)
        return base.unsafelyUnwrapped[index]
    }

    /// The part from `start` up to `end`, both inside this view.
    @inline(__always)
    func slice(_ start: Int, _ end: Int) -> Bytes {
        assert(start >= 0 && start <= end && end <= count)
        return Bytes(base: base.map { $0 + start }, count: end - start)
    }

    /// The same view for the plugin contract.
    @inline(__always)
    var abi: gw_str {
        gw_str(ptr: base.map { UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self) }, len: count)
    }

    @inline(__always)
    var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    @inline(__always)
    var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Equal bytes; absent equals only absent.
    @inline(__always)
    func equals(_ other: Bytes) -> Bool {
        guard count == other.count, isAbsent == other.isAbsent else { return false }
        return count == 0 || memcmp(base.unsafelyUnwrapped, other.base.unsafelyUnwrapped, count) == 0
    }

    /// Equal to a literal, whose bytes become constants of the compare.
    @inline(__always)
    func equals(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && begins(with: text) }

    /// Begins with a literal.
    ///
    /// Words of eight bytes, the last of them overlapping the one before.
    @inline(__always)
    func begins(with text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard count >= length, let base else { return length == 0 }
        let one = UnsafeRawPointer(base)
        let other = UnsafeRawPointer(text.utf8Start)
        @inline(__always)
        func differ<Word: FixedWidthInteger & BitwiseCopyable>(_ at: Int, _ word: Word.Type) -> Bool {
            one.loadUnaligned(fromByteOffset: at, as: word) != other.loadUnaligned(fromByteOffset: at, as: word)
        }
        if length >= 8 {
            var at = 0
            while at &+ 8 <= length {
                if differ(at, UInt64.self) { return false }
                at &+= 8
            }
            return at == length || !differ(length &- 8, UInt64.self)
        }
        if length >= 4 { return !differ(0, UInt32.self) && !differ(length &- 4, UInt32.self) }
        for at in 0..<length where differ(at, UInt8.self) { return false }
        return true
    }

    /// Equal but for ASCII case, as header names are compared (RFC 9110 section 5.1).
    @inline(__always)
    func equalsIgnoringCase(_ other: Bytes) -> Bool {
        guard count == other.count else { return false }
        guard let a = base, let b = other.base else { return count == 0 }
        // Most names that are equal are so in every bit: eight bytes a step until two differ.
        var i = 0
        while i &+ 8 <= count {
            let left = UnsafeRawPointer(a).loadUnaligned(fromByteOffset: i, as: UInt64.self)
            if left != UnsafeRawPointer(b).loadUnaligned(fromByteOffset: i, as: UInt64.self) { break }
            i &+= 8
        }
        while i < count {
            if a[i] != b[i] {
                let x = a[i] | 0x20
                guard x == b[i] | 0x20, x >= 0x61, x <= 0x7a else { return false }
            }
            i &+= 1
        }
        return true
    }

    func hasPrefix(_ prefix: Bytes) -> Bool {
        count >= prefix.count && (prefix.count == 0 || memcmp(base!, prefix.base!, prefix.count) == 0)
    }

    /// The decimal number these bytes are, and nothing else; nil for signs, blanks or overflow.
    var decimal: Int? {
        guard count > 0, count <= 18, let base else { return nil }
        var value = 0
        for i in 0..<count {
            let digit = base[i] &- 0x30
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }

    /// FNV-1a, for small tables keyed by bytes.
    var hash: UInt64 {
        var h: UInt64 = 0xcbf2_9ce4_8422_2325
        for i in 0..<count { h = (h ^ UInt64(base.unsafelyUnwrapped[i])) &* 0x100_0000_01b3 }
        return h
    }

    /// A copy as text; invalid UTF-8 is repaired. Off the hot path.
    var string: String { String(decoding: buffer, as: UTF8.self) }
}
