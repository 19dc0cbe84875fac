// The loops of a process and their threads.
//
// Kind: belongs to the thread that starts it (the control thread). It reaches into its loops only
// through what is shared in them: mailbox and counters.

import CLinux

final class LoopGroup {
    /// The loops, by index. After `start` only their mailboxes and counters may be used from here.
    let loops: [EventLoop]
    private var threads: [pthread_t] = []

    /// - Parameter count: the number of loops, at least one.
    init(count: Int) throws(SystemError) {
        precondition(count > 0, "a group has at least one loop")
        var loops: [EventLoop] = []
        for index in 0..<count { loops.append(try EventLoop(index: index)) }
        self.loops = loops
    }

    /// Starts one thread per loop, named "loop-0" and so on, with signals left to other threads.
    /// - Parameter prepare: runs on each loop's thread before its first turn.
    /// - Parameter finish: runs there after its last turn, before `context` is released.
    /// - Throws: `SystemError` of pthread_create; the loops started before it are stopped and joined.
    func start(
        prepare: @escaping @Sendable (EventLoop) -> Void = { _ in },
        finish: @escaping @Sendable (EventLoop) -> Void = { _ in }
    ) throws(SystemError) {
        precondition(threads.isEmpty, "a group is started once")
        var before = sigset_t()
        gwl_block_signals(&before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        for loop in loops {
            let start = Unmanaged.passRetained(LoopThread(loop: loop, prepare: prepare, finish: finish))
            var thread = pthread_t()
            let code = pthread_create(&thread, nil, loopThreadMain, start.toOpaque())
            if code != 0 {
                start.release()
                stop()
                join()
                throw SystemError(code, "pthread_create", subject: "loop-\(loop.index)")
            }
            threads.append(thread)
        }
    }

    /// Asks every loop to end.
    func stop() {
        for loop in loops { loop.mailbox.stop() }
    }

    /// Waits until every loop's thread has ended.
    func join() {
        for thread in threads { pthread_join(thread, nil) }
        threads.removeAll()
    }
}

/// What a loop's thread is started with.
private final class LoopThread {
    let loop: EventLoop
    let prepare: @Sendable (EventLoop) -> Void
    let finish: @Sendable (EventLoop) -> Void

    init(
        loop: EventLoop, prepare: @escaping @Sendable (EventLoop) -> Void,
        finish: @escaping @Sendable (EventLoop) -> Void
    ) {
        self.loop = loop
        self.prepare = prepare
        self.finish = finish
    }
}

/// A free function, not a closure: a C callback written inside an isolated context would carry that
/// isolation to a thread that does not have it.
private func loopThreadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let start = Unmanaged<LoopThread>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue()
    gwl_set_thread_name("loop-\(start.loop.index)")
    start.prepare(start.loop)
    start.loop.run()
    start.finish(start.loop)
    start.loop.context = nil
    return nil
}
