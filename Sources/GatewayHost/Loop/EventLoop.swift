// One thread's event loop: epoll, timers, mail from other threads, and the end of each turn.
//
// A turn is: wait; every ready descriptor's handler; mail; timers that are due; what was gathered to be
// sent; the handlers that asked for the end of the turn. `now` is read once a turn, after the wait.
//
// Descriptors are level-triggered and registered once: a connection that is relayed makes no
// epoll_ctl call while both sides keep up.
//
// Invariants
//  1. Everything but `mailbox`, `counters`, `submit`, `post` and `stop` is touched on the loop's
//     thread only, or before the loop runs.
//  2. No handler is called for a registration that was removed, even within the same turn.
//  3. A handler is alive while it is called, whatever it removes (HandlerTable).
//
// Kind: loop-confined. Other threads hold its mailbox.

import CLinux

final class EventLoop {
    /// Events taken per epoll_wait; more stay in the kernel for the next turn.
    private static let eventLimit = 256
    /// Senders that wait for the end of the turn; with more, those there are send at once, so that what
    /// they gathered is still in the processor's caches.
    private static let gatheredLimit = 32
    /// Sends in a row at the end of a turn, so that senders that ask again and again do not hold it up.
    private static let sendLimit = 1024

    /// The number of the loop in its group.
    let index: Int
    let mailbox: LoopMailbox
    let counters = LoopCounters()
    /// The time after the last wait. Reading it costs nothing.
    private(set) var now: Instant
    /// The time at the end of the last turn, from which the wait is counted.
    private var turnEnd: Instant
    private var wallClock = WallClock()

    /// Receives what other threads `post`. The handler must outlive the loop's run.
    unowned var numberHandler: (any NumberHandler)?
    /// Whatever the composition root hangs on its loop; released when the loop's thread ends.
    var context: AnyObject?

    private let epoll: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    private var handlers = HandlerTable()
    private var wheel: TimerWheel
    private var senders = SendQueue()
    private var ending: [any TurnHandler] = []
    private var endingNow: [any TurnHandler] = []
    private var work: [LoopMailbox.Work] = []
    private var numbers: [UInt64] = []

    /// The token of the mailbox's eventfd; no slot has it.
    private static let mailToken = Registration.none.token

    init(index: Int) throws(SystemError) {
        let mailbox = try LoopMailbox()
        let epoll = try systemCall("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) }
        let start = Instant.read()
        self.index = index
        self.mailbox = mailbox
        self.epoll = epoll
        now = start
        turnEnd = start
        wheel = TimerWheel(now: start)
        wallClock.refresh(start)
        events = .allocate(capacity: EventLoop.eventLimit)
        try systemCall("epoll_ctl", on: "the mailbox") {
            gwl_epoll_ctl(
                epoll, EPOLL_CTL_ADD, mailbox.wakeDescriptor, EPOLLIN.rawValue | EPOLLET.rawValue,
                EventLoop.mailToken)
        }
    }

    /// Handlers still registered are released; their deinitialisers must not use the loop.
    deinit {
        events.deallocate()
        close(epoll)
    }

    // MARK: Running

    /// Turns until `stop`. At least one turn, so that what was submitted before is done.
    /// - Thread: becomes the loop's thread.
    func run() {
        mailbox.enter()
        repeat { turn() } while !mailbox.isStopping
        mailbox.leave()
    }

    /// Ends `run` after the turn under way. Thread: any.
    func stop() { mailbox.stop() }

    private func turn() {
        let ready = wait()
        now = .read()
        wallClock.refresh(now)
        for index in 0..<ready {
            deliver(events + index)
            if senders.count >= EventLoop.gatheredLimit { sendGathered() }
        }
        if mailbox.hasMail { readMail() }
        wheel.advance(to: now)
        while let timer = wheel.nextDue(now) { timer.handler.timerFired(timer) }
        if !senders.isEmpty { sendGathered() }
        if !ending.isEmpty {
            endTurn()
            if !senders.isEmpty { sendGathered() }
        }
        if handlers.hasRetired, senders.isEmpty {
            for handler in handlers.takeRetired() { handler.release() }
        }
        turnEnd = .read()
        counters.turnEnded(events: ready, nanoseconds: turnEnd.nanoseconds(since: now))
    }

    /// The number of events now in `events`.
    private func wait() -> Int {
        let timeout = waitMilliseconds()
        let count = epoll_wait(epoll, events, Int32(EventLoop.eventLimit), timeout)
        if count >= 0 { return Int(count) }
        // A signal ends the wait like a deadline; anything else means that our own epoll is broken.
        precondition(gwl_errno() == EINTR, "epoll_wait failed on the loop's own descriptor")
        return 0
    }

    private func waitMilliseconds() -> Int32 {
        if mailbox.hasMail || mailbox.isStopping || !ending.isEmpty || !senders.isEmpty { return 0 }
        guard let look = wheel.nextLook() else { return -1 }
        let nanoseconds = look.nanoseconds(since: turnEnd)
        return Int32(min((nanoseconds + 999_999) / 1_000_000, 60_000))
    }

    @inline(__always)
    private func deliver(_ event: UnsafeMutablePointer<epoll_event>) {
        let token = gwl_event_data(event)
        if token == EventLoop.mailToken { return }
        guard let slot = handlers.find(Registration(token: token)) else { return }
        let readiness = Readiness(epollEvents: gwl_event_bits(event))
        slot.pointee.type.deliver(readiness, to: slot.pointee.handler.unsafelyUnwrapped)
    }

    private func readMail() {
        mailbox.empty(work: &work, numbers: &numbers)
        if let handler = numberHandler {
            for number in numbers { handler.numberArrived(number) }
        }
        numbers.removeAll(keepingCapacity: true)
        for item in work { item(self) }
        work.removeAll(keepingCapacity: true)
    }

    private func sendGathered() {
        var budget = EventLoop.sendLimit
        while budget > 0, let sender = senders.next() {
            sender.send()
            budget &-= 1
        }
    }

    private func endTurn() {
        swap(&ending, &endingNow)
        for handler in endingNow { handler.turnEnded() }
        endingNow.removeAll(keepingCapacity: true)
    }

    // MARK: Descriptors

    /// Watches a descriptor. The loop keeps `handler` alive until the turn in which it is removed ends.
    /// - Parameter interest: `hangup` is reported in any case.
    /// - Throws: ENOMEM or ENOSPC of the kernel; EEXIST when the descriptor is watched already.
    /// - Source: epoll_ctl(2).
    func add(_ descriptor: Int32, _ interest: Readiness, _ handler: any LoopHandler) throws(SystemError) -> Registration {
        preconditionOnLoop()
        let registration = handlers.insert(handler, descriptor: descriptor, interest: interest)
        if gwl_epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, interest.rawValue, registration.token) < 0 {
            let code = gwl_errno()
            _ = handlers.remove(registration)
            throw SystemError(code, "epoll_ctl", subject: "adding descriptor \(descriptor)")
        }
        return registration
    }

    /// Changes what is waited for; nothing happens when it is the same or the registration is stale.
    @inline(__always)
    func modify(_ registration: Registration, _ interest: Readiness) {
        guard let slot = handlers.find(registration), slot.pointee.interest != interest else { return }
        setInterest(slot, registration, interest)
    }

    private func setInterest(
        _ slot: UnsafeMutablePointer<HandlerTable.Slot>, _ registration: Registration, _ interest: Readiness
    ) {
        assert(mailbox.mayTouchLoop)
        slot.pointee.interest = interest
        let result = gwl_epoll_ctl(
            epoll, EPOLL_CTL_MOD, slot.pointee.descriptor, interest.rawValue, registration.token)
        precondition(result == 0, "a registered descriptor was closed before it was removed from its loop")
    }

    /// Ends the watch. Call it before closing the descriptor. A stale registration is ignored.
    func remove(_ registration: Registration) {
        assert(mailbox.mayTouchLoop)
        guard let descriptor = handlers.remove(registration) else { return }
        let result = gwl_epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, 0, 0)
        precondition(result == 0, "a registered descriptor was closed before it was removed from its loop")
    }

    /// As `remove`, for a descriptor whose owner may have closed it already, which ended the watch.
    func forget(_ registration: Registration) {
        assert(mailbox.mayTouchLoop)
        guard let descriptor = handlers.remove(registration) else { return }
        // EBADF and ENOENT say that there is no watch any more, and that is what is wanted.
        _ = gwl_epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, 0, 0)
    }

    /// Descriptors watched.
    var watchedCount: Int { handlers.count }

    // MARK: Time

    /// Arms `timer` for `deadline`, replacing an earlier arming. Moving a deadline away is a store.
    /// It fires within about 4 ms after the deadline, never before it.
    @inline(__always)
    func arm(_ timer: LoopTimer, at deadline: Instant) {
        assert(mailbox.mayTouchLoop)
        wheel.arm(timer, at: deadline)
    }

    /// The timer will not fire. A store.
    @inline(__always)
    func disarm(_ timer: LoopTimer) {
        assert(mailbox.mayTouchLoop)
        wheel.disarm(timer)
    }

    /// Seconds since 1970 as of this turn.
    var wallSeconds: Int64 { wallClock.seconds }

    /// Nanoseconds since 1970 at `now`.
    var wallNanoseconds: UInt64 { wallClock.nanoseconds(at: now) }

    /// The same of an earlier moment of this loop.
    @inline(__always)
    func wallNanoseconds(at instant: Instant) -> UInt64 { wallClock.nanoseconds(at: instant) }

    // MARK: End of turn and other threads

    /// Calls `handler` once when this turn ends; asked for during the end of a turn, when the next
    /// one ends, which then follows without waiting. Calling twice means two calls: keep a flag.
    @inline(__always)
    func atEndOfTurn(_ handler: any TurnHandler) {
        assert(mailbox.mayTouchLoop)
        ending.append(handler)
    }

    /// Calls `sender` once before this turn ends, in the order of asking. Keep a flag, as above.
    /// - Precondition: it is registered with the loop, which keeps it alive until then.
    @inline(__always)
    func sendAtEndOfTurn(_ sender: some TurnSender) {
        assert(mailbox.mayTouchLoop)
        senders.append(sender)
    }

    /// Runs `work` on the loop. Thread: any.
    func submit(_ work: @escaping @Sendable () -> Void) { mailbox.submit { _ in work() } }

    /// Runs `work` on the loop, with the loop. Thread: any.
    func submit(_ work: @escaping LoopMailbox.Work) { mailbox.submit(work) }

    /// Hands a number to `numberHandler`. Thread: any.
    func post(_ number: UInt64) { mailbox.post(number) }

    @inline(__always)
    func preconditionOnLoop() {
        precondition(mailbox.mayTouchLoop, "this belongs to a loop; go through its mailbox")
    }
}

@available(*, unavailable)
extension EventLoop: Sendable {}

/// Receives the numbers that other threads post to a loop.
protocol NumberHandler: AnyObject {
    /// - Thread: the loop's.
    func numberArrived(_ number: UInt64)
}
