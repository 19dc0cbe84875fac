// gw.limiter/1 over Redis, on one loop: one round trip for all demands of a request.
//
// What Redis grants is held under a name that only this take has, so giving it back twice does it once. What could not be
// given back, because the connection broke, is kept and tried again; what is forgotten expires. While Redis does not
// answer each demand says what becomes of it (LimiterFallback).
//
// Kind: loop-confined.

import PluginABI

final class SharedLimiter: TimerHandler {
    /// A holding that nobody renews for so long is free: how long a dead node's places stay taken.
    static let lifetimeMilliseconds = 15_000
    static let renewMilliseconds = 5_000
    private static let tickMilliseconds = 1_000
    /// Holdings of one renewal.
    private static let renewBatch = 100
    /// What waits to be given back; beyond, expiry does it.
    static let unsettledLimit = 10_000

    private let client: RedisClient
    private let settings: SharedStoreSettings
    private let operations: OperationTable
    private unowned let service: LimiterService
    private let idPrefix: [UInt8]
    private var nextID: UInt64 = 0
    private var held = SharedHoldings()
    private var unsettled: [(holding: SharedHolding, spent: Int64)] = []
    private var heartbeatAt: Instant
    /// Nodes that lived when Redis was last asked.
    private(set) var nodeCount: Int64 = 1
    private lazy var timer = LoopTimer(self)
    /// Instead of Redis's clock; milliseconds. For tests.
    var time: UInt64?

    init(_ client: RedisClient, _ settings: SharedStoreSettings, _ operations: OperationTable, _ service: LimiterService) {
        self.client = client
        self.settings = settings
        self.operations = operations
        self.service = service
        idPrefix = Array("\(settings.node).\(client.loop.index).".utf8)
        heartbeatAt = client.loop.now
        client.loop.arm(timer, at: client.loop.now.adding(milliseconds: Self.tickMilliseconds))
        client.whenUp = { [unowned self] in
            settings.returns.cameBack()
            heartbeat()
            settleAgain()
            renew(all: true)
        }
    }

    /// Takes all or none, and ends the operation when Redis has answered.
    func take(
        _ operation: gw_op, _ demands: UnsafeMutableBufferPointer<LimiterDemand>, instance: String, namespace: UInt32,
        scope: UnsafeMutablePointer<RequestScope>
    ) {
        nextID += 1
        let shared = demands.map { SharedDemand($0, settings, instance: instance) }
        settings.health.noteNeed(shared.contains { $0.fallback == .refuse })
        let take = SharedTake(
            self, operation, shared, id: idPrefix + Array("\(nextID)".utf8), namespace: namespace, scope: scope)
        if client.ask(SharedAnswer.question(shared, id: take.id, time: time, lifetime: Self.lifetimeMilliseconds), take) != nil {
            withoutRedis(take)
        }
    }

    // MARK: Answers

    fileprivate func answered(_ take: SharedTake, _ reply: RedisReply) {
        guard let answer = SharedAnswer(reply, take.demands, now: wallMilliseconds) else {
            if let error = reply.error { refused(error) }
            return withoutRedis(take)
        }
        if case .unknown(let first) = answer.outcome {
            operations.finish(operation: take.operation, GW_E_ABSENT, number: Int64(first))
            return
        }
        let isAwaited = answer.grants.withUnsafeBytes { grants in
            switch answer.outcome {
            case .refused(let first):
                operations.finish(operation: take.operation, GW_E_LIMIT, number: Int64(first), bytes: Bytes(grants))
            default: operations.finish(operation: take.operation, GW_OK, bytes: Bytes(grants))
            }
        }
        for holding in answer.holdings(take.demands, id: take.id) {
            // The exchange may have ended meanwhile.
            guard isAwaited else {
                give(holding, spent: 0)
                continue
            }
            keep(holding)
            service.hold(holding, scope: take.scope)
        }
    }

    /// Nobody waits for it any more; what was granted is given back.
    fileprivate func answeredLate(_ take: SharedTake, _ reply: RedisReply) {
        guard let answer = SharedAnswer(reply, take.demands, now: wallMilliseconds) else { return }
        for holding in answer.holdings(take.demands, id: take.id) { give(holding, spent: 0) }
    }

    private var wallMilliseconds: UInt64 { time ?? client.loop.wallNanoseconds / 1_000_000 }

    private var lastRefusal = ""

    /// Out of memory, read-only, a script that was cut short: said once.
    private func refused(_ error: Bytes) {
        let words = error.string
        guard words != lastRefusal else { return }
        lastRefusal = words
        log.warning("redis refuses to keep limits", .field("reason", words))
    }

    /// Redis does not answer: each demand says what becomes of it.
    fileprivate func withoutRedis(_ take: SharedTake) {
        let time = LimiterTime(
            monotonicNanoseconds: client.loop.now.nanoseconds, wallMilliseconds: client.loop.wallNanoseconds / 1_000_000)
        take.decideAlone(service, operations, nodes: nodeCount, absence: settings.returns.count, time) { keep($0) }
    }

    // MARK: Giving back

    private func keep(_ holding: SharedHolding) {
        holding.renewAt = client.loop.now.adding(milliseconds: Self.renewMilliseconds)
        held.append(holding)
    }

    /// - Parameter spent: of a reservation.
    func give(_ holding: SharedHolding, spent: Int64) {
        held.remove(holding)
        let isTold = holding.isTakenAlone && holding.kind != GW_DEMAND_LEASE
        if !holding.isKnown, !isTold || spent == 0 { return }
        let call =
            isTold
            ? SharedAnswer.telling(holding, spent: spent, time: time) : SharedAnswer.giving(holding, spent: spent, time: time)
        if client.ask(call, SharedGive(self, holding, spent)) != nil { giveLater(holding, spent) }
    }

    fileprivate func giveLater(_ holding: SharedHolding, _ spent: Int64) {
        guard unsettled.count < Self.unsettledLimit else { return }
        unsettled.append((holding, spent))
    }

    private func settleAgain() {
        let waiting = unsettled
        unsettled = []
        for (holding, spent) in waiting { give(holding, spent: spent) }
    }

    /// What waits to be given back.
    var unsettledCount: Int { unsettled.count }
    var heldCount: Int { held.count }

    // MARK: Time

    func timerFired(_ timer: LoopTimer) {
        client.loop.arm(timer, at: client.loop.now.adding(milliseconds: Self.tickMilliseconds))
        guard client.state == .up else { return }
        if client.loop.now >= heartbeatAt { heartbeat() }
        if !unsettled.isEmpty { settleAgain() }
        renew()
    }

    private func heartbeat() {
        heartbeatAt = client.loop.now.adding(milliseconds: Self.renewMilliseconds)
        var call = RedisScriptCall(SharedScripts.nodes, keys: 1, words: 3)
        call.add(Array("\(settings.prefix):nodes".utf8))
        call.add([UInt8]())
        call.add(Self.lifetimeMilliseconds)
        call.add(Array(settings.node.utf8))
        _ = client.ask(call, SharedCount { [weak self] in self?.heardOfNodes($0) })
    }

    private func heardOfNodes(_ count: Int64) {
        nodeCount = max(1, count)
        client.metrics.nodes.set(Double(nodeCount))
    }

    private struct Place: Hashable {
        var holdings: [UInt8]
        var kind: gw_demand_kind.RawValue
    }

    /// - Parameter all: also what is not due: Redis may have forgotten it, or never heard of it.
    private func renew(all: Bool = false) {
        let now = client.loop.now
        var due: [Place: [SharedHolding]] = [:]
        var left = all ? held.count : .max
        while left > 0, let holding = held.first, all || holding.renewAt <= now {
            left -= 1
            held.remove(holding)
            keep(holding)
            holding.isKnown = true
            due[Place(holdings: holding.holdings, kind: holding.kind.rawValue), default: []].append(holding)
        }
        for (place, all) in due {
            for start in stride(from: 0, to: all.count, by: Self.renewBatch) {
                let batch = all[start..<min(start + Self.renewBatch, all.count)]
                var call = RedisScriptCall(SharedScripts.renew, keys: 1, words: 3 + batch.count)
                call.add(place.holdings)
                SharedAnswer.addTime(&call, time)
                call.add(Self.lifetimeMilliseconds)
                call.add(place.kind)
                for holding in batch { call.add(holding.member) }
                // The next one is soon, and expiry leaves time for two that fail.
                _ = client.ask(call, SharedCount { _ in })
            }
        }
    }
}

/// Hears a number, if there is one.
private final class SharedCount: RedisAsker {
    private let told: (Int64) -> Void
    init(_ told: @escaping (Int64) -> Void) { self.told = told }
    func redisAnswered(_ reply: RedisReply) {
        if let number = reply.integer { told(number) }
    }
    func redisFailed(_ fault: RedisFault) {}
}

private final class SharedGive: RedisAsker {
    private weak var limiter: SharedLimiter?
    private let holding: SharedHolding
    private let spent: Int64

    init(_ limiter: SharedLimiter, _ holding: SharedHolding, _ spent: Int64) {
        self.limiter = limiter
        self.holding = holding
        self.spent = spent
    }

    func redisAnswered(_ reply: RedisReply) {
        if reply.error != nil { limiter?.giveLater(holding, spent) }
    }
    func redisFailed(_ fault: RedisFault) { limiter?.giveLater(holding, spent) }
}

/// A take under way.
final class SharedTake: RedisAsker {
    private weak var limiter: SharedLimiter?
    let operation: gw_op
    let demands: [SharedDemand]
    let id: [UInt8]
    let namespace: UInt32
    /// Good while the operation has not ended.
    let scope: UnsafeMutablePointer<RequestScope>

    fileprivate init(
        _ limiter: SharedLimiter, _ operation: gw_op, _ demands: [SharedDemand], id: [UInt8], namespace: UInt32,
        scope: UnsafeMutablePointer<RequestScope>
    ) {
        self.limiter = limiter
        self.operation = operation
        self.demands = demands
        self.id = id
        self.namespace = namespace
        self.scope = scope
    }

    func redisAnswered(_ reply: RedisReply) { limiter?.answered(self, reply) }
    func redisFailed(_ fault: RedisFault) { limiter?.withoutRedis(self) }
    func redisAnsweredLate(_ reply: RedisReply) { limiter?.answeredLate(self, reply) }
}
