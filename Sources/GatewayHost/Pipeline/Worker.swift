// Everything of one loop: its listeners, its clients, its exchanges, its way upstream, its chain.
//
// Workers share nothing mutable but the atomics of `GatewayShared`; what the control thread wants of
// a worker it submits to the loop.
//
// Kind: loop-confined.

import PluginABI
import Synchronization

final class Worker: ClientService, AcceptHandler, TurnHandler, TimerHandler {
    let loop: EventLoop
    let shared: GatewayShared
    let blocks: BlockPool
    let upstreams: UpstreamPool
    let plugins: PluginLoop
    let metrics: WorkerMetrics
    /// The loop's hand in the ledger; nil: nothing is recorded.
    let pen: LedgerPen?
    /// As ids have it, in a number.
    let processTag: UInt32
    private var metricsTimer: LoopTimer!
    private(set) var settings: RunnerSettings
    private var clientSettings: ClientSettings
    private var httpLimits: HTTPLimits
    private(set) var access: AdminAccess
    private var trustedProxies: [AddressRange]
    /// The configured upstream as bytes that stay.
    private(set) var upstreamURL: Bytes
    private(set) var chain: ChainWorker
    /// Started for a reload that is not decided yet.
    private var prepared: ChainWorker?
    /// Chains before this one of which something still runs.
    private var replaced: [ChainWorker] = []

    /// The admin interface; nil: there is none.
    var station: (any LocalStation)?

    private var listeners: [Listener] = []
    private var serverTLS: [ObjectIdentifier: TLSServerContext] = [:]
    private var folderListener: Listener?
    private var sideDoors: [ObjectIdentifier: SideDoor] = [:]
    private var connections: [ClientConnection] = []
    private var freeRunners: [ExchangeRunner] = []
    private var retiredRunners: [ExchangeRunner] = []
    private var nextID: UInt64 = 0
    /// `gw_` and the process's tag.
    private let requestIDPrefix: Bytes
    private var date = HTTPDate()
    private let dateMemory = UnsafeMutablePointer<UInt8>.allocate(capacity: 29)

    init(
        loop: EventLoop, shared: GatewayShared, blocks: BlockPool, upstreams: UpstreamPool, plugins: PluginLoop,
        chain: ChainWorker, config: GatewayConfig
    ) {
        self.loop = loop
        self.shared = shared
        self.blocks = blocks
        self.upstreams = upstreams
        self.plugins = plugins
        self.chain = chain
        settings = RunnerSettings(config)
        clientSettings = ClientSettings(config)
        httpLimits = HTTPLimits(config)
        access = AdminAccess(allow: config.metrics.allow, token: config.metrics.token)
        trustedProxies = config.trustedProxies
        upstreamURL = Worker.kept(config.upstream.url.description)
        chain.background.choice = UpstreamChoice(url: upstreamURL)
        requestIDPrefix = Worker.kept("gw_" + shared.processTag)
        metrics = WorkerMetrics(plugins.host.metrics, loop: loop.index)
        pen = shared.ledger.map { LedgerPen(loop: loop, journal: $0.journal, prices: $0.prices) }
        plugins.pen = pen
        processTag = UInt32(shared.processTag, radix: 16) ?? 0
        metricsTimer = LoopTimer(self)
        timerFired(metricsTimer)
    }

    deinit { dateMemory.deallocate() }

    // MARK: Listening

    func listen(_ socket: consuming Descriptor, tls: TLSServerContext?, door: Door = .clients) throws(SystemError) {
        let listener = try Listener(loop: loop, inherited: socket, handler: self)
        serverTLS[ObjectIdentifier(listener)] = tls
        if door != .clients { sideDoors[ObjectIdentifier(listener)] = SideDoor(self, door) }
        listeners.append(listener)
        try listener.resume()
    }

    func accepted(_ descriptor: consuming Descriptor, from address: SocketAddress, on listener: Listener) {
        guard shared.connections.load(ordering: .relaxed) < shared.connectionLimit else {
            metrics.refused(.gateway)
            return
        }
        if listener === folderListener { return accepted(local: descriptor) }
        do {
            let tls = serverTLS[ObjectIdentifier(listener)]
            let stream: ByteStream
            if let tls { stream = try ByteStream(descriptor, server: tls) } else { stream = ByteStream(descriptor) }
            try open(
                stream, from: address, needsHandshake: tls != nil, service: sideDoors[ObjectIdentifier(listener)] ?? self)
        } catch {
            log.warning("a client connection could not be set up", .field("reason", "\(error)"))
        }
    }

    /// Takes connections of processes of this machine by the socket in the data folder.
    func listen(folder socket: consuming Descriptor) throws(SystemError) {
        let listener = try Listener(loop: loop, inherited: socket, handler: self)
        folderListener = listener
        listeners.append(listener)
        try listener.resume()
    }

    /// Whoever may read the data folder needs no password; the kernel says who it is.
    private func accepted(local socket: consuming Descriptor) {
        do throws(SystemError) {
            let user = try FolderSocket.peerUser(of: socket)
            guard UnixUser.mayManage(user) else {
                metrics.refused(.gateway)
                return log.warning(
                    "a process of another user came to the socket in the data folder", .field("user", UnixUser.name(of: user)))
            }
            try accept(local: socket, actor: "cli:\(UnixUser.name(of: user))")
        } catch {
            log.warning("a local connection could not be set up", .field("reason", "\(error)"))
        }
    }

    /// A connection of this machine, for whoever `actor` is.
    func accept(local socket: consuming Descriptor, actor: String) throws(SystemError) {
        try open(
            ByteStream(socket), from: SocketAddress(unixPath: ""), needsHandshake: false,
            service: SideDoor(self, .local(actor: actor)))
    }

    private func open(
        _ stream: ByteStream, from address: SocketAddress, needsHandshake: Bool, service: any ClientService
    ) throws(SystemError) {
        let connection = ClientConnection(
            loop: loop, stream: stream, address: address, pool: blocks, settings: clientSettings, limits: httpLimits,
            service: service, needsHandshake: needsHandshake)
        try connection.open()
        shared.connections.add(1, ordering: .relaxed)
        metrics.connectionsAccepted.add(1)
        metrics.connections.add(1)
        connection.listIndex = connections.count
        connections.append(connection)
    }

    func acceptFailed(_ error: SystemError, on listener: Listener) {
        log.warning("cannot accept connections for a moment", .field("reason", "\(error)"))
    }

    // MARK: Clients

    func startExchange(on connection: ClientConnection) {
        takeRunner().start(on: connection, id: takeID())
    }

    func startExchange(on connection: ClientConnection, at door: Door) {
        takeRunner().start(on: connection, id: takeID(), at: door)
    }

    func refuse(_ error: GatewayError, on connection: ClientConnection) {
        takeRunner().refuse(error, on: connection, id: takeID())
    }

    func connectionClosed(_ connection: ClientConnection) {
        shared.connections.subtract(1, ordering: .relaxed)
        metrics.connections.add(-1)
        let last = connections.removeLast()
        if last !== connection {
            connections[connection.listIndex] = last
            last.listIndex = connection.listIndex
        }
    }

    func reserveBody(_ bytes: Int) -> Bool {
        let total = shared.bufferedBytes.add(bytes, ordering: .relaxed).newValue
        if total <= shared.bufferedLimit { return true }
        shared.bufferedBytes.subtract(bytes, ordering: .relaxed)
        return false
    }

    func releaseBody(_ bytes: Int) { shared.bufferedBytes.subtract(bytes, ordering: .relaxed) }

    var isDraining: Bool { shared.isDraining.load(ordering: .relaxed) }

    func timerFired(_ timer: LoopTimer) {
        metrics.publish(
            loop: loop, upstreams: upstreams, operations: plugins.operations.pendingCount,
            heldBytes: shared.bufferedBytes.load(ordering: .relaxed))
        loop.arm(timer, at: loop.now.adding(milliseconds: WorkerMetrics.publishMilliseconds))
    }

    // MARK: Exchanges

    /// A place for reading an upstream whose client is gone.
    /// - Returns: false if there is none; nothing is to be given back then.
    func takeDrain(_ limit: Int) -> Bool {
        guard shared.drains.add(1, ordering: .relaxed).newValue <= limit else {
            shared.drains.subtract(1, ordering: .relaxed)
            return false
        }
        metrics.drains.add(1)
        return true
    }

    func giveBackDrain() {
        shared.drains.subtract(1, ordering: .relaxed)
        metrics.drains.add(-1)
    }

    private func takeRunner() -> ExchangeRunner {
        shared.exchanges.add(1, ordering: .relaxed)
        metrics.exchangesInFlight.add(1)
        let runner = freeRunners.popLast() ?? ExchangeRunner(worker: self)
        runner.keeper = runner
        return runner
    }

    private func takeID() -> UInt64 {
        nextID += 1
        return nextID << 8 | UInt64(loop.index)
    }

    /// The runner is done, but its calls may still be on the stack: it is free at the end of the turn.
    func retire(_ runner: ExchangeRunner) {
        shared.exchanges.subtract(1, ordering: .relaxed)
        metrics.exchangesInFlight.add(-1)
        if retiredRunners.isEmpty { loop.atEndOfTurn(self) }
        retiredRunners.append(runner)
        runner.keeper = nil
    }

    /// Idle runners kept: an exchange under load finds one, and a burst leaves no memory behind.
    private static let keptRunners = 256

    func turnEnded() {
        for runner in retiredRunners where freeRunners.count < Worker.keptRunners { freeRunners.append(runner) }
        retiredRunners.removeAll(keepingCapacity: true)
    }

    /// The Date header of this second; valid until the next call.
    func dateText() -> Bytes {
        date.write(loop.wallSeconds, to: dateMemory)
        return Bytes(base: dateMemory, count: 29)
    }

    /// The client speaks TLS, with us or with a trusted proxy in front of us.
    func isSecure(_ exchange: Exchange, _ client: ClientConnection) -> Bool {
        if client.stream.isTLS { return true }
        guard !trustedProxies.isEmpty, let peer = IPAddress(client.addressText), trustedProxies.contains(peer) else { return false }
        return exchange.requestHeaders.value(of: .xForwardedProto).equalsIgnoringCase(Bytes("https"))
    }

    /// The client's address as text, of the connection or of a trusted proxy's word.
    func clientAddress(of exchange: Exchange, _ client: ClientConnection) -> Bytes {
        if !trustedProxies.isEmpty, let peer = IPAddress(client.addressText) {
            let header = exchange.requestHeaders.value(of: .xForwardedFor)
            if let address = ForwardedFor.client(peer: peer, header: header, trusted: trustedProxies) { return address }
        }
        return exchange.arena.copy(client.addressBytes)
    }

    /// `gw_` + the process's tag + the exchange's number, in hexadecimal.
    func requestID(_ exchange: Exchange) -> Bytes {
        let memory = exchange.arena.allocate(32).assumingMemoryBound(to: UInt8.self)
        memory.update(from: requestIDPrefix.base.unsafelyUnwrapped, count: requestIDPrefix.count)
        let digits = memory + requestIDPrefix.count
        var rest = exchange.id
        var place = 12
        while place > 0 {
            place &-= 1
            let digit = UInt8(truncatingIfNeeded: rest) & 15
            digits[place] = digit < 10 ? 0x30 &+ digit : 0x57 &+ digit
            rest >>= 4
        }
        return Bytes(base: memory, count: requestIDPrefix.count + 12)
    }

    /// How usage is read from answers of this route; nil: not at all.
    func usageDialect(_ route: AnthropicPath.Route) -> Bool { route == .messages }

    // MARK: Control, on the loop

    /// First step of a reload: the new chain's worker_start hooks run beside the serving chain, and what they watch is
    /// told; then `done` is called.
    func prepare(_ generation: ChainGeneration, _ done: @escaping (PluginFault?) -> Void) {
        let worker = ChainWorker(generation: generation, place: plugins, index: loop.index)
        do throws(PluginFault) { try worker.start() } catch { return done(error) }
        prepared = worker
        worker.whenReady(done)
    }

    /// The reload was refused elsewhere.
    func dropPrepared() {
        if let prepared { replace(prepared) }
        prepared = nil
    }

    /// Second step: new exchanges get the new chain and settings, those under way keep theirs.
    /// - Parameter oldEnded: runs on the loop when the last exchange of the old chain is over.
    func adoptPrepared(_ config: GatewayConfig, oldEnded: @escaping () -> Void) {
        guard let new = prepared else { return }
        prepared = nil
        let old = chain
        chain = new
        plugins.host.sharing?.health.chainChanged()
        settings = RunnerSettings(config)
        if let ledger = shared.ledger { pen?.prices = PriceMemo(ledger.prices) }
        clientSettings = ClientSettings(config)
        httpLimits = HTTPLimits(config)
        access = AdminAccess(allow: config.metrics.allow, token: config.metrics.token)
        trustedProxies = config.trustedProxies
        station?.adopt(config)
        let url = config.upstream.url.description
        if url != upstreamURL.string { upstreamURL = Worker.kept(url) }
        chain.background.choice = UpstreamChoice(url: upstreamURL)
        replace(old, ended: oldEnded)
    }

    /// The chain gets no more exchanges and stays for as long as something of it runs.
    private func replace(_ chain: ChainWorker, ended: @escaping () -> Void = {}) {
        replaced.append(chain)
        chain.whenStopped = { [unowned self, unowned chain] in
            replaced.removeAll { $0 === chain }
            ended()
        }
        chain.supersede()
    }

    /// No new connections; idle ones close, busy ones close after their exchange.
    func drain() {
        for listener in listeners { listener.close() }
        listeners.removeAll()
        folderListener = nil
        for connection in connections { connection.closeIfIdle() }
        upstreams.drain()
    }

    /// The last thing on this loop: what still runs is cut, and the chain stops.
    func end() {
        for connection in connections { connection.cut() }
        loop.disarm(metricsTimer)
        station?.end()
        dropPrepared()
        for chain in replaced { chain.end() }
        chain.end()
        freeRunners.removeAll()
    }

    /// Text that stays for the life of the process; only configurations pass here.
    private static func kept(_ text: String) -> Bytes {
        let utf8 = Array(text.utf8)
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(utf8.count, 1))
        memory.initialize(from: utf8, count: utf8.count)
        return Bytes(base: memory, count: utf8.count)
    }
}
