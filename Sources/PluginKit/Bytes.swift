// A view of bytes that somebody else owns: what the host hands to a plugin and takes from it.
//
// Two words, the same two as gw_str, so that a header, an attribute or a chunk passes through a
// plugin without a String, a copy or an allocation. Absent (no base) is not the same as empty.
//
// Kind: value, and not Sendable: a view is only good in the scope that its source names, which is
// the request or the call. Make a `string` of what has to live longer.

import Glibc
@_exported import PluginABI

public struct Bytes {
    public let base: UnsafePointer<UInt8>?
    public let count: Int

    @inlinable @inline(__always)
    public init(base: UnsafePointer<UInt8>?, count: Int) {
        self.base = base
        self.count = count
    }

    /// What the contract calls a gw_str; nothing is copied.
    @inlinable @inline(__always)
    public init(_ view: gw_str) {
        base = view.ptr.map { UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self) }
        count = view.len
    }

    @inlinable @inline(__always)
    public init(_ buffer: UnsafeBufferPointer<UInt8>) {
        base = buffer.baseAddress
        count = buffer.count
    }

    @inlinable public static var absent: Bytes { Bytes(base: nil, count: 0) }

    @inlinable public var isAbsent: Bool { base == nil }
    @inlinable public var isEmpty: Bool { count == 0 }

    @inlinable @inline(__always)
    public var abi: gw_str {
        gw_str(
            ptr: base.map { UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self) }, len: count)
    }

    @inlinable @inline(__always)
    public var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    /// The byte at `index`, which must be inside.
    @inlinable @inline(__always)
    public subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < count, "a byte outside of its view")
        return base.unsafelyUnwrapped[index]
    }

    /// The part from `start` up to `end`; both must be inside.
    @inlinable @inline(__always)
    public func slice(_ start: Int, _ end: Int) -> Bytes {
        precondition(start >= 0 && start <= end && end <= count, "a slice outside of its view")
        return Bytes(base: base.map { $0 + start }, count: end - start)
    }

    /// Equal bytes. An absent view equals an absent one and nothing else.
    @inlinable
    public func equals(_ other: Bytes) -> Bool {
        guard count == other.count, isAbsent == other.isAbsent else { return false }
        guard let base, let otherBase = other.base else { return true }
        return memcmp(base, otherBase, count) == 0
    }

    /// Equal but for the case of ASCII letters (RFC 9110 section 5.1).
    public func equalsIgnoringCase(_ other: Bytes) -> Bool {
        guard count == other.count else { return false }
        guard let base, let otherBase = other.base, count > 0 else { return true }
        let difference = Self.difference(UnsafeRawPointer(base), UnsafeRawPointer(otherBase), count)
        // Nearly everybody writes what we write, so most answers are here; letters of either case differ in one bit.
        if difference == 0 { return true }
        if difference & ~0x2020_2020_2020_2020 != 0 { return false }
        for index in 0..<count where lower(base[index]) != lower(otherBase[index]) { return false }
        return true
    }

    /// The bits in which `count` bytes differ, at least one, by their place in a word. Looks at eight bytes at a time, the
    /// last eight from the end, so that some are looked at twice and none outside.
    @inline(__always)
    private static func difference(_ these: UnsafeRawPointer, _ those: UnsafeRawPointer, _ count: Int) -> UInt64 {
        func word(_ at: Int) -> UInt64 {
            these.loadUnaligned(fromByteOffset: at, as: UInt64.self) ^ those.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        }
        func half(_ at: Int) -> UInt32 {
            these.loadUnaligned(fromByteOffset: at, as: UInt32.self) ^ those.loadUnaligned(fromByteOffset: at, as: UInt32.self)
        }
        var difference: UInt64 = 0
        if count >= 8 {
            var at = 0
            while at < count &- 8 {
                difference |= word(at)
                at &+= 8
            }
            difference |= word(count &- 8)
        } else if count >= 4 {
            difference = UInt64(half(0) | half(count &- 4))
        } else {
            for at in 0..<count {
                difference |= UInt64(these.load(fromByteOffset: at, as: UInt8.self) ^ those.load(fromByteOffset: at, as: UInt8.self))
            }
        }
        return difference
    }

    @inlinable
    public func hasPrefix(_ prefix: Bytes) -> Bool {
        guard count >= prefix.count else { return false }
        guard let base, let prefixBase = prefix.base else { return prefix.isEmpty }
        return memcmp(base, prefixBase, prefix.count) == 0
    }

    /// Without the spaces and tabs around it, which a header field may carry.
    public var trimmed: Bytes {
        var start = 0
        var end = count
        while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
        while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
        return slice(start, end)
    }

    /// The decimal number that these bytes are and nothing else: no sign, no blank, below 10^18.
    public var decimal: Int? {
        guard count > 0, count <= 18 else { return nil }
        var value = 0
        for byte in buffer {
            let digit = byte &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int(digit)  // eighteen digits fit
        }
        return value
    }

    /// A copy as text, invalid UTF-8 repaired. Allocates: keep it off the path of a request.
    public var string: String { String(decoding: buffer, as: UTF8.self) }
}

extension Bytes: ExpressibleByStringLiteral {
    @inlinable @inline(__always)
    public init(stringLiteral literal: StaticString) {
        base = literal.utf8Start
        count = literal.utf8CodeUnitCount
    }
}

@inline(__always)
private func lower(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
}

extension String {
    /// Runs `body` with a view of this text. The view is good inside `body` only.
    @inlinable
    public func withBytes<Result>(_ body: (Bytes) -> Result) -> Result {
        var copy = self
        return copy.withUTF8 { body(Bytes($0)) }
    }
}
