// SOCKSProxy: the way out of each account.
//
// It runs in `onSelect` behind the plugin that chose the account, and turns what that account
// demands (gw.egress, or the table of its own configuration) into the proxy of the attempt. An
// account without a proxy passes untouched. Proxies that people manage (ProxyResources.swift) are named by accounts, and
// the plugin that chose the account has put their URLs into gw.egress. A proxy that is not one ends the request with an error:
// never a direct connection, which would show the account's traffic at the wrong address.
//
// An account may demand several, in order. An attempt that a proxy failed is made again through another one, each at most once
// a request, before the account is blamed; when none is left, the plugin that chose the account hears that it cannot be reached.
//
// socks5 is used as socks5h, so that names are resolved by the proxy (ProxyURL.swift).
//
//     SOCKSProxy          constant: the configured table
//     SOCKSProxyWorker    confined: what it has read of gw.egress
//     ExitTable           shared, of the process: how each proxy stands

import PluginKit

public final class SOCKSProxy: Plugin, FixedRecords {
    public static let about = PluginDescription(
        id: "gw.socksproxy", version: "1.1.0", summary: "Sends each account out through its proxies",
        schema: SOCKSProxyOptions.schema, failClosed: true, resources: ProxyResources.declaration)

    let options: SOCKSProxyOptions
    /// Of the entry in the chain.
    let name: String
    let fetch: Fetch?
    let metrics: ExitMetrics?
    fileprivate let egress: Attribute
    fileprivate let again: Attribute
    private let records: RecordStore?
    /// What accounts went out through, for checks; by URL.
    fileprivate let used = Locked<[String: Exit]>([:])

    public init(_ instance: Instance) throws {
        options = try SOCKSProxyOptions(try instance.settings())
        name = instance.name
        fetch = try? instance.fetch()
        metrics = try? ExitMetrics(instance)
        records = try? instance.records()
        egress = instance.attribute(GW_ATTR_EGRESS)
        again = instance.attribute(GW_ATTR_EGRESS_AGAIN)
    }

    public func fixedRecords(of resource: Bytes) -> [JSON] { options.fixed }

    public func makeWorker(_ worker: WorkerScope) throws -> SOCKSProxyWorker {
        let made = SOCKSProxyWorker(self, worker)
        // The worker object outlives what is watched for it.
        made.stored = try records?.table(worker, "proxies") { [unowned made] in
            let proxy = try StoredProxy(try $0.settings(), self.options.check)
            if proxy.rule != nil { made.checker?.wake() }
            return proxy
        }
        if options.check != nil || !options.checks.isEmpty { made.checker?.wake() }
        return made
    }
}

/// A record of a proxy.
struct StoredProxy {
    let url: ProxyURL
    let isEnabled: Bool
    /// nil: it is not checked on the clock.
    let rule: CheckRule?

    init(_ record: Settings, _ general: CheckRule?) throws(PluginError) {
        url = try ProxyURL(record)
        isEnabled = try record["enabled"].ifPresent?.bool() ?? true
        rule = isEnabled ? try CheckRule(record["check"], general: general) : nil
    }
}

/// The way of the attempt that is under way.
struct ExitUse: BitwiseCopyable {
    /// Which of the worker's routes; -1: it goes out directly.
    var route = -1
    var place = 0
    /// A bit for each place that has failed for this exchange.
    var failed: UInt64 = 0
    /// Which probe of its exit the attempt is; 0: none.
    var probe: UInt64 = 0
    /// Nothing was heard of it yet.
    var isOpen = false
}

public final class SOCKSProxyWorker: SelectHook, AttemptHook, CompleteHook {
    let plugin: SOCKSProxy
    /// Stored proxies by id.
    fileprivate(set) var stored: RecordTable<StoredProxy>?
    /// On the one worker of a gateway that looks after proxies.
    fileprivate private(set) var checker: ExitChecker?
    private var routes: [ExitRoute] = []
    private var places: [[UInt8]: Int] = [:]
    /// What was asked for last, because most requests repeat it.
    private var last: (given: [UInt8], route: Int) = ([], -1)
    private var chance: UInt64

    /// Lists of proxies that a worker may come to know. Only operators make new ones, by changing records.
    private static let routeLimit = 65_536
    /// Failures of an exchange are remembered in a word.
    static let exitLimit = 64

    fileprivate init(_ plugin: SOCKSProxy, _ worker: WorkerScope) {
        self.plugin = plugin
        var seed: UInt64 = 0
        withUnsafeMutableBytes(of: &seed) { worker.random($0) }
        chance = seed
        guard worker.servesClients, worker.index == 0, let fetch = plugin.fetch else { return }
        checker = ExitChecker(self, plugin, fetch, worker.background, seed: seed &* 31 &+ 1)
    }

    // MARK: Hooks

    public func onSelect(_ request: Request) -> Verdict {
        let egress = request.text(plugin.egress)
        if !egress.isAbsent { return send(request, through: egress) }
        if !plugin.options.accounts.isEmpty, let upstream = request.upstream() {
            let account = Bytes(upstream.account)
            for entry in plugin.options.accounts {
                let isIt = entry.name.withUnsafeBufferPointer { Bytes($0).equals(account) }
                if isIt { return entry.egress.withUnsafeBufferPointer { send(request, through: Bytes($0)) } }
            }
        }
        request.state(ExitUse.self)?.pointee.route = -1
        return .continue
    }

    public func onAttempt(_ request: Request, _ attempt: Attempt) -> Verdict {
        guard let use = request.state(ExitUse.self), use.pointee.isOpen else { return .continue }
        use.pointee.isOpen = false
        let route = routes[use.pointee.route]
        let exit = route.exits[use.pointee.place]
        switch ExitOutcome(attempt) {
        case .worked:
            worked(request, exit, route, use.pointee.place, attempt)
            return .continue
        case .untold:
            exit.probeLeft(use.pointee.probe, at: Self.now(request))
            return .continue
        case .failed:
            failed(request, exit)
        case .remembered:
            exit.probeLeft(use.pointee.probe, at: Self.now(request))
        }
        use.pointee.failed |= 1 << UInt64(use.pointee.place)
        // Those that failed rest, so the next request begins with the ones that are left.
        guard !attempt.isLast, route.hasAnother(at: Self.now(request), without: use.pointee.failed) else { return .continue }
        _ = request.set(plugin.again, text: "yes")
        return .retry
    }

    public func onComplete(_ request: Request, _ summary: Summary) {
        guard let use = request.state(ExitUse.self), use.pointee.isOpen else { return }
        routes[use.pointee.route].exits[use.pointee.place].probeLeft(use.pointee.probe, at: Self.now(request))
    }

    // MARK: Outcomes

    private func worked(_ request: Request, _ exit: Exit, _ route: ExitRoute, _ place: Int, _ attempt: Attempt) {
        route.worked(place)
        plugin.metrics?.ended(exit, isFailure: false, seconds: attempt.secondsToConnection)
        works(request, exit)
    }

    private func failed(_ request: Request, _ exit: Exit) {
        plugin.metrics?.ended(exit, isFailure: true, seconds: nil)
        rests(request, exit)
    }

    /// There was a connection through it.
    func works(_ request: Request, _ exit: Exit) {
        guard exit.succeeded() else { return }
        plugin.metrics?.state(of: exit)
        request.log(GW_LOG_INFO, "proxy \(exit.label) works again")
    }

    /// A dial found that it does not work.
    func rests(_ request: Request, _ exit: Exit) {
        chance = chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let now = Self.now(request)
        let (health, hasChanged) = exit.failed(at: now, chance: chance >> 32)
        guard hasChanged else { return }
        plugin.metrics?.state(of: exit)
        request.log(
            GW_LOG_WARN,
            "proxy \(exit.label) rests for \((health.until - now + 999) / 1000) s: it could not be reached, refused, or was silent")
    }

    // MARK: Checks on the clock

    struct CheckedWay {
        let exit: Exit
        let rule: CheckRule
    }

    /// What is to be looked after, by URL: configured and stored proxies that say so, and, if all are to be, those that
    /// accounts brought along and that were used.
    func checkedWays() -> [String: CheckedWay] {
        var ways: [String: CheckedWay] = [:]
        func add(_ url: ProxyURL, _ rule: CheckRule?) {
            if let rule, ways[url.text] == nil { ways[url.text] = CheckedWay(exit: ExitTable.exit(url), rule: rule) }
        }
        for (name, rule) in plugin.options.checks { plugin.options.proxies[name].map { add($0, rule) } }
        for proxy in (stored?.values ?? [:]).values { add(proxy.url, proxy.rule) }
        guard let general = plugin.options.check else { return ways }
        let unchecked =
            plugin.options.proxies.filter { plugin.options.checks[$0.key] == nil }.map(\.value.text)
            + (stored?.values ?? [:]).values.filter { $0.rule == nil }.map(\.url.text)
        for (url, exit) in plugin.used.withLock({ $0 }) where ways[url] == nil && !unchecked.contains(url) {
            ways[url] = CheckedWay(exit: exit, rule: general)
        }
        return ways
    }

    /// Monotonic milliseconds.
    static func now(_ request: Request) -> UInt64 { request.clock(GW_CLOCK_MONOTONIC) / 1_000_000 }

    // MARK: The way out

    private func send(_ request: Request, through given: Bytes) -> Verdict {
        guard let number = route(given), var upstream = request.upstream() else {
            request.log(
                GW_LOG_ERROR,
                "the account '\(request.upstream().map { Bytes($0.account).string } ?? "?")' demands "
                    + "a proxy whose URL is malformed; the request was refused, not sent directly")
            return request.refuse(
                Refusal(
                    .badGateway,
                    "the proxy of the chosen account is misconfigured; the operator's log says more"))
        }
        let use = request.state(ExitUse.self) ?? request.makeState(ExitUse())
        // Another account has other proxies, of which none has failed yet.
        if use.pointee.route != number { use.pointee.failed = 0 }
        let route = routes[number]
        let pick = route.pick(at: Self.now(request), without: use.pointee.failed)
        use.pointee.route = number
        use.pointee.place = pick.place
        use.pointee.probe = pick.probe
        use.pointee.isOpen = true
        return route.exits[pick.place].url.withUnsafeBufferPointer {
            upstream.proxy = Bytes($0).abi
            return request.setUpstream(upstream) ? .continue : .fail
        }
    }

    /// The route of what an account demands; nil if that is no list of proxies.
    private func route(_ given: Bytes) -> Int? {
        let isKnown = last.given.withUnsafeBufferPointer { Bytes($0).equals(given) }
        if isKnown, last.route >= 0 { return last.route }
        let key = Array(given.buffer)
        guard let number = places[key] ?? makeRoute(key) else { return nil }
        last = (key, number)
        return number
    }

    private func makeRoute(_ key: [UInt8]) -> Int? {
        guard let proxies = key.withUnsafeBufferPointer({ ProxyURL.list(Bytes($0)) }), proxies.count <= Self.exitLimit else { return nil }
        // Routes are named by their place, so they are not removed: exchanges under way have such names. What nobody uses any
        // more makes room when the worker ends.
        guard routes.count < Self.routeLimit else { return nil }
        let exits = proxies.map { ExitTable.exit($0) }
        if plugin.options.check != nil {
            plugin.used.withLock { used in
                guard used.count < Self.routeLimit else { return }
                for (proxy, exit) in zip(proxies, exits) { used[proxy.text] = exit }
            }
        }
        routes.append(ExitRoute(exits))
        places[key] = routes.count - 1
        return routes.count - 1
    }
}
