// A hierarchical timing wheel: who is due by now, and when to look again.
//
// Four levels of 64 slots. A slot of level L spans 64^L ticks of 2^22 ns (4.2 ms), so the levels
// reach 0.27 s, 17 s, 18 min and 19.5 h. Timers further away wait in the last slot and are put
// back when they come up. One word per level marks the slots that may hold something.
//
// Lazy on purpose: an exchange moves its idle deadline with every chunk, and nearly no deadline is
// ever reached. Arming to a later time, and disarming, only store the deadline; the node stays where
// it is and is judged when its slot comes up: fire, put back, or forget.
//
// Invariants
//  1. A linked node is in the slot of its `dueTick`, which is not before `currentTick`.
//  2. An armed timer is linked, and its `dueTick` is not after the tick of its deadline.
//  3. A slot with a linked node has its bit set; a set bit may belong to an empty slot.
//  4. No timer fires before its deadline; it fires within one tick after it, plus the turn's length.
//
// Kind: a value that is not copied; knows no clock and no descriptor. The caller brings the time.

struct TimerWheel: ~Copyable {
    static let tickShift: UInt64 = 22
    static let levels = 4
    private static let slotShift: UInt64 = 6
    private static let slots: UInt64 = 64
    /// The furthest a node is placed ahead; beyond, the last slot of the last level.
    private static let horizon: UInt64 = (63 << (slotShift * 3))

    /// levels * slots heads, and one for the nodes that are due.
    private let heads: UnsafeMutablePointer<TimerNode>
    private var due: UnsafeMutablePointer<TimerNode> { heads + TimerWheel.headCount - 1 }
    private static let headCount = levels * Int(slots) + 1
    private var occupied: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// Every slot up to and including this tick has been looked at.
    private(set) var currentTick: UInt64

    init(now: Instant) {
        currentTick = now.nanoseconds >> TimerWheel.tickShift
        heads = .allocate(capacity: TimerWheel.headCount)
        for index in 0..<TimerWheel.headCount {
            let head = heads + index
            head.initialize(to: TimerNode(next: head, previous: head, timer: nil))
        }
    }

    deinit {
        // Timers may outlive the wheel; leave them linked to nothing.
        for index in 0..<TimerWheel.headCount {
            while TimerNode.isLinked(heads + index) { TimerNode.unlink(heads[index].next) }
        }
        heads.deallocate()
    }

    /// Sets the deadline of `timer`, whatever it was before. O(1), and only a store when the timer
    /// is queued already and the deadline moves away, which is the usual case.
    @inline(__always)
    mutating func arm(_ timer: LoopTimer, at deadline: Instant) {
        let node = timer.node
        node.pointee.deadline = deadline
        if TimerNode.isLinked(node), node.pointee.dueTick <= TimerWheel.tick(of: deadline) { return }
        if deadline == .distantFuture { return }
        enqueue(node)
    }

    /// The timer will not fire. O(1), only a store.
    @inline(__always)
    func disarm(_ timer: LoopTimer) { timer.node.pointee.deadline = .distantFuture }

    /// Moves the wheel to `now`, so that `nextDue` finds what is due. A time before the last one is ignored.
    mutating func advance(to now: Instant) {
        let target = now.nanoseconds >> TimerWheel.tickShift
        guard target > currentTick else { return }
        for level in 0..<TimerWheel.levels {
            let shift = TimerWheel.slotShift * UInt64(level)
            let from = currentTick >> shift
            let to = target >> shift
            if from == to { break }
            // The slots from+1 ... to have come up; more than a whole round is a whole round.
            let passed = to - from
            var mask: UInt64 = passed >= TimerWheel.slots ? .max : (1 << passed) - 1
            mask = TimerWheel.rotateLeft(mask, by: (from + 1) & 63) & bits(level)
            setBits(level, bits(level) & ~mask)
            while mask != 0 {
                let slot = mask.trailingZeroBitCount
                mask &= mask - 1
                moveToDue(heads + (level * Int(TimerWheel.slots) + slot))
            }
        }
        currentTick = target
    }

    /// Takes out the next timer whose deadline is not after `now`; it is then disarmed. nil when
    /// there is none left. Between two calls timers may be armed, disarmed and destroyed at will.
    @inline(__always)
    mutating func nextDue(_ now: Instant) -> LoopTimer? {
        TimerNode.isLinked(due) ? takeDue(now) : nil
    }

    private mutating func takeDue(_ now: Instant) -> LoopTimer? {
        while TimerNode.isLinked(due) {
            let node = due.pointee.next
            TimerNode.unlink(node)
            let deadline = node.pointee.deadline
            if deadline == .distantFuture { continue }
            if deadline > now {
                enqueue(node)
            } else {
                node.pointee.deadline = .distantFuture
                return node.pointee.timer.unsafelyUnwrapped.takeUnretainedValue()
            }
        }
        return nil
    }

    /// When to call `advance` again at the latest; nil when nothing is queued. May be early (a
    /// cascade, a moved deadline), never late.
    func nextLook() -> Instant? {
        var soonest = UInt64.max
        for level in 0..<TimerWheel.levels {
            let word = bits(level)
            if word == 0 { continue }
            let shift = TimerWheel.slotShift * UInt64(level)
            let position = currentTick >> shift
            // The first set bit after the current slot, in the order in which the slots come up.
            let turned = TimerWheel.rotateRight(word, by: (position + 1) & 63)
            let ahead = UInt64(turned.trailingZeroBitCount) + 1
            soonest = min(soonest, (position + ahead) << shift)
        }
        return soonest == .max ? nil : Instant(nanoseconds: soonest << TimerWheel.tickShift)
    }

    // MARK: Placing

    /// The first tick that is not before `deadline`.
    @inline(__always)
    static func tick(of deadline: Instant) -> UInt64 {
        (deadline.nanoseconds >> tickShift) + (deadline.nanoseconds & ((1 << tickShift) - 1) == 0 ? 0 : 1)
    }

    private mutating func enqueue(_ node: UnsafeMutablePointer<TimerNode>) {
        TimerNode.unlink(node)
        let wanted = min(
            max(TimerWheel.tick(of: node.pointee.deadline), currentTick + 1), currentTick + TimerWheel.horizon)
        let ahead = wanted - currentTick
        // Level L takes what lies 64^L ... 64^(L+1) - 1 ticks ahead.
        let level = (63 - ahead.leadingZeroBitCount) / Int(TimerWheel.slotShift)
        let shift = TimerWheel.slotShift * UInt64(level)
        let slot = (wanted >> shift) & 63
        // The slot comes up when its first tick does, which may be before `wanted`: judged again then.
        node.pointee.dueTick = (wanted >> shift) << shift
        TimerNode.append(node, to: heads + (level * Int(TimerWheel.slots) + Int(slot)))
        setBits(level, bits(level) | 1 << slot)
    }

    /// Puts the whole list of a slot at the end of the due list.
    private func moveToDue(_ head: UnsafeMutablePointer<TimerNode>) {
        guard TimerNode.isLinked(head) else { return }
        let first = head.pointee.next
        let last = head.pointee.previous
        let tail = due.pointee.previous
        tail.pointee.next = first
        first.pointee.previous = tail
        last.pointee.next = due
        due.pointee.previous = last
        head.pointee.next = head
        head.pointee.previous = head
    }

    @inline(__always)
    private func bits(_ level: Int) -> UInt64 {
        switch level {
        case 0: occupied.0
        case 1: occupied.1
        case 2: occupied.2
        default: occupied.3
        }
    }

    @inline(__always)
    private mutating func setBits(_ level: Int, _ word: UInt64) {
        switch level {
        case 0: occupied.0 = word
        case 1: occupied.1 = word
        case 2: occupied.2 = word
        default: occupied.3 = word
        }
    }

    @inline(__always)
    private static func rotateLeft(_ word: UInt64, by count: UInt64) -> UInt64 {
        word << count | word >> ((64 - count) & 63)
    }

    @inline(__always)
    private static func rotateRight(_ word: UInt64, by count: UInt64) -> UInt64 {
        word >> count | word << ((64 - count) & 63)
    }
}
