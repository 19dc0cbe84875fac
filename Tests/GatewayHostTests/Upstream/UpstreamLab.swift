import CLinux
import Testing

@testable import GatewayHost

/// A loop with a pool on the test's own thread. A test starts something, says what ends it, and runs.
final class UpstreamLab: TimerHandler, TurnHandler {
    let loop = try! EventLoop(index: 0)
    let blocks = BlockPool()
    let pool: UpstreamPool
    private var watchdog: LoopTimer!
    private var conditions: [(() -> Bool, () -> Void)] = []
    private var isSpinning = false
    /// Requests live here as long as the lab.
    private var texts: [UnsafeMutablePointer<UInt8>] = []

    /// Whatever the environment says, no request goes where it was not told to.
    private static let hostileEnvironment: Void = {
        for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            setenv(name, "http://127.0.0.1:1", 1)
        }
        for name in ["no_proxy", "NO_PROXY"] { setenv(name, "*", 1) }
    }()

    init(_ settings: UpstreamSettings = UpstreamSettings(), tls: TLSClientContext? = nil) {
        UpstreamLab.hostileEnvironment
        pool = UpstreamPool(
            loop: loop, blocks: blocks, tls: TLSClientSource(try! tls ?? TLSClientContext()), settings: settings)
        watchdog = LoopTimer(self)
    }

    deinit { for text in texts { text.deallocate() } }

    func text(_ text: String) -> Bytes {
        let utf8 = Array(text.utf8)
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(utf8.count, 1))
        memory.update(from: utf8, count: utf8.count)
        texts.append(memory)
        return Bytes(base: memory, count: utf8.count)
    }

    func target(_ url: String, proxy: String = "", account: String = "") throws(UpstreamFault) -> UpstreamTarget {
        try pool.target(url: text(url), proxy: text(proxy), account: text(account))
    }

    /// Runs until `finish`. What hangs is a failure after 20 seconds.
    func run(sourceLocation: SourceLocation = #_sourceLocation) {
        loop.arm(watchdog, at: Instant.read().adding(seconds: 20))
        hung = { Issue.record("nothing ended the run", sourceLocation: sourceLocation) }
        loop.run()
        // Nothing of the exchange under test may be left behind.
        pool.close()
        #expect(pool.openCount == 0, sourceLocation: sourceLocation)
        #expect(pool.idleCount == 0, sourceLocation: sourceLocation)
        #expect(blocks.outstanding == 0, sourceLocation: sourceLocation)
    }

    private var hung: () -> Void = {}

    func finish() { loop.stop() }

    func timerFired(_ timer: LoopTimer) {
        hung()
        loop.stop()
    }

    /// Calls `then` at the end of the first turn in which `condition` holds.
    func when(_ condition: @escaping () -> Bool, _ then: @escaping () -> Void) {
        conditions.append((condition, then))
        spin()
    }

    private func spin() {
        if isSpinning || conditions.isEmpty { return }
        isSpinning = true
        loop.atEndOfTurn(self)
    }

    func turnEnded() {
        isSpinning = false
        let due = conditions
        conditions = []
        for (condition, then) in due {
            if condition() { then() } else { conditions.append((condition, then)) }
        }
        spin()
    }
}

/// Does one exchange: takes an idle connection or dials, sends, and records all it hears.
final class Attempt: UpstreamHandler {
    let lab: UpstreamLab
    let target: UpstreamTarget
    var isHead = false
    var head: Bytes
    var body = Bytes("")
    var firstByteMilliseconds: UInt32 = 0
    var idleMilliseconds: UInt32 = 0

    private(set) var events: [String] = []
    private(set) var received: [UInt8] = []
    private(set) var status = 0
    private(set) var fields: [String: String] = [:]
    private(set) var fault: UpstreamFault?
    private(set) var wasReused = false
    var connection: UpstreamConnection?
    var dial: UpstreamDial?

    var onHead: (UpstreamConnection) -> Void = { _ in }
    var onBody: () -> Void = {}
    var onFlush: () -> Void = {}
    /// After the end, good or bad; by default the run is over.
    var onOver: () -> Void

    init(_ lab: UpstreamLab, _ target: UpstreamTarget, _ request: String = "GET / HTTP/1.1\r\nHost: x\r\n\r\n") {
        self.lab = lab
        self.target = target
        head = lab.text(request)
        onOver = { lab.finish() }
    }

    func begin() {
        if let connection = lab.pool.checkout(target) {
            start(connection)
        } else {
            dial = lab.pool.dial(target, for: self)
        }
    }

    func start(_ connection: UpstreamConnection) {
        self.connection = connection
        connection.start(
            isHead: isHead, head: head, body: body, firstByteMilliseconds: firstByteMilliseconds,
            idleMilliseconds: idleMilliseconds, handler: self)
        wasReused = connection.wasReused
    }

    var text: String { String(decoding: received, as: UTF8.self) }

    func upstreamReady(_ connection: UpstreamConnection) {
        events.append("ready")
        start(connection)
    }

    func upstreamFailed(_ fault: UpstreamFault) {
        events.append("failed")
        self.fault = fault
        connection = nil
        onOver()
    }

    func upstreamHead(_ connection: UpstreamConnection) {
        events.append("head")
        status = Int(connection.response.status)
        for field in connection.response.fields {
            fields[field.name(in: connection.headBytes).string] = field.value(in: connection.headBytes).string
        }
        onHead(connection)
    }

    func upstreamBody(_ bytes: Bytes) {
        if events.last != "body" { events.append("body") }
        received += bytes.buffer
        onBody()
    }

    func upstreamEnded(_ connection: UpstreamConnection) {
        events.append("ended")
        self.connection = nil
        onOver()
    }

    func upstreamFlush() {
        if events.last != "flush" { events.append("flush") }
        onFlush()
    }
}
