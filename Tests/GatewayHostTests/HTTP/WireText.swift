// Bytes for parser tests: text that owns its memory, and the ways of cutting it in two and more.

@testable import GatewayHost

/// A copy of a text in memory of exactly its size, so that AddressSanitizer sees each byte read beyond.
final class WireText {
    private let memory: UnsafeMutableBufferPointer<UInt8>

    init(_ bytes: some Collection<UInt8>) {
        memory = .allocate(capacity: bytes.count)
        _ = memory.initialize(from: bytes)
    }

    convenience init(_ text: String) { self.init(Array(text.utf8)) }

    deinit { memory.deallocate() }

    var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(memory) }
    var bytes: Bytes { Bytes(UnsafeRawBufferPointer(memory)) }
    var count: Int { memory.count }

    /// The first `count` bytes, in memory of their own.
    func prefix(_ count: Int) -> WireText { WireText(memory.prefix(count)) }

    func text(_ range: Range<Int>) -> String { String(decoding: memory[range], as: UTF8.self) }

    /// Every way of feeding it that tests try: whole, cut once at each place, and byte by byte.
    var splits: [[WireText]] {
        var result: [[WireText]] = [[self]]
        for place in 0...count { result.append([WireText(memory[..<place]), WireText(memory[place...])]) }
        result.append(memory.map { WireText([$0]) })
        return result
    }
}

/// Runs `body` on the bytes of a text.
func withWire<Result>(_ text: String, _ body: (Bytes) throws -> Result) rethrows -> Result {
    let wire = WireText(text)
    return try withExtendedLifetime(wire) { try body(wire.bytes) }
}
