// A bounded table from a label's text to a small number, so that what clients send can never make
// the set of series grow without end.
//
// The last number stands for everything that came too late or is not fit for a label. Looking up
// costs a hash and a comparison and allocates nothing; only a newcomer is copied.
//
// Kind: confined to its worker.

import PluginKit

struct LabelTable {
    static let other: StaticString = "other"
    /// Longer texts are no names of models or routes.
    private static let lengthLimit = 128

    private var labels: [[UInt8]] = []
    private var slots: [Int32]
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
        var size = 16
        while size < 2 * limit { size *= 2 }
        slots = Array(repeating: -1, count: size)
    }

    /// The number of "other"; the greatest there is.
    var otherIndex: Int { limit }

    /// How many numbers there can be, "other" included.
    var capacity: Int { limit + 1 }

    /// The number of `text`.
    /// - Parameter mayGrow: false: what is not known yet is "other".
    mutating func index(of text: Bytes, mayGrow: Bool) -> Int {
        guard !text.isEmpty, text.count <= Self.lengthLimit else { return limit }
        var slot = Int(truncatingIfNeeded: Self.hash(text)) & (slots.count - 1)
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if labels[index].withUnsafeBufferPointer({ Bytes($0).equals(text) }) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        guard mayGrow, labels.count < limit, text.buffer.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            return limit
        }
        slots[slot] = Int32(labels.count)
        labels.append(Array(text.buffer))
        return labels.count - 1
    }

    /// Runs `body` with the text of a number.
    func withLabel<Result>(_ index: Int, _ body: (Bytes) -> Result) -> Result {
        guard index < labels.count else { return body(Bytes(stringLiteral: Self.other)) }
        return labels[index].withUnsafeBufferPointer { body(Bytes($0)) }
    }

    /// FNV-1a; the number of entries is bounded, so a chosen collision costs little.
    private static func hash(_ text: Bytes) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.buffer { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash ^ hash >> 32
    }
}
