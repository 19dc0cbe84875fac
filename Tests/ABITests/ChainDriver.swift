// Walks an exchange through a chain without sockets: it calls the hooks in order, waits for
// suspensions, and ends the exchange as the runner does.

import CLinux
import PluginABI
import Testing

@testable import GatewayHost

final class ChainDriver: ExchangeDriver {
    let loop: EventLoop
    let host: PluginHost
    let place: PluginLoop
    let generation: ChainGeneration
    let worker: ChainWorker
    let exchange: Exchange
    /// Verdicts that callbacks gave for suspended hooks.
    private(set) var resumed: [(entry: Int, verdict: gw_verdict)] = []

    nonisolated(unsafe) private static var lastID: UInt64 = 0
    private static let idLock = Locked(UInt64(0))

    init(_ plans: [InstancePlan], host: PluginHost? = nil, previous: ChainGeneration? = nil, number: UInt64 = 1) throws {
        loop = try EventLoop(index: 0)
        let host = host ?? ChainDriver.makeHost()
        self.host = host
        let blocks = BlockPool()
        place = PluginLoop(loop: loop, host: host, blocks: blocks)
        generation = try ChainGeneration.build(number: number, plans: plans, workers: 1, host: host, previous: previous)
        worker = ChainWorker(generation: generation, place: place, index: 0)
        try worker.start()
        exchange = Exchange(loop: loop, pool: blocks)
        exchange.driver = self
    }

    static func makeHost() -> PluginHost {
        PluginHost(directory: Fixture.directory + "/" + Fixture.unique("private"))
    }

    /// One plugin.
    convenience init(_ path: String, _ config: String, _ change: (inout InstancePlan) -> Void = { _ in }) throws {
        var plan = InstancePlan(plugin: path, name: "fixture", config: config)
        change(&plan)
        try self.init([plan])
    }

    func begin() {
        exchange.id = ChainDriver.idLock.withLock { id in
            id += 64
            return id
        }
        exchange.method = Bytes("POST")
        exchange.target = Bytes("/v1/messages?beta=true")
        exchange.path = Bytes("/v1/messages")
        exchange.authority = Bytes("gateway.example")
        exchange.choice = UpstreamChoice(url: Bytes("https://default.example"))
        worker.exchangeBegins(exchange)
    }

    func header(_ name: StaticString, _ value: StaticString, response: Bool = false) {
        let field = HeaderField(name: Bytes(name), value: Bytes(value), known: HeaderName(Bytes(name)), origin: .message)
        if response { exchange.responseHeaders.append(field) } else { exchange.requestHeaders.append(field) }
    }

    /// Calls the phase's hooks until one does not continue; a suspension is awaited.
    @discardableResult
    func run(_ phase: Phase) -> gw_verdict {
        for entry in worker.hooks(phase) {
            let scope = exchange.scopes + entry
            if scope.pointee.unsubscribed & phase.subscription != 0 { continue }
            var verdict = call(phase, entry)
            if verdict == GW_SUSPEND {
                guard suspend(entry) else { return GW_FAIL }
                verdict = awaitVerdict(of: entry)
            }
            if verdict != GW_CONTINUE { return verdict }
        }
        return GW_CONTINUE
    }

    func call(_ phase: Phase, _ entry: Int) -> gw_verdict {
        switch phase {
        case .attempt:
            var upstream = gw_upstream()
            return withUnsafePointer(to: &upstream) { upstream in
                var attempt = gw_attempt(
                    size: UInt32(MemoryLayout<gw_attempt>.size), number: 1, flags: 0, status: Int32(exchange.status),
                    error: GW_OK, retry_after_ms: 0, start_ns: 1, connected_ns: 1, first_byte_ns: 1, upstream: upstream,
                    error_body: Bytes.absent.abi)
                return worker.callAttempt(entry: entry, exchange: exchange, &attempt)
            }
        case .chunk:
            exchange.emitted = nil
            let bytes = Bytes("{\"a\":1}").abi
            var chunk = gw_chunk(
                size: UInt32(MemoryLayout<gw_chunk>.size), flags: 0, raw: bytes, event: Bytes.absent.abi,
                id: Bytes.absent.abi, data: Bytes.absent.abi)
            return worker.callChunk(entry: entry, exchange: exchange, &chunk)
        default:
            return worker.call(phase, entry: entry, exchange: exchange)
        }
    }

    /// What the runner does about GW_SUSPEND; false if nothing is pending.
    func suspend(_ entry: Int) -> Bool {
        guard exchange.scopes[entry].pendingOperations > 0 else { return false }
        exchange.scopes[entry].suspended = true
        place.operations.drainReady(of: exchange)
        return true
    }

    func currentUsage() -> gw_usage? { nil }

    func suspensionEnded(entry: Int, verdict: gw_verdict) { resumed.append((entry, verdict)) }

    /// Turns the loop until the hook's verdict is here.
    func awaitVerdict(of entry: Int) -> gw_verdict {
        turn { resumed.contains { $0.entry == entry } }
        guard let index = resumed.firstIndex(where: { $0.entry == entry }) else { return GW_FAIL }
        return resumed.remove(at: index).verdict
    }

    /// Turns the loop until `isDone`, ten seconds at most.
    func turn(until isDone: () -> Bool) {
        let deadline = Instant.read().adding(seconds: 10)
        // A loop that was told to stop makes exactly one turn each time it runs, without waiting.
        loop.stop()
        while !isDone(), Instant.read() < deadline { loop.run() }
    }

    func turn(times: Int = 3) {
        loop.stop()
        for _ in 0..<times { loop.run() }
    }

    /// Ends the exchange as the runner does.
    func complete() {
        place.operations.cancelAll(of: exchange)
        worker.limiter.releaseAll(of: exchange)
        var summary = gw_summary()
        summary.size = UInt32(MemoryLayout<gw_summary>.size)
        for entry in worker.hooks(.complete) where exchange.scopes[entry].entered {
            worker.callComplete(entry: entry, exchange: exchange, &summary)
        }
        worker.exchangeEnds(exchange)
        exchange.reset()
    }

    /// Ends worker and generation as a reload does.
    func retire() {
        worker.supersede()
        generation.destroy()
    }
}
