// Looks after proxies on a clock: connects through each to an origin and closes, which asks nothing of anybody and costs no token.
//
// One worker of a gateway does it for all, in the background. Gateways that share records each look for themselves, because
// a proxy may be reached by one machine and not by another. Of several chains in one process, as after a reload, only the newest
// that serves goes on.
//
// Kind: confined to its worker.

import PluginKit

final class ExitChecker {
    private unowned let worker: SOCKSProxyWorker
    private let plugin: SOCKSProxy
    private let fetch: Fetch
    private let background: Request
    private var clock = CheckClock()
    private var isTicking = false
    /// Which of the process's checkers of this entry it is; nil: its chain does not serve yet.
    private var turn: UInt64?
    private var chance: UInt64

    private static let turns = Locked<[String: UInt64]>([:])

    /// - Parameter seed: any number.
    init(_ worker: SOCKSProxyWorker, _ plugin: SOCKSProxy, _ fetch: Fetch, _ background: Request, seed: UInt64) {
        self.worker = worker
        self.plugin = plugin
        self.fetch = fetch
        self.background = background
        chance = seed
    }

    /// There may be something to look after.
    func wake() {
        guard !isTicking else { return }
        isTicking = true
        tickLater()
    }

    private func tickLater() {
        let timer = background.after(milliseconds: CheckClock.tickMilliseconds) { [weak self] _, result in
            if result.error == GW_OK { self?.tick() }
            return .suspend
        }
        if timer == nil { isTicking = false }
    }

    private func tick() {
        guard let upstream = background.upstream() else { return tickLater() }
        if turn == nil {
            turn = Self.turns.withLock { turns in
                turns[plugin.name, default: 0] += 1
                return turns[plugin.name]
            }
        }
        // A newer chain has taken over.
        guard Self.turns.withLock({ $0[plugin.name] }) == turn else { return }
        let ways = worker.checkedWays()
        if ways.isEmpty, plugin.options.check == nil { return isTicking = false }
        let now = SOCKSProxyWorker.now(background)
        let due = clock.due(
            ways.map { .init(name: $0.key, everyMilliseconds: $0.value.rule.everyMilliseconds, health: $0.value.exit.current) }, at: now)
        for name in due {
            if let way = ways[name] { check(name, way, way.rule.target ?? Bytes(upstream.url).string, at: now) }
        }
        tickLater()
    }

    private func check(_ name: String, _ way: SOCKSProxyWorker.CheckedWay, _ target: String, at start: UInt64) {
        // Whoever is the probe keeps requests away meanwhile.
        let probe = way.exit.current.phase == .open ? 0 : way.exit.take(at: start) ?? 0
        let operation = target.withBytes { url in
            way.exit.url.withUnsafeBufferPointer { proxy in
                fetch.connect(background, url: url, proxy: Bytes(proxy), timeoutMilliseconds: way.rule.timeoutMilliseconds) {
                    [weak self] _, result in
                    self?.ended(name, way, target, probe, since: start, result)
                    return .suspend
                }
            }
        }
        guard operation == nil else { return }
        way.exit.probeLeft(probe, at: start)
        clock.ended(name, everyMilliseconds: way.rule.everyMilliseconds, at: start, chance: 0)
    }

    private func ended(
        _ name: String, _ way: SOCKSProxyWorker.CheckedWay, _ target: String, _ probe: UInt64, since start: UInt64,
        _ result: OperationResult
    ) {
        let now = SOCKSProxyWorker.now(background)
        guard result.error != GW_E_CANCELLED else { return way.exit.probeLeft(probe, at: now) }
        let check = ExitCheck(
            outcome: ExitCheck.Outcome(result), time: Timestamp(nanoseconds: background.clock(GW_CLOCK_WALL)).seconds,
            milliseconds: Int(now - start), target: target)
        way.exit.checked(check)
        plugin.metrics?.checked(way.exit, check.outcome)
        switch check.outcome {
        case .connected: worker.works(background, way.exit)
        case .failed: worker.rests(background, way.exit)
        case .unclear: way.exit.probeLeft(probe, at: now)
        }
        chance = chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        clock.ended(name, everyMilliseconds: way.rule.everyMilliseconds, at: now, chance: chance >> 32)
    }
}
