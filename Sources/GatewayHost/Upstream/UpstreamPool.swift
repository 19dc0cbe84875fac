// The upstream side of one loop: its targets, their idle connections, and the dialer.
//
// An exchange asks for a target by the bytes of its choice, checks a connection out or dials one, and
// never sees how connections are kept. Nothing on that path allocates.
//
// Kind: loop-confined; one per loop. Invariants: 1. idleCount is the sum of the targets' idle
// connections, openCount of all. 2. a target in the table is listed, and only such a target.

final class UpstreamPool {
    let loop: EventLoop
    let blocks: BlockPool
    let tls: TLSClientSource
    let settings: UpstreamSettings
    let curl: CurlMulti
    let dialer: Dialer
    /// Places that did not answer lately.
    private var memory = DialMemory()
    private let reopened: ReopenedWays
    /// Of its news.
    private var reopenedSeen: UInt64 = 0
    /// Requests of the control plane.
    let transfers: TransferQueue

    private var buckets: [UpstreamTarget?]
    private(set) var targetCount = 0
    private(set) var isDraining = false

    // Counters since start, and gauges; read on the loop.
    var dialsTotal: UInt64 = 0
    /// Of them, those that ended with a connection, and those that did not.
    var dialsConnectedTotal: UInt64 = 0
    var dialFailuresTotal: UInt64 = 0
    /// Connections that were asked for and not tried: an earlier one had failed, or too many were on their way.
    var dialsRefusedTotal: UInt64 = 0
    /// Exchanges that went out on a connection that had served another.
    var reusedTotal: UInt64 = 0
    /// Idle connections that the other side closed or that sent what nobody asked for.
    var staleTotal: UInt64 = 0
    var tlsHandshakesTotal: UInt64 = 0
    var tlsResumedTotal: UInt64 = 0
    private(set) var idleCount = 0
    var openCount = 0

    init(
        loop: EventLoop, blocks: BlockPool, tls: TLSClientSource, settings: UpstreamSettings, reopened: ReopenedWays = ReopenedWays()
    ) {
        self.loop = loop
        self.reopened = reopened
        self.blocks = blocks
        self.tls = tls
        self.settings = settings
        curl = CurlMulti(loop: loop)
        dialer = Dialer(curl: curl, caFile: settings.caFile)
        transfers = TransferQueue(curl: curl, limit: settings.transfers, caFile: settings.caFile)
        var size = 64
        while size < settings.targets { size *= 2 }
        buckets = Array(repeating: nil, count: size)
    }

    // MARK: Targets

    /// The target of these bytes, which need live only during the call.
    ///
    /// - Parameters:
    ///   - proxy: absent or empty for a direct connection.
    ///   - account: a label; absent or empty for none.
    /// - Throws: `badURL` when the URL or the proxy is malformed.
    func target(url: Bytes, proxy: Bytes, account: Bytes) throws(UpstreamFault) -> UpstreamTarget {
        var hash = UpstreamPool.mix(0x9e37_79b9_7f4a_7c15, url)
        hash = UpstreamPool.mix(hash, proxy)
        hash = UpstreamPool.mix(hash, account)
        let bucket = Int(truncatingIfNeeded: hash >> 32) & (buckets.count - 1)
        var candidate = buckets[bucket]
        while let target = candidate {
            if target.keyHash == hash, target.matches(url: url, proxy: proxy, account: account) {
                target.lastUsed = loop.now
                return target
            }
            candidate = target.nextInBucket
        }
        let target = try UpstreamTarget(url: url, proxy: proxy, account: account, hash: hash, now: loop.now)
        if targetCount >= settings.targets { forgetLeastRecentlyUsed() }
        target.nextInBucket = buckets[bucket]
        buckets[bucket] = target
        targetCount += 1
        return target
    }

    /// Exchanges that still use the target keep it; its idle connections close.
    private func forgetLeastRecentlyUsed() {
        var oldest: UpstreamTarget?
        for first in buckets {
            var candidate = first
            while let target = candidate {
                candidate = target.nextInBucket
                if let known = oldest, known.lastUsed <= target.lastUsed { continue }
                oldest = target
            }
        }
        guard let oldest else { return }
        let bucket = Int(truncatingIfNeeded: oldest.keyHash >> 32) & (buckets.count - 1)
        if buckets[bucket] === oldest {
            buckets[bucket] = oldest.nextInBucket
        } else {
            var before = buckets[bucket]
            while let target = before, target.nextInBucket !== oldest { before = target.nextInBucket }
            before?.nextInBucket = oldest.nextInBucket
        }
        oldest.nextInBucket = nil
        oldest.isListed = false
        targetCount -= 1
        closeIdle(oldest)
    }

    // MARK: Connections

    /// An idle connection that has not been seen to close, or nil: then dial.
    @inline(__always)
    func checkout(_ target: UpstreamTarget) -> UpstreamConnection? {
        guard let connection = target.idle.popLast() else { return nil }
        idleCount -= 1
        reusedTotal += 1
        connection.checkedOut()
        return connection
    }

    /// Begins to open a connection. `handler` hears from it in a later turn, never during this call.
    ///
    /// - Parameters: milliseconds of 0 mean the configured time.
    func dial(
        _ target: UpstreamTarget, connectMilliseconds: UInt32 = 0, tlsMilliseconds: UInt32 = 0,
        for handler: any UpstreamHandler
    ) -> UpstreamDial {
        let dial = UpstreamDial(
            pool: self, target: target,
            connectMilliseconds: connectMilliseconds == 0 ? settings.connectMilliseconds : connectMilliseconds,
            tlsMilliseconds: tlsMilliseconds == 0 ? settings.tlsMilliseconds : tlsMilliseconds, handler: handler)
        if curl.isClosed {
            dial.refuse(UpstreamDial.shutDown)
        } else if let fault = refusal(of: target, mayProbe: target.dialCount < settings.dials) {
            dial.refuse(fault)
        } else if target.dialCount < settings.dials {
            dial.begin()
        } else if target.waitingCount < settings.waitingDials {
            target.enqueue(dial)
        } else {
            dial.refuse(
                UpstreamFault(
                    .limit, "\(settings.waitingDials) connections to \(target.origin.authority) are waited for already")
            )
        }
        return dial
    }

    /// A dial is over, well or not: the next one may begin, or take a connection that became free.
    func dialEnded(_ target: UpstreamTarget) {
        target.dialCount -= 1
        while target.dialCount < settings.dials, let dial = target.nextWaiting() {
            if let connection = checkout(target) {
                dial.deliver(connection)
            } else if let fault = refusal(of: target, mayProbe: true) {
                dial.refuse(fault)
            } else {
                dial.begin()
            }
        }
    }

    /// Makes a connection only to find out whether it can be made, whatever is remembered of its place. `handler` hears from it as
    /// from a dial, and closes what it gets.
    /// - Throws: `badURL`; `limit` when so many are tried already.
    func tryOut(url: Bytes, proxy: Bytes, milliseconds: UInt32, for handler: any UpstreamHandler) throws(UpstreamFault) -> UpstreamDial {
        let target = try UpstreamTarget(url: url, proxy: proxy, account: .absent, hash: 0, now: loop.now)
        target.isListed = false
        let dial = UpstreamDial(
            pool: self, target: target, connectMilliseconds: milliseconds, tlsMilliseconds: milliseconds, handler: handler)
        if curl.isClosed { dial.refuse(UpstreamDial.shutDown) } else { dial.begin() }
        return dial
    }

    // MARK: What is remembered of places

    /// What whoever wants a connection is told instead; nil: dial.
    private func refusal(of target: UpstreamTarget, mayProbe: Bool) -> UpstreamFault? {
        if memory.count == 0 { return nil }
        hearOfReopened()
        return memory.refusal(of: target.place, at: loop.now, mayProbe: mayProbe)
    }

    func dialFailed(_ place: DialMemory.Place, _ fault: UpstreamFault) {
        // Older news than this failure must not undo it.
        hearOfReopened()
        memory.failed(place, fault, at: loop.now, chance: .random(in: 0 ... .max))
    }

    func dialSucceeded(_ place: DialMemory.Place) { memory.succeeded(place) }

    /// What all loops remember of connections through this proxy is forgotten.
    func reopen(_ proxy: Bytes) { reopened.announce(proxy) }

    private func hearOfReopened() {
        switch reopened.since(&reopenedSeen) {
        case .nothing: return
        case .these(let proxies): for proxy in proxies { memory.forget(proxy: proxy) }
        case .all: memory.forgetAll()
        }
    }

    /// Keeps a connection that can carry another exchange, or closes it. Called by the connection.
    @inline(__always)
    func checkin(_ connection: UpstreamConnection) {
        let target = connection.target
        guard !isDraining, target.isListed, target.idle.count < settings.keptConnections else {
            connection.close()
            return
        }
        target.idle.append(connection)
        idleCount += 1
        connection.checkedIn(until: loop.now.adding(milliseconds: Int(settings.keptMilliseconds)))
    }

    /// An idle connection ended; it closes itself. Called by the connection.
    func idleEnded(_ connection: UpstreamConnection, stale: Bool) {
        guard let index = connection.target.idle.lastIndex(where: { $0 === connection }) else { return }
        connection.target.idle.remove(at: index)
        idleCount -= 1
        if stale { staleTotal += 1 }
    }

    private func closeIdle(_ target: UpstreamTarget) {
        while let connection = target.idle.popLast() {
            idleCount -= 1
            connection.close()
        }
    }

    // MARK: Shutdown

    /// Keeps no connection from now on; what is in use goes on, and dials are still possible.
    func drain() {
        isDraining = true
        for first in buckets {
            var candidate = first
            while let target = candidate {
                closeIdle(target)
                candidate = target.nextInBucket
            }
        }
    }

    /// Ends what is idle, connecting or fetching; the handlers of dials and transfers hear `cancelled`.
    /// Exchanges and TLS handshakes under way end with the loop.
    func close() {
        drain()
        transfers.close()
        dialer.close()
        curl.close()
    }

    /// Eight bytes at a time; the table holds operators' words, so no keyed hash is needed.
    @inline(__always)
    private static func mix(_ seed: UInt64, _ bytes: Bytes) -> UInt64 {
        let multiplier: UInt64 = 0xff51_afd7_ed55_8ccd
        var hash = (seed ^ UInt64(bytes.count)) &* multiplier
        // Absent and empty mean the same here.
        guard bytes.count > 0, let base = bytes.base.map(UnsafeRawPointer.init) else { return hash ^ hash >> 29 }
        var offset = 0
        while offset + 8 <= bytes.count {
            hash = (hash ^ base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* multiplier
            hash ^= hash >> 29
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < bytes.count {
            rest = rest << 8 | UInt64(bytes[offset])
            offset += 1
        }
        hash = (hash ^ rest) &* multiplier
        return hash ^ hash >> 29
    }
}

@available(*, unavailable)
extension UpstreamPool: Sendable {}
