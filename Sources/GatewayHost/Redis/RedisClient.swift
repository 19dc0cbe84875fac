// A loop's own connection to Redis, through hiredis' asynchronous functions.
//
// Commands are appended to what hiredis will send, and leave together before the turn ends. Answers come in the order of
// the commands. Every command has a deadline: whoever asked is told when it passes, and what comes later is handed over
// as late. A connection that has been silent for too long is dropped. Nothing here waits.
//
//   resting ── time ──► resolving ──► connecting ──► greeting ──► up
//      ▲                    │              │             │         │
//      └────────────────────┴──────────────┴─────────────┴─────────┘  rests after every failure, longer each time
//
// Invariants
//  1. hiredis' context exists while connecting, greeting and up; it is nobody's after `dropped`.
//  2. `first` is the oldest command without an answer; none is sent while another is not sent before it.
//  3. In `resting` after a failure commands fail at once; before the first connection they wait for it.
//
// Kind: loop-confined.

import CHiredis
import CLinux

final class RedisClient {
    /// Commands without an answer. One exchange has a few at a time.
    static let callLimit = 16_384
    /// Without any answer for so many command time-outs, at least so long, a connection is given up.
    static let silentTimeouts = 3
    static let silentMilliseconds = 5000

    struct Settings: Sendable {
        var address: RedisAddress
        var connectTimeout: Duration = .seconds(2)
        var commandTimeout: Duration = .seconds(1)
    }

    enum State: Equatable { case resting, resolving, connecting, greeting, up, closed }

    let loop: EventLoop
    let settings: Settings
    let library: RedisScript.Library
    let metrics: RedisMetrics
    /// Whether a loop is up, for everybody to see.
    let health: RedisHealth
    private(set) var state = State.resting
    /// Runs on the loop whenever a connection begins to serve.
    var whenUp: () -> Void = {}

    var context: UnsafeMutablePointer<redisAsyncContext>?
    var registration = Registration.none
    var isWriting = false
    var wantsWrite = false
    var asksForSend = false
    private var names: [[UInt8]] = []
    private var first: RedisCall?
    private var last: RedisCall?
    /// The oldest that has not timed out.
    private var firstWaiting: RedisCall?
    private(set) var callCount = 0
    private var lastHeard: Instant
    private var backoff = Backoff(first: 50, longest: 2000)
    private var lastReason: String?
    private var hasFailed = false
    /// The last answer that was due did not come in time.
    var isLate = false
    /// The word with which Redis refuses writes; nil: it takes them.
    var writeRefusal: String?
    private var attempt = 0
    private lazy var connectTimer = LoopTimer(self)
    private lazy var callTimer = LoopTimer(self)

    init(loop: EventLoop, settings: Settings, library: RedisScript.Library, metrics: RedisMetrics, health: RedisHealth) {
        self.loop = loop
        self.settings = settings
        self.library = library
        self.metrics = metrics
        self.health = health
        lastHeard = loop.now
        metrics.up.set(0)
        connect()
    }

    deinit { close() }

    /// Ends the connection; whatever is asked afterwards fails.
    func close() {
        guard state != .closed else { return }
        drop("the gateway stops", state: .closed)
    }

    // MARK: Asking

    /// - Returns: nil if `asker` will be told; otherwise why it will not.
    func ask(_ command: RedisCommand, _ asker: any RedisAsker) -> RedisFault? {
        if let fault = refusal() { return fault }
        enqueue(call(asker), command.bytes)
        return nil
    }

    func ask(_ script: RedisScriptCall, _ asker: any RedisAsker) -> RedisFault? {
        if let fault = refusal() { return fault }
        let call = call(asker)
        call.script = script
        // Before the greeting nobody knows how Redis calls it.
        enqueue(call, state == .up ? script.command(named: names[script.number]).bytes : [])
        return nil
    }

    private func refusal() -> RedisFault? {
        let fault: RedisFault? =
            switch state {
            case .closed: .unavailable
            case .up: callCount < Self.callLimit ? nil : .busy
            case .resting, .resolving, .connecting, .greeting:
                hasFailed ? .unavailable : callCount < Self.callLimit ? nil : .busy
            }
        if fault != nil { metrics.unsent.add(1) }
        return fault
    }

    private func call(_ asker: any RedisAsker) -> RedisCall {
        RedisCall(self, asker, began: loop.now, deadline: loop.now.adding(settings.commandTimeout))
    }

    private func enqueue(_ call: RedisCall, _ bytes: [UInt8]) {
        append(call)
        if state == .up { send(call, bytes) } else { call.unsent = bytes }
    }

    private func append(_ call: RedisCall) {
        if let last { last.next = call } else { first = call }
        last = call
        callCount += 1
        if firstWaiting == nil {
            firstWaiting = call
            if !callTimer.isArmed { loop.arm(callTimer, at: call.deadline) }
        }
    }

    /// Hands a command to hiredis.
    func send(_ call: RedisCall, _ bytes: [UInt8]) {
        call.unsent = nil
        guard let context else { return }
        // Balanced in redisReplyArrived, which hiredis calls for each command exactly once.
        let retained = Unmanaged.passRetained(call)
        let accepted = bytes.withUnsafeBytes { bytes in
            redisAsyncFormattedCommand(
                context, redisReplyArrived, retained.toOpaque(), bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        if accepted != REDIS_OK {
            // The connection is on its way down and will be dropped in this turn.
            retained.release()
            failed(call, .lost)
        }
    }

    // MARK: Answers

    /// - Parameter reply: nil: the connection ended before.
    func arrived(_ call: RedisCall, _ reply: RedisReply?) {
        guard let reply else { return failed(call, .lost) }
        lastHeard = loop.now
        if let script = call.script, let error = reply.error, error.hasPrefix(Bytes("NOSCRIPT")), state == .up {
            call.script = nil
            return sendAgain(call, script)
        }
        guard call.state != .ended else { return }
        let isLate = call.state == .timedOut
        remove(call)
        if !isLate {
            let waited = Double(loop.now.nanoseconds(since: call.began)) / 1e9
            metrics.latency.observe(waited)
            (reply.error == nil ? metrics.answered : metrics.refused).add(1)
            answeredInTime(reply, isScript: call.script != nil)
        }
        if isLate { call.asker.redisAnsweredLate(reply) } else { call.asker.redisAnswered(reply) }
        if let error = reply.error, RedisErrorText.kind(error.string) == "READONLY" { drop("it has become a replica", state: .resting) }
    }

    /// Redis was restarted or its scripts were flushed: this call brings the text along, and Redis keeps it.
    private func sendAgain(_ call: RedisCall, _ script: RedisScriptCall) {
        guard call.state == .waiting else { return remove(call) }
        // Behind the others now; the order of deadlines is kept for all that wait longer.
        remove(call)
        let again = RedisCall(self, call.asker, began: call.began, deadline: call.deadline)
        append(again)
        send(again, script.command(library[script.number]).bytes)
    }

    private func failed(_ call: RedisCall, _ fault: RedisFault) {
        guard call.state != .ended else { return }
        let wasWaiting = call.state == .waiting
        remove(call)
        guard wasWaiting else { return }
        (fault == .unavailable ? metrics.unsent : metrics.lost).add(1)
        call.asker.redisFailed(fault)
    }

    /// Answers come in order, so it is the first but where commands fail or are sent again.
    private func remove(_ call: RedisCall) {
        call.state = .ended
        if firstWaiting === call { firstWaiting = call.next }
        while let head = first, head.state == .ended {
            first = head.next
            if firstWaiting === head { firstWaiting = head.next }
            head.next = nil
            callCount -= 1
        }
        if first == nil { last = nil }
        while let waiting = firstWaiting, waiting.state != .waiting { firstWaiting = waiting.next }
    }

    private func expire() {
        var hadLate = false
        while let call = firstWaiting, call.deadline <= loop.now {
            firstWaiting = call.next
            metrics.timedOut.add(1)
            let wasSent = call.unsent == nil
            call.state = .timedOut
            hadLate = hadLate || wasSent
            if !wasSent { remove(call) }
            call.asker.redisFailed(wasSent ? .timeout : .unavailable)
        }
        while let waiting = firstWaiting, waiting.state != .waiting { firstWaiting = waiting.next }
        if hadLate { answeredLate() }
        if state == .up, let oldest = first {
            let silence = loop.now.milliseconds(since: max(oldest.began, lastHeard))
            if silence >= silentLimit { return drop("it has not answered for \(silence / 1000) s", state: .resting) }
        }
        if let waiting = firstWaiting {
            loop.arm(callTimer, at: waiting.deadline)
        } else if let oldest = first {
            loop.arm(callTimer, at: max(oldest.began, lastHeard).adding(milliseconds: silentLimit))
        }
    }

    private var silentLimit: Int {
        max(Self.silentMilliseconds, Self.silentTimeouts * Int(settings.commandTimeout.components.seconds) * 1000)
    }

    // MARK: Connecting

    private func connect() {
        attempt += 1
        loop.arm(connectTimer, at: loop.now.adding(settings.connectTimeout))
        switch settings.address.place {
        case .unix(let path): opened(redisAsyncConnectUnix(path))
        case .tcp(let host, let port):
            if IPAddress(host) != nil { return opened(redisAsyncConnect(host, Int32(port))) }
            // Names are looked up elsewhere: that may take seconds.
            state = .resolving
            let number = attempt
            let reply = LoopReply<String?>(loop) { [weak self] address in
                guard let self, state == .resolving, attempt == number else { return }
                guard let address else { return drop("the name \(host) does not resolve", state: .resting) }
                opened(redisAsyncConnect(address, Int32(port)))
            }
            BackgroundThread.start("redis-resolve") { reply.deliver(RedisName.address(of: host)) }
        }
    }

    private func opened(_ made: UnsafeMutablePointer<redisAsyncContext>?) {
        state = .connecting
        guard let made else { return drop("no memory for a connection", state: .resting) }
        context = made
        guard made.pointee.err == 0 else { return drop(reason(made), state: .resting) }
        do throws(SystemError) {
            try attach(made)
        } catch {
            drop("\(error)", state: .resting)
        }
    }

    /// The socket is connected.
    func connected() {
        state = .greeting
        let handshake = RedisHandshake(address: settings.address)
        names = []
        greet(handshake.hello) { [unowned self] reply in
            if let refusal = RedisHandshake.refusal(hello: reply) { drop(refusal, state: .resting) }
        }
        if let select = handshake.select {
            greet(select) { [unowned self] reply in
                if let error = reply.error { drop(error.string, state: .resting) }
            }
        }
        for (index, script) in library.scripts.enumerated() {
            greet(RedisHandshake.load(script)) { [unowned self] reply in
                if let error = reply.error { return drop(error.string, state: .resting) }
                names.append(Array(reply.bytes.buffer))
                if index == library.scripts.count - 1 { greeted() }
            }
        }
    }

    private func greet(_ command: RedisCommand, _ judge: @escaping (RedisReply) -> Void) {
        guard let context else { return }
        // Balanced in redisGreetingArrived.
        let retained = Unmanaged.passRetained(RedisGreeting(judge))
        let accepted = command.bytes.withUnsafeBytes { bytes in
            redisAsyncFormattedCommand(
                context, redisGreetingArrived, retained.toOpaque(), bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                bytes.count)
        }
        if accepted != REDIS_OK { retained.release() }
    }

    private func greeted() {
        guard state == .greeting else { return }
        state = .up
        loop.disarm(connectTimer)
        backoff.reset()
        lastHeard = loop.now
        isLate = false
        writeRefusal = nil
        metrics.up.set(1)
        metrics.reconnects.add(1)
        health.loopUp(loop.index, nil)
        if hasFailed, loop.index == 0 { log.info("redis answers again", .field("store", settings.address.description)) }
        hasFailed = false
        lastReason = nil
        var call = first
        while let this = call {
            call = this.next
            guard let bytes = this.unsent, this.state == .waiting else { continue }
            send(this, this.script.map { $0.command(named: names[$0.number]).bytes } ?? bytes)
        }
        whenUp()
    }

    /// The connection, or the attempt at one, is over.
    func drop(_ reason: String, state new: State) {
        if state == .closed || (state == .resting && new == .resting && context == nil) { return }
        state = new
        hasFailed = true
        metrics.up.set(0)
        health.loopUp(loop.index, reason)
        if new == .resting, reason != lastReason, loop.index == 0 {
            log.warning("redis is not available", .field("store", settings.address.description), .field("reason", reason))
        }
        lastReason = reason
        if new == .resting {
            loop.arm(connectTimer, at: loop.now.adding(milliseconds: backoff.next(.random(in: 0..<1))))
        } else {
            loop.disarm(connectTimer)
            loop.disarm(callTimer)
        }
        free()
        // hiredis has told those that were sent; these were not.
        while let call = first { failed(call, call.unsent == nil ? .lost : .unavailable) }
    }
}

extension RedisClient: TimerHandler {
    func timerFired(_ timer: LoopTimer) {
        if timer === callTimer { return expire() }
        switch state {
        case .resting: connect()
        case .resolving, .connecting, .greeting: drop("no connection within \(settings.connectTimeout)", state: .resting)
        case .up, .closed: break
        }
    }
}
