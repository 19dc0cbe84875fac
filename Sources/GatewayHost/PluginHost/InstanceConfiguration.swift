// The configuration of one instance, as gw_host.config finds places in it.
//
// Texts with escapes are decoded once per question and kept as long as the instance, because that is
// what a plugin may keep them for.
//
// Kind: belongs to the control thread, like the function it serves.

import PluginABI

final class InstanceConfiguration {
    private let scanner: JSONScanner
    private var decoded: [UnsafeMutableRawBufferPointer] = []

    /// - Parameter text: JSON that outlives this object.
    init(_ text: Bytes) { scanner = JSONScanner(text) }

    deinit {
        for text in decoded { text.deallocate() }
    }

    /// The value at an RFC 6901 pointer; nil if there is none. Views live as long as this object.
    func value(at pointer: Bytes) -> gw_value? {
        guard let span = scanner.value(at: pointer) else { return nil }
        return JSONPlace(scanner: scanner, span: span).value { keep($0) }
    }

    private func keep(_ text: [UInt8]) -> Bytes {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(text.count, 1), alignment: 1)
        memory.copyBytes(from: text)
        decoded.append(memory)
        return Bytes(UnsafeRawBufferPointer(rebasing: memory[..<text.count]))
    }
}
