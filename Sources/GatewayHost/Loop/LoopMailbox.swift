// How other threads reach a loop: pieces of work and plain numbers, in order of arrival.
//
// The first to put something into an empty mailbox wakes the loop, the others find it awake: one
// eventfd write per turn at most, none from the loop's own thread. The eventfd is watched
// edge-triggered, so nobody needs to read it.
//
// Kind: shared; the only part of a loop that may be.

import CLinux
import Synchronization

final class LoopMailbox: Sendable {
    typealias Work = @Sendable (EventLoop) -> Void

    private struct Mail {
        var work: [Work] = []
        var numbers: [UInt64] = []
    }

    private let mail = Locked(Mail())
    /// Something may be in `mail`. Cleared before it is emptied, set after something was put in.
    private let pending = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)
    /// The loop's thread (`gwl_thread`) while it runs, otherwise 0.
    private let owner = Atomic<UInt>(0)
    let wakeDescriptor: Int32

    init() throws(SystemError) {
        wakeDescriptor = try systemCall("eventfd") { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) }
    }

    deinit { close(wakeDescriptor) }

    /// Runs `work` on the loop, after the events of its current or next turn. Work that arrives after
    /// the loop has ended is dropped.
    /// - Thread: any.
    func submit(_ work: @escaping Work) {
        mail.withLock { $0.work.append(work) }
        knock()
    }

    /// Hands `number` to the loop's `numberHandler`, before any work of the same turn.
    /// - Thread: any.
    func post(_ number: UInt64) {
        mail.withLock { $0.numbers.append(number) }
        knock()
    }

    /// Ends `EventLoop.run` at the end of its current turn, or of the next one when it waits.
    /// - Thread: any.
    func stop() {
        stopping.store(true, ordering: .releasing)
        knock()
    }

    /// Whether the caller is on the loop's thread; false while the loop does not run.
    @inline(__always)
    var isOnLoop: Bool { owner.load(ordering: .relaxed) == gwl_thread() }

    /// Whether the caller may touch what belongs to the loop: on its thread, or before it runs.
    @inline(__always)
    var mayTouchLoop: Bool {
        let owner = owner.load(ordering: .relaxed)
        return owner == 0 || owner == gwl_thread()
    }

    private func knock() {
        if pending.exchange(true, ordering: .acquiringAndReleasing) { return }
        if isOnLoop { return }
        // Only a full counter (2^64 - 2 writes) can refuse, and then the loop is awake already.
        _ = eventfd_write(wakeDescriptor, 1)
    }

    // MARK: The loop's side

    @inline(__always)
    var hasMail: Bool { pending.load(ordering: .acquiring) }

    var isStopping: Bool { stopping.load(ordering: .acquiring) }

    func enter() {
        let (free, _) = owner.compareExchange(
            expected: 0, desired: gwl_thread(), ordering: .sequentiallyConsistent)
        precondition(free, "a loop runs on one thread at a time")
    }

    func leave() { owner.store(0, ordering: .sequentiallyConsistent) }

    /// Takes everything out. The arrays passed in must be empty; they are left in the mailbox, so
    /// that their capacity serves again.
    func empty(work: inout [Work], numbers: inout [UInt64]) {
        pending.store(false, ordering: .sequentiallyConsistent)
        mail.withLock { mail in
            swap(&mail.work, &work)
            swap(&mail.numbers, &numbers)
        }
    }
}
