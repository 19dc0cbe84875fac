// One deadline of one object, queued in its loop's wheel.
//
// The node is what the wheel links; the timer owns it and takes it out of the wheel when it dies, so
// the wheel holds no reference and arming costs no reference counting.
//
// Kind: loop-confined.

/// Something that waits for a moment.
protocol TimerHandler: AnyObject {
    /// The deadline of `timer` has passed; the timer is disarmed and may be armed again.
    /// - Thread: the loop's.
    func timerFired(_ timer: LoopTimer)
}

final class LoopTimer {
    /// Who is told. The handler owns the timer, so it outlives it; a timer that fires for a handler
    /// that is gone is a bug and traps.
    unowned(unsafe) let handler: any TimerHandler
    let node: UnsafeMutablePointer<TimerNode>

    init(_ handler: any TimerHandler) {
        self.handler = handler
        node = .allocate(capacity: 1)
        node.initialize(to: TimerNode(next: node, previous: node, timer: nil))
        node.pointee.timer = Unmanaged.passUnretained(self)
    }

    deinit {
        TimerNode.unlink(node)
        node.deallocate()
    }

    /// When it fires; `distantFuture` when it is not armed.
    @inline(__always)
    var deadline: Instant { node.pointee.deadline }

    @inline(__always)
    var isArmed: Bool { node.pointee.deadline != .distantFuture }
}

@available(*, unavailable)
extension LoopTimer: Sendable {}

/// A link of a circular list; a node that is in no list is linked to itself.
struct TimerNode {
    var next: UnsafeMutablePointer<TimerNode>
    var previous: UnsafeMutablePointer<TimerNode>
    /// nil in the heads of the wheel's lists.
    var timer: Unmanaged<LoopTimer>?
    var deadline: Instant = .distantFuture
    /// The tick at which the wheel will look at this node; it may lie before the deadline.
    var dueTick: UInt64 = 0

    @inline(__always)
    static func isLinked(_ node: UnsafeMutablePointer<TimerNode>) -> Bool { node.pointee.next != node }

    @inline(__always)
    static func unlink(_ node: UnsafeMutablePointer<TimerNode>) {
        let next = node.pointee.next
        let previous = node.pointee.previous
        previous.pointee.next = next
        next.pointee.previous = previous
        node.pointee.next = node
        node.pointee.previous = node
    }

    /// Puts `node`, which must be in no list, at the end of the list of `head`.
    @inline(__always)
    static func append(_ node: UnsafeMutablePointer<TimerNode>, to head: UnsafeMutablePointer<TimerNode>) {
        let last = head.pointee.previous
        node.pointee.previous = last
        node.pointee.next = head
        last.pointee.next = node
        head.pointee.previous = node
    }
}
