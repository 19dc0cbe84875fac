// libcurl's multi handle on the loop's epoll: it says which sockets and which time it waits for, and
// is told when they come.
//
// Work is pumped at the end of a turn when jobs were added, so no job finishes before the call that
// started it has returned. Only curl_multi_socket_action is used (never curl_multi_perform).
//
//   add ──► turnEnded ──► pump ──► (socketChanged, timeChanged) ──► ready / timerFired ──► pump ──► finished
//
// Invariants
//  1. libcurl's callbacks only note and watch; libcurl is never entered from them.
//  2. A job is in `jobs` exactly while its handle is in the multi handle.
//
// Kind: loop-confined.

import CCurl
import Glibc

/// An easy handle at work, and what becomes of it.
class CurlJob {
    let easy = CurlEasy()
    fileprivate var index = -1
    fileprivate var removal: (() -> Void)?
    fileprivate weak var multi: CurlMulti?

    /// A socket is opened for it: its name has an address. May be called more than once; libcurl is not to be entered.
    func resolved() {}

    /// The multi handle closes: end without it.
    func cancelled() {}

    /// The transfer ended with `code`. The handle is still in the multi handle; remove it.
    func finished(_ code: CURLcode) { preconditionFailure("a CurlJob must say what happens at its end") }
}

final class CurlMulti: TimerHandler, TurnHandler {
    let loop: EventLoop
    private let handle: UnsafeMutableRawPointer
    private var timer: LoopTimer!
    private var jobs: [CurlJob] = []
    private var sockets: [Int32: CurlSocket] = [:]
    /// A descriptor that was taken over: libcurl's order to close it is to be ignored. Memory of its
    /// own, because libcurl keeps the address in every connection.
    private let taken: UnsafeMutablePointer<Int32>
    private var isDue = false
    private var turnEndAsked = false
    private var isPumping = false
    private(set) var isClosed = false

    /// Once per process; lazy statics are initialised by one thread only.
    private static let library: Void = {
        let code = gwc_global_init()
        precondition(code == CURLE_OK, "libcurl does not start: code \(code.rawValue)")
    }()

    init(loop: EventLoop) {
        CurlMulti.library
        guard let handle = curl_multi_init() else { fatalError("out of memory: no libcurl multi handle") }
        self.loop = loop
        self.handle = handle
        taken = .allocate(capacity: 1)
        taken.initialize(to: -1)
        timer = LoopTimer(self)
        let me = Unmanaged.passUnretained(self).toOpaque()
        _ = gwc_multi_set_socket(handle, curlSocketChanged, me)
        _ = gwc_multi_set_timer(handle, curlTimeChanged, me)
    }

    deinit {
        // Callbacks into an object that is going away would revive it.
        _ = gwc_multi_set_socket(handle, nil, nil)
        _ = gwc_multi_set_timer(handle, nil, nil)
        for job in jobs { curl_multi_remove_handle(handle, job.easy.handle) }
        curl_multi_cleanup(handle)
        taken.deallocate()
    }

    // MARK: Jobs

    var count: Int { jobs.count }

    func add(_ job: CurlJob) {
        precondition(job.index < 0 && !isClosed)
        job.index = jobs.count
        job.multi = self
        jobs.append(job)
        let easy = job.easy.handle
        _ = gwc_set_pointer(easy, CURLOPT_PRIVATE, Unmanaged.passUnretained(job).toOpaque())
        _ = gwc_set_close_socket(easy, curlClosesSocket, taken)
        _ = gwc_set_open_socket(easy, curlOpensSocket, Unmanaged.passUnretained(job).toOpaque())
        let code = curl_multi_add_handle(handle, easy)
        precondition(code == CURLM_OK, "libcurl refuses a new handle with code \(code.rawValue)")
        askForTurnEnd()
    }

    /// Ends the job, finished or not; `finished` will not be called. Harmless when it has ended.
    func remove(_ job: CurlJob) {
        guard job.index >= 0 else { return }
        if let removal = job.removal {
            // What watches the job's socket must leave before the socket closes; it comes back here.
            job.removal = nil
            removal()
            return
        }
        curl_multi_remove_handle(handle, job.easy.handle)
        let last = jobs.removeLast()
        if last !== job {
            jobs[job.index] = last
            last.index = job.index
        }
        job.index = -1
    }

    /// Calls `removal` when the job is about to be removed, which `removal` then does; nil for nothing.
    func whenRemoved(_ job: CurlJob, _ removal: (() -> Void)?) { job.removal = removal }

    /// Ends a connect-only job and keeps its connected descriptor open; nil if there is none.
    func removeTakingDescriptor(_ job: CurlJob) -> Int32? {
        let descriptor = gwc_get_active_socket(job.easy.handle)
        guard descriptor >= 0 else {
            remove(job)
            return nil
        }
        forget(descriptor)
        taken.pointee = descriptor
        // A connect-only connection is closed with its handle, through the callback that lets it be.
        remove(job)
        precondition(taken.pointee == -1, "libcurl did not let go of a connection that was taken over")
        return descriptor
    }

    /// Ends everything. For shutdown, on the loop's thread.
    func close() {
        isClosed = true
        while let job = jobs.last {
            remove(job)
            job.cancelled()
        }
        for descriptor in Array(sockets.keys) { forget(descriptor) }
        loop.disarm(timer)
    }

    // MARK: Events

    func timerFired(_ timer: LoopTimer) {
        isDue = true
        pump()
    }

    func turnEnded() {
        turnEndAsked = false
        pump()
    }

    fileprivate func ready(_ descriptor: Int32, _ readiness: Readiness) {
        var bits: Int32 = 0
        if !readiness.isDisjoint(with: [.read, .readHangup]) { bits |= CURL_CSELECT_IN }
        if readiness.contains(.write) { bits |= CURL_CSELECT_OUT }
        if readiness.contains(.hangup) { bits |= CURL_CSELECT_ERR }
        var running: Int32 = 0
        curl_multi_socket_action(handle, descriptor, bits, &running)
        pump()
    }

    private func askForTurnEnd() {
        guard !turnEndAsked else { return }
        turnEndAsked = true
        loop.atEndOfTurn(self)
    }

    /// Lets libcurl go on with what is due and hands out what has finished.
    private func pump() {
        guard !isPumping, !isClosed else { return }
        isPumping = true
        if isDue {
            isDue = false
            var running: Int32 = 0
            // CURL_SOCKET_TIMEOUT is CURL_SOCKET_BAD, a macro with a cast: -1.
            curl_multi_socket_action(handle, -1, 0, &running)
        }
        var left: Int32 = 0
        while let message = curl_multi_info_read(handle, &left) {
            guard message.pointee.msg == CURLMSG_DONE else { continue }
            let code = gwc_message_result(message)
            guard let me = gwc_get_private(message.pointee.easy_handle) else { continue }
            let job = Unmanaged<CurlJob>.fromOpaque(me).takeUnretainedValue()
            job.finished(code)
            if isClosed { break }
        }
        isPumping = false
        // What finished jobs asked for comes in the next turn, which then follows at once.
        if isDue { askForTurnEnd() }
    }

    // MARK: What libcurl asks for

    fileprivate func timeChanged(_ milliseconds: Int) {
        guard !isClosed else { return }
        if milliseconds < 0 {
            loop.disarm(timer)
        } else if milliseconds == 0 {
            isDue = true
            if !isPumping { askForTurnEnd() }
        } else {
            loop.arm(timer, at: loop.now.adding(milliseconds: milliseconds))
        }
    }

    fileprivate func socketChanged(_ descriptor: Int32, _ what: Int32) {
        if what == CURL_POLL_REMOVE {
            forget(descriptor)
            return
        }
        guard !isClosed else { return }
        var interest: Readiness = []
        if what & CURL_POLL_IN != 0 { interest.insert(.read) }
        if what & CURL_POLL_OUT != 0 { interest.insert(.write) }
        if let socket = sockets[descriptor] {
            socket.interest = interest
            loop.modify(socket.registration, interest)
            return
        }
        let socket = CurlSocket(self, descriptor, interest)
        do {
            socket.registration = try loop.add(descriptor, interest, socket)
            sockets[descriptor] = socket
        } catch {
            // The kernel has no room for another watch: the job's own timeout ends it.
        }
    }

    private func forget(_ descriptor: Int32) {
        guard let socket = sockets.removeValue(forKey: descriptor) else { return }
        // A socket whose connect failed was closed before libcurl 7.88 says so here.
        loop.forget(socket.registration)
    }

    /// libcurl has a new socket. If its number is one that is watched, the old one was closed without
    /// a word, and libcurl will take the watch to be still there: the next address after a refused one.
    fileprivate func socketOpened(_ descriptor: Int32) {
        guard let socket = sockets[descriptor] else { return }
        loop.forget(socket.registration)
        do throws(SystemError) {
            socket.registration = try loop.add(descriptor, socket.interest, socket)
        } catch {
            sockets[descriptor] = nil
        }
    }
}

@available(*, unavailable)
extension CurlMulti: Sendable {}

/// The watch on one of libcurl's sockets.
private final class CurlSocket: LoopHandler {
    private unowned let multi: CurlMulti
    private let descriptor: Int32
    var registration = Registration.none
    var interest: Readiness

    init(_ multi: CurlMulti, _ descriptor: Int32, _ interest: Readiness) {
        self.multi = multi
        self.interest = interest
        self.descriptor = descriptor
    }

    func ready(_ readiness: Readiness) { multi.ready(descriptor, readiness) }
}

// MARK: Callbacks

private func curlSocketChanged(
    _ easy: UnsafeMutableRawPointer?, _ socket: Int32, _ what: Int32, _ user: UnsafeMutableRawPointer?,
    _ attached: UnsafeMutableRawPointer?
) -> Int32 {
    if let user { Unmanaged<CurlMulti>.fromOpaque(user).takeUnretainedValue().socketChanged(socket, what) }
    return 0
}

private func curlTimeChanged(
    _ multi: UnsafeMutableRawPointer?, _ milliseconds: Int, _ user: UnsafeMutableRawPointer?
) -> Int32 {
    if let user { Unmanaged<CurlMulti>.fromOpaque(user).takeUnretainedValue().timeChanged(milliseconds) }
    return 0
}

private func curlOpensSocket(
    _ user: UnsafeMutableRawPointer?, _ purpose: curlsocktype, _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> Int32 {
    guard let user, let address else { return -1 }
    let descriptor = gwc_open_socket(address)
    let job = Unmanaged<CurlJob>.fromOpaque(user).takeUnretainedValue()
    job.resolved()
    if descriptor >= 0 { job.multi?.socketOpened(descriptor) }
    return descriptor
}

/// Closes a socket of libcurl's, unless it is the one that was taken over.
private func curlClosesSocket(_ user: UnsafeMutableRawPointer?, _ socket: Int32) -> Int32 {
    if let taken = user?.assumingMemoryBound(to: Int32.self), taken.pointee == socket {
        taken.pointee = -1
        return 0
    }
    return Glibc.close(socket)
}
