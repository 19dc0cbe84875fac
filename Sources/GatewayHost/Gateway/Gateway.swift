// The composition root: what the parts are made of each other, in which order they start, change
// and stop.
//
//   start ─► listening sockets ─► chain ─► loops, each with its worker ─► ready
//   SIGHUP ─► new configuration ─► new chain beside the old ─► every worker starts it ─► adopted by all
//   SIGTERM ─► listeners close ─► exchanges finish ─► loops stop ─► chain destroyed
//
// The thread that calls `run` becomes the control thread. It has an event loop of its own, on which
// signals, outcomes of workers and time arrive, and it may block: plugins are created here.
//
// Kind: control thread.

import CLinux
import Synchronization

final class Gateway: LoopHandler, TimerHandler {
    private var config: GatewayConfig
    private let control: EventLoop
    private let shared: GatewayShared
    private let data: DataFolder
    private let host: PluginHost
    private let group: LoopGroup
    private let watchdog: Watchdog
    private let upstreamTLS: TLSClientSource
    private let desk: ControlDesk
    private let storage: Storage
    private let admin: AdminDesk
    /// The reload under way, and those that wait for it to end.
    private var reloading: ReloadRequest?
    private var waitingReloads: [ReloadRequest] = []
    private var chain: ChainGeneration
    private var retiring: [(chain: ChainGeneration, running: Int)] = []
    private var timer: LoopTimer!
    private let keeper: StateKeeper
    private var keepTimer: LoopTimer!
    private var signals: Int32 = -1
    private var nextNumber: UInt64 = 1
    private var drainEnds = Instant.distantFuture
    private var failure: GatewayFault?
    /// Addresses of the admin interface's own.
    private var adminAddresses: [SocketAddress] = []
    private var runningLoops = 0
    private let whenReady: ([SocketAddress]) -> Void

    /// Serves until SIGTERM or SIGINT, and returns the exit code.
    /// - Parameter whenReady: runs on the control thread once every loop listens.
    /// - Throws: what kept it from starting.
    static func run(_ config: GatewayConfig, whenReady: @escaping ([SocketAddress]) -> Void = { _ in }) throws -> Int32 {
        Signals.prepareProcess()
        let gateway = try Gateway(config, whenReady: whenReady)
        return try gateway.serve()
    }

    private init(_ config: GatewayConfig, whenReady: @escaping ([SocketAddress]) -> Void) throws {
        self.config = config
        self.whenReady = whenReady
        data = try DataFolder(config.data)
        let threads = config.threads > 0 ? config.threads : ProcessorCount.available
        shared = GatewayShared(
            bufferedLimit: config.limits.bufferedBytes, connectionLimit: config.limits.connections,
            processTag: ProcessTag.make(),
            ledger: try Ledger(config.ledger, data: config.data, sharedBy: RedisTarget(config)))
        control = try EventLoop(index: threads)
        group = try LoopGroup(count: threads)
        host = PluginHost(directory: config.data + "/plugins")
        if let ledger = shared.ledger {
            host.zone = ledger.zone
            host.balances = ledger.balances
        }
        host.sharing = SharedStoreSettings(config, node: shared.processTag)
        let (storage, vault) = try GatewayStore.open(config)
        self.storage = storage
        host.records = storage
        host.secrets = vault
        upstreamTLS = try TLSClientSource(caFile: config.upstream.caFile)
        watchdog = Watchdog(host: host)
        desk = ControlDesk(control: control.mailbox, metrics: host.metrics)
        host.control = desk
        admin = AdminDesk(storage: storage, vault: vault, usage: UsageDesk(config), metrics: host.metrics, control: desk)
        chain = try ChainBuilder.build(config, number: 1, workers: threads, host: host)
        shared.ledger?.share(ShipMetrics(host.metrics))
        keeper = StateKeeper(data: config.data)
        keeper.restore(chain)
        timer = LoopTimer(self)
        keepTimer = LoopTimer(self)
        control.context = self
    }

    private func serve() throws -> Int32 {
        var listeners = try Listeners(config, loops: group.loops.count)
        let addresses = listeners.addresses
        adminAddresses = listeners.adminAddresses
        listeners.openFolder(config.data)
        signals = try Signals.open()
        _ = try control.add(signals, [.read], self)
        HookMarks.reportOnCrash()
        watchdog.watch(chain)
        desk.serves(chain)
        storage.whenGoneBack { [desk] in desk.readRecordsAnew() }
        watchdog.start()
        try startLoops(&listeners)
        awaitWorkers(addresses)
        control.run()
        control.context = nil
        group.stop()
        group.join()
        data.removeSocket()
        shared.ledger?.stop()
        watchdog.stop()
        keeper.keep(chain)
        chain.destroy()
        admin.close()
        storage.close()
        close(signals)
        if let failure { throw failure }
        log.info("stopped")
        return 0
    }

    // MARK: Start

    private func startLoops(_ listeners: inout Listeners) throws {
        let plans = group.loops.map { loop in
            WorkerPlan(
                config: config, chain: chain, shared: shared, host: host, sockets: listeners.take(loop: loop.index),
                folderSocket: loop.index == 0 ? listeners.takeFolder() : nil, upstreamTLS: upstreamTLS, admin: admin)
        }
        let outcome = WorkerOutcomes(control: control.mailbox)
        try group.start(
            prepare: { loop in
                do {
                    loop.context = try plans[loop.index].makeWorker(on: loop) { outcome.report($0) }
                } catch {
                    outcome.report(GatewayFault("\(error)"))
                }
            })
        outcomes = outcome
    }

    private var outcomes: WorkerOutcomes?

    private func awaitWorkers(_ addresses: [SocketAddress]) {
        outcomes?.whenAll(group.loops.count) { [self] fault in
            if let fault {
                failure = fault
                return finishDrain()
            }
            ready(addresses)
        }
    }

    private func ready(_ addresses: [SocketAddress]) {
        shared.generation.store(chain.number, ordering: .relaxed)
        shared.isReady.store(true, ordering: .releasing)
        nextNumber = chain.number + 1
        // Before anybody is told that it serves, so that no half of it is ever seen.
        keepApplied()
        gwl_give_back_startup_memory()
        data.write(
            "{\"addresses\":\(Gateway.list(addresses)),\"admin\":\(Gateway.list(adminAddresses)),\"pid\":\(getpid())}\n",
            to: "listen.json")
        for address in addresses { log.info("listening", .field("address", "\(address)")) }
        for address in adminAddresses { log.info("listening", .field("address", "\(address)"), .field("for", "admin")) }
        log.info(
            "ready", .field("upstream", "\(config.upstream.url)"), .field("threads", group.loops.count),
            .field("chain", chain.instances.map(\.name).joined(separator: " > ")))
        whenReady(addresses)
        control.arm(keepTimer, at: control.now.adding(milliseconds: StateKeeper.pauseMilliseconds))
        warmUp()
        host.loader.removeUnused()
    }

    /// A JSON list.
    private static func list(_ addresses: [SocketAddress]) -> String {
        "[\(addresses.map { "\"\($0)\"" }.joined(separator: ","))]"
    }

    /// What the first request over TLS would otherwise wait for.
    private func warmUp() {
        guard config.upstream.url.secure else { return }
        do {
            _ = try upstreamTLS.context()
        } catch {
            log.error("no TLS connection to an upstream is possible", .field("reason", "\(error)"))
        }
    }

    // MARK: Signals and time

    func ready(_ readiness: Readiness) {
        while let signal = Signals.next(signals) {
            switch signal {
            case SIGHUP: reload(ReloadRequest())
            case SIGTERM, SIGINT: drain()
            default: break
            }
        }
    }

    func timerFired(_ timer: LoopTimer) {
        if timer === keepTimer { return keepState() }
        let rest = shared.exchanges.load(ordering: .relaxed) + host.backgroundWork.load(ordering: .relaxed)
        if rest == 0 || control.now >= drainEnds { return finishDrain() }
        control.arm(timer, at: control.now.adding(milliseconds: Gateway.drainLookMilliseconds))
    }

    /// What a restart, expected or not, shall find.
    private func keepState() {
        keeper.keep(chain)
        control.arm(keepTimer, at: control.now.adding(milliseconds: StateKeeper.pauseMilliseconds))
    }

    // MARK: Reload

    /// Applies the file again, or the text that came with the request, as a whole or not at all. One
    /// reload at a time: the next begins when this one has ended.
    func reload(_ request: ReloadRequest) {
        guard drainEnds == .distantFuture else {
            return request.done(PluginFault("reload", "the gateway is stopping"))
        }
        guard reloading == nil else { return waitingReloads.append(request) }
        reloading = request
        do {
            let config = try read(request)
            try shared.ledger?.apply(config.ledger, data: config.data)
            let number = nextNumber
            let new = try ChainBuilder.build(
                config, number: number, workers: group.loops.count, host: host, previous: chain)
            nextNumber += 1
            applyLog(config.log)
            install(new, config)
        } catch {
            reloadEnded(refusal: "\(error)")
        }
    }

    /// Another chain with the configuration in force: its watches begin with what is there.
    func readRecordsAnew() {
        guard !config.source.isEmpty else { return }
        reload(ReloadRequest(text: String(decoding: config.source, as: UTF8.self)))
    }

    private func read(_ request: ReloadRequest) throws(ConfigFaults) -> GatewayConfig {
        guard let text = request.text else { return try ConfigLoader.load(config.file) }
        return try ConfigLoader.read(Array(text.utf8), file: config.file, environment: .current())
    }

    /// A log file that cannot be opened leaves the log as it was; that is no reason to refuse the rest.
    private func applyLog(_ settings: LogConfig) {
        do {
            try log.configure(settings)
        } catch {
            log.error("the log settings of the new configuration are not applied", .field("reason", "\(error)"))
        }
    }

    /// Phase one: every worker starts the new chain, and that has its records. Phase two: all adopt it, or all drop it.
    private func install(_ new: ChainGeneration, _ config: GatewayConfig) {
        let outcome = WorkerOutcomes(control: control.mailbox)
        for loop in group.loops {
            loop.submit { loop in
                let worker = loop.context as! Worker
                worker.prepare(new) { fault in outcome.report(fault.map { GatewayFault("\($0)") }) }
            }
        }
        outcome.whenAll(group.loops.count) { [self] fault in
            if let fault {
                for loop in group.loops { loop.submit { ($0.context as! Worker).dropPrepared() } }
                afterEveryLoop { new.destroy() }
                return reloadEnded(refusal: fault.sentence)
            }
            adopt(new, config)
        }
    }

    private func adopt(_ new: ChainGeneration, _ config: GatewayConfig) {
        let old = chain
        chain = new
        watchdog.watch(new)
        desk.serves(new)
        let ended = WorkerOutcomes(control: control.mailbox)
        for loop in group.loops {
            loop.submit { ($0.context as! Worker).adoptPrepared(config) { ended.report(nil) } }
        }
        ended.whenAll(group.loops.count) { [self] _ in
            watchdog.forget(old)
            desk.ended(old)
            old.destroy()
            log.info("old chain is gone", .field("generation", old.number))
        }
        let unchanged = RestartOnly.differences(self.config, config)
        self.config = config
        keepApplied()
        shared.generation.store(new.number, ordering: .relaxed)
        reloadEnded(refusal: nil, needsRestart: unchanged)
    }

    private func reloadEnded(refusal: String?, needsRestart: [String] = []) {
        if let refusal {
            log.error("reload refused; nothing has changed", .field("reason", refusal))
        } else {
            log.info("reloaded", .field("generation", chain.number))
            for option in needsRestart {
                log.warning("this option takes effect at the next start", .field("option", option))
            }
        }
        data.write(
            ReloadReport(generation: chain.number, refusal: refusal, needsRestart: needsRestart).json, to: "reload.json")
        let ended = reloading
        reloading = nil
        ended?.done(refusal.map { PluginFault("reload", $0) })
        if !waitingReloads.isEmpty { reload(waitingReloads.removeFirst()) }
    }

    /// Keeps the configuration in force, for `gateway config diff`.
    private func keepApplied() {
        if let failure = AppliedConfig.record(config) {
            log.warning("the configuration in force cannot be kept", .field("reason", failure.sentence))
        }
    }

    /// Runs `work` here when everything submitted to the loops so far is done.
    private func afterEveryLoop(_ work: @escaping @Sendable () -> Void) {
        let outcome = WorkerOutcomes(control: control.mailbox)
        for loop in group.loops { loop.submit { _ in outcome.report(nil) } }
        outcome.whenAll(group.loops.count) { _ in work() }
    }

    // MARK: Stop

    /// How often the control thread looks whether the last exchange has ended.
    private static let drainLookMilliseconds = 20

    private func drain() {
        guard drainEnds == .distantFuture else {
            log.warning("stopping at once, exchanges under way are cut")
            return finishDrain()
        }
        drainEnds = control.now.adding(config.timeouts.drain)
        shared.isDraining.store(true, ordering: .releasing)
        log.info("draining", .field("exchanges", shared.exchanges.load(ordering: .relaxed)))
        for loop in group.loops { loop.submit { ($0.context as? Worker)?.drain() } }
        control.arm(timer, at: control.now.adding(milliseconds: Gateway.drainLookMilliseconds))
    }

    private func finishDrain() {
        for loop in group.loops { loop.submit { ($0.context as? Worker)?.end() } }
        afterEveryLoop { [control = control.mailbox] in control.stop() }
    }
}
