// Opens connections with libcurl: name resolution, several addresses raced, SOCKS5 and HTTP proxies.
//
// libcurl connects and no more (CURLOPT_CONNECT_ONLY); the descriptor is then taken away from it,
// and TLS with the origin, HTTP and everything after are ours. The URL given to libcurl therefore
// always begins with http://, whatever the origin speaks.
//
// A proxy that fails is a fault. There is no path in here from a proxy to a direct connection.
//
// Of one name a few are looked up at a time (LookupLine.swift); whoever waits for that begins at the end of a turn. One that is
// given up before there was an answer goes on in libcurl's thread, so for a while its place is not free.
//
// Kind: loop-confined.

import CCurl
import Glibc

/// Who asked for a connection; told once.
protocol DialerClient: AnyObject {
    /// A connected, non-blocking socket that speaks to the origin, owned by the callee from now on.
    func dialerConnected(_ descriptor: consuming Descriptor)
    func dialerFailed(_ fault: UpstreamFault)
}

final class Dialer: TurnHandler, TimerHandler {
    let curl: CurlMulti
    private let caFile: String?
    /// Each is a thread for as long as the name server takes.
    private static let lookupLimit = 4
    private var lookups = LookupLine<DialerConnect>(limit: lookupLimit)
    /// Names of which one is not looked up any more.
    private var answered: [String] = []
    /// A resolver asks twice or more, five seconds each; then its thread ends.
    private static let abandonedMilliseconds = 5_000
    /// The earliest first.
    private var abandoned: [(name: String, until: Instant)] = []
    private var timer: LoopTimer!

    /// - Parameter caFile: PEM file to verify https proxies with; nil for the system's authorities.
    init(curl: CurlMulti, caFile: String?) {
        self.curl = curl
        self.caFile = caFile
        timer = LoopTimer(self)
    }

    /// Begins to connect; `client` hears from it in a later turn. `cancel` ends it without a word.
    func connect(
        to authority: HostPort, through proxy: ProxyAddress?, milliseconds: UInt32, for client: any DialerClient
    ) -> DialerConnect {
        let connect = DialerConnect(
            authority: authority, proxy: proxy, milliseconds: milliseconds, dialer: self, caFile: caFile,
            client: client)
        if let name = connect.name, !lookups.begin(name, connect) { return connect }
        connect.begin()
        return connect
    }

    /// Nobody begins any more.
    func close() {
        for connect in lookups.leave() { connect.cancelled() }
        curl.loop.disarm(timer)
        abandoned = []
    }

    fileprivate func lookupEnded(_ name: String) {
        if answered.isEmpty { curl.loop.atEndOfTurn(self) }
        answered.append(name)
    }

    fileprivate func lookupAbandoned(_ name: String) {
        guard !curl.isClosed else { return }
        abandoned.append((name, curl.loop.now.adding(milliseconds: Self.abandonedMilliseconds)))
        if abandoned.count == 1 { curl.loop.arm(timer, at: abandoned[0].until) }
    }

    func timerFired(_ timer: LoopTimer) {
        let over = abandoned.prefix { $0.until <= curl.loop.now }
        abandoned.removeFirst(over.count)
        for one in over { lookupEnded(one.name) }
        if let next = abandoned.first { curl.loop.arm(timer, at: next.until) }
    }

    func turnEnded() {
        let names = answered
        answered = []
        guard !curl.isClosed else { return }
        for name in names { lookups.ended(name, isWanted: \.isWaiting)?.begin() }
    }
}

@available(*, unavailable)
extension Dialer: Sendable {}

final class DialerConnect: CurlJob {
    private let authority: HostPort
    private let proxy: ProxyAddress?
    private let milliseconds: UInt32
    private unowned let dialer: Dialer
    private var curl: CurlMulti { dialer.curl }
    private var client: (any DialerClient)?
    /// What has to be looked up here; nil: an address, or nothing any more.
    fileprivate private(set) var name: String?
    private var hasBegun = false

    fileprivate init(
        authority: HostPort, proxy: ProxyAddress?, milliseconds: UInt32, dialer: Dialer, caFile: String?,
        client: any DialerClient
    ) {
        self.authority = authority
        self.proxy = proxy
        self.milliseconds = milliseconds
        self.dialer = dialer
        self.client = client
        // Behind a proxy names are the proxy's business.
        let host = proxy?.authority.host ?? authority.host
        name = IPAddress(host) == nil ? host : nil
        super.init()
        easy.set(CURLOPT_URL, "http://\(authority)/")
        easy.set(CURLOPT_CONNECT_ONLY, 1)
        easy.set(CURLOPT_FRESH_CONNECT, 1)
        easy.set(CURLOPT_CONNECTTIMEOUT_MS, Int(milliseconds))
        easy.setProxy(proxy, authorities: caFile)
        // A tunnel for http origins too: the upstream client speaks to an origin, never to a proxy.
        if proxy != nil { easy.set(CURLOPT_HTTPPROXYTUNNEL, 1) }
    }

    /// It waits for others of its name.
    fileprivate var isWaiting: Bool { !hasBegun && client != nil }

    fileprivate func begin() {
        hasBegun = true
        curl.add(self)
    }

    func cancel() {
        client = nil
        curl.remove(self)
        abandon()
    }

    /// There was no answer yet; the thread that waits for it does not know that nobody does.
    private func abandon() {
        guard hasBegun, let name else { return }
        self.name = nil
        dialer.lookupAbandoned(name)
    }

    override func cancelled() {
        client?.dialerFailed(UpstreamDial.shutDown)
        client = nil
    }

    override func resolved() {
        guard hasBegun, let name else { return }
        self.name = nil
        dialer.lookupEnded(name)
    }

    override func finished(_ code: CURLcode) {
        if code == CURLE_OPERATION_TIMEDOUT { abandon() } else { resolved() }
        guard let client else { return }
        self.client = nil
        guard code == CURLE_OK else {
            let fault = DialFault.of(code, easy, to: authority, through: proxy, milliseconds: milliseconds)
            curl.remove(self)
            client.dialerFailed(fault)
            return
        }
        if proxy?.scheme == .https {
            do throws(SystemError) {
                client.dialerConnected(try ProxyRelay.begin(self, curl: curl))
            } catch {
                curl.remove(self)
                client.dialerFailed(
                    UpstreamFault(.proxy, "the way through proxy \(proxy?.description ?? "") failed here: \(error)"))
            }
            return
        }
        guard let descriptor = curl.removeTakingDescriptor(self) else {
            client.dialerFailed(UpstreamFault(.connect, "connection to \(authority) was lost as it was made"))
            return
        }
        client.dialerConnected(Descriptor(descriptor))
    }
}
