// Bytes of a key: not copied by accident, not printed, overwritten when nobody needs them any more.
//
// Kind: shared; nothing changes them between `init` and `deinit`, which is what makes @unchecked Sendable sound.

import CLinux

final class SecretBytes: @unchecked Sendable, CustomStringConvertible, CustomReflectable {
    private let base: UnsafeMutableRawPointer
    let count: Int

    /// - Parameter fill: writes all of the memory it gets.
    init(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        base = .allocate(byteCount: max(count, 1), alignment: 16)
        self.count = count
        fill(UnsafeMutableRawBufferPointer(start: base, count: count))
    }

    /// A copy; the caller wipes its own.
    convenience init(copying bytes: UnsafeRawBufferPointer) {
        self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
    }

    deinit {
        gwl_wipe(base, count)
        base.deallocate()
    }

    func withBytes<Result>(_ body: (Bytes) -> Result) -> Result {
        body(Bytes(UnsafeRawBufferPointer(start: base, count: count)))
    }

    var description: String { Secret.redacted }
    var customMirror: Mirror { Mirror(self, children: [], displayStyle: .class) }
}

extension [UInt8] {
    /// Overwrites the elements with zeros. Reaches other copies only if there are none: use it on what was not shared.
    mutating func wipe() {
        withUnsafeMutableBytes { gwl_wipe($0.baseAddress, $0.count) }
    }
}
