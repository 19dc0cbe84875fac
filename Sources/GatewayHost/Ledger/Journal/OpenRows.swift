// Which requests have an open row and no seal yet, and in which segment that row stands.
//
// Each request of the gateway comes in and goes out again, so this is a table of its own: slots in one array, a request
// at the first free one from the place that its id is hashed to. Where one leaves, those behind it move up, so that nothing marks
// where it was.
//
// Kind: value. Pure. Invariant: at most a quarter of the slots are taken, so that every search ends, and soon.

struct OpenRows {
    private struct Slot {
        var id = RowID.zero
        var segment = OpenRows.free
    }

    /// No segment has this number.
    private static let free = UInt64.max

    private var slots = [Slot](repeating: Slot(), count: 256)
    private(set) var count = 0

    var ids: [RowID] { slots.filter { $0.segment != Self.free }.map(\.id).sorted() }

    mutating func saw(_ head: RowDecoder.Head, in segment: UInt64) {
        switch head.kind {
        case .open: insert(head.id, segment)
        case .sealed: remove(head.id)
        case .attempt, .checkpoint: break
        }
    }

    /// The first segment that has an open row; `otherwise` when none has.
    func oldestSegment(_ otherwise: UInt64) -> UInt64 { count == 0 ? otherwise : slots.reduce(Self.free) { min($0, $1.segment) } }

    // MARK: Slots

    private mutating func insert(_ id: RowID, _ segment: UInt64) {
        if count >= slots.count / 4 { grow() }
        let place = place(of: id)
        if slots[place].segment == Self.free { count += 1 }
        slots[place] = Slot(id: id, segment: segment)
    }

    private mutating func remove(_ id: RowID) {
        var hole = place(of: id)
        guard slots[hole].segment != Self.free else { return }
        count -= 1
        let mask = slots.count - 1
        var next = (hole + 1) & mask
        while slots[next].segment != Self.free {
            // It may fill the hole if its search passes there: then it is not nearer to its home than the hole is to it.
            let home = home(of: slots[next].id)
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = Slot()
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: old.count * 2)
        for slot in old where slot.segment != Self.free { slots[place(of: slot.id)] = slot }
    }

    /// Where a request is, or the free slot where it belongs.
    private func place(of id: RowID) -> Int {
        let mask = slots.count - 1
        var place = home(of: id)
        while slots[place].segment != Self.free, slots[place].id != id { place = (place + 1) & mask }
        return place
    }

    /// Numbers of a process follow each other: multiplied by the golden ratio they lie far apart.
    private func home(of id: RowID) -> Int {
        let hash = (id.number ^ UInt64(id.tag)) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: hash >> 32) & (slots.count - 1)
    }
}
