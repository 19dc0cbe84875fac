// A bounded table from a label's text to a small number, so that what clients send can never make
// the set of series grow without end.
//
// The last number stands for everything that came too late or is not fit for a label. Looking up
// costs a hash and a comparison and allocates nothing; only a newcomer is copied.
//
// Kind: confined to its worker.

import PluginKit

struct LabelTable: ~Copyable {
    static let other: StaticString = "other"
    /// Longer texts are no names of models or routes.
    private static let lengthLimit = 128

    /// The texts by number, each in memory of its own.
    private let labels: UnsafeMutablePointer<Bytes>
    private var count = 0
    private let slots: UnsafeMutablePointer<Int32>
    private let mask: Int
    private let limit: Int
    /// The number of the text that was looked up last, which is most often the next one too.
    private var last = 0

    init(limit: Int) {
        self.limit = limit
        var size = 16
        while size < 2 * limit { size *= 2 }
        mask = size - 1
        labels = .allocate(capacity: max(limit, 1))
        slots = .allocate(capacity: size)
        slots.initialize(repeating: -1, count: size)
    }

    deinit {
        for index in 0..<count { labels[index].base?.deallocate() }
        labels.deallocate()
        slots.deallocate()
    }

    /// The number of "other"; the greatest there is.
    var otherIndex: Int { limit }

    /// How many numbers there can be, "other" included.
    var capacity: Int { limit + 1 }

    /// The number of `text`.
    /// - Parameter mayGrow: false: what is not known yet is "other".
    @inline(__always)
    mutating func index(of text: Bytes, mayGrow: Bool) -> Int {
        if last < count, text.count > 0, labels[last].equals(text) { return last }
        return find(text, mayGrow: mayGrow)
    }

    private mutating func find(_ text: Bytes, mayGrow: Bool) -> Int {
        guard !text.isEmpty, text.count <= Self.lengthLimit else { return limit }
        var slot = Int(truncatingIfNeeded: Self.hash(text)) & mask
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if labels[index].equals(text) {
                last = index
                return index
            }
            slot = (slot + 1) & mask
        }
        guard mayGrow, count < limit, text.buffer.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            return limit
        }
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
        _ = copy.initialize(from: text.buffer)
        slots[slot] = Int32(count)
        (labels + count).initialize(to: Bytes(UnsafeBufferPointer(copy)))
        count += 1
        return count - 1
    }

    /// Runs `body` with the text of a number.
    func withLabel<Result>(_ index: Int, _ body: (Bytes) -> Result) -> Result {
        body(index < count ? labels[index] : Bytes(stringLiteral: Self.other))
    }

    /// FNV-1a; the number of entries is bounded, so a chosen collision costs little.
    private static func hash(_ text: Bytes) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.buffer { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash ^ hash >> 32
    }
}
