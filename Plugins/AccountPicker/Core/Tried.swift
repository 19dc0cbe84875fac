// Serials of the accounts that an exchange has tried. The host allows at most twenty attempts
// (`limits.attempts`); if it ever allows more, the oldest are forgotten and eligible again.
//
// Kind: pure value.

struct Tried: BitwiseCopyable {
    private static let limit = 20
    private var serials = InlineArray<20, UInt32>(repeating: 0)
    private var count: Int32 = 0

    var isEmpty: Bool { count == 0 }

    mutating func insert(_ serial: UInt32) {
        guard !contains(serial) else { return }
        serials[Int(count) % Self.limit] = serial
        count += 1
    }

    /// It may be tried once more.
    mutating func remove(_ serial: UInt32) {
        for slot in 0..<min(Int(count), Self.limit) where serials[slot] == serial { serials[slot] = 0 }
    }

    func contains(_ serial: UInt32) -> Bool {
        for slot in 0..<min(Int(count), Self.limit) where serials[slot] == serial { return true }
        return false
    }
}
