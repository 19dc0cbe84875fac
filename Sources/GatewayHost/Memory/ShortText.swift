// A short piece of text that owns its bytes without allocating: a model name, a session, a message id.
//
// Kind: value. Invariant: count <= capacity; bytes behind count mean nothing.

struct ShortText: Sendable {
    static let capacity = 127

    private var storage = InlineArray<127, UInt8>(repeating: 0)
    private var length: UInt8 = 0

    /// Empty.
    init() {}

    /// A copy; nil when it does not fit.
    init?(_ bytes: Bytes) {
        guard set(bytes) else { return nil }
    }

    /// Becomes a copy, or empty where that does not fit; whether it fits.
    @inline(__always) @discardableResult
    mutating func set(_ bytes: Bytes) -> Bool {
        guard bytes.count <= Self.capacity else {
            length = 0
            return false
        }
        if bytes.count > 0 { withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: bytes.raw) } }
        length = UInt8(truncatingIfNeeded: bytes.count)
        return true
    }

    @inline(__always)
    mutating func clear() { length = 0 }

    var count: Int { Int(length) }
    var isEmpty: Bool { length == 0 }

    /// Lends the bytes for the call.
    @inline(__always)
    func withBytes<Result>(_ body: (Bytes) -> Result) -> Result {
        withUnsafeBytes(of: storage) {
            body(Bytes(base: $0.baseAddress?.assumingMemoryBound(to: UInt8.self), count: count))
        }
    }

    func equals(_ text: StaticString) -> Bool { withBytes { $0.equals(Bytes(text)) } }

    /// As text; invalid UTF-8 is repaired. Off the hot path.
    var string: String { withBytes { $0.string } }
}

extension ShortText: Equatable {
    static func == (one: ShortText, other: ShortText) -> Bool {
        one.withBytes { a in other.withBytes { b in a.equals(b) } }
    }
}
