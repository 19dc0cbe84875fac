// What the end of an attempt means for the proxy that it was to go through, and for the request.

import PluginKit
import Testing

@testable import SOCKSProxyCore

@Suite struct ExitAttemptTests {
    private let host: FakeHost
    /// How proxies stand is a matter of the process: each test has its own.
    private let name: String

    init() throws {
        host = try FakeHost(SOCKSProxy.self)
        name = "p\(UInt32.random(in: 0 ... .max))"
    }

    private func url(_ number: Int) -> String { "socks5h://\(name).example:\(number)" }
    private func health(_ number: Int) -> ExitHealth { ExitTable.exit(url(number).withBytes { ProxyURL($0)! }).current }

    private func select(_ egress: String, _ exchange: FakeExchange? = nil) -> FakeExchange {
        let exchange = exchange ?? host.exchange()
        exchange.setAttribute(GW_ATTR_EGRESS, egress)
        exchange.presetUpstream = .init(url: "https://api.example", proxy: nil, account: nil)
        #expect(exchange.onSelect() == .continue)
        return exchange
    }

    /// Nobody is open, and this exchange is the one that finds out.
    private func probing() -> FakeExchange {
        #expect(select(url(1)).onAttempt(error: GW_E_UNAVAILABLE, flags: GW_ATTEMPT_PROXY_FAILED) == .continue)
        #expect(health(1).failures == 1)
        host.clock.advance(milliseconds: 2001)
        let probe = select(url(1))
        #expect(health(1).phase == .probing)
        return probe
    }

    @Test func whatHadNoConnectionSaysNothing() {
        var probe = probing()
        for (error, isDialled) in [(GW_E_TIMEOUT, false), (GW_E_LIMIT, false), (GW_E_UNAVAILABLE, true), (GW_E_CANCELLED, true)] {
            #expect(probe.onAttempt(error: error, flags: isDialled ? 0 : GW_ATTEMPT_NOT_DIALLED) == .continue)
            #expect(health(1).phase == .resting && health(1).failures == 1, "it neither works again nor failed again")
            probe = select(url(1))
            #expect(health(1).phase == .probing, "the next request finds out")
        }
    }

    @Test func aConnectionSaysThatItWorks() {
        for way in 0..<4 {
            let probe = probing()
            let verdict =
                switch way {
                case 0: probe.onAttempt(status: 529)
                case 1: probe.onAttempt(error: GW_E_TIMEOUT, connectedNanoseconds: 1)
                case 2: probe.onAttempt(error: GW_E_UNAVAILABLE, flags: GW_ATTEMPT_MAY_HAVE_RUN)
                default: probe.onAttempt(error: GW_E_CANCELLED, connectedNanoseconds: 1)
                }
            #expect(verdict == .continue && health(1) == ExitHealth())
        }
    }

    @Test func whatIsRememberedDoesNotCountAgain() {
        let probe = probing()
        #expect(probe.onAttempt(error: GW_E_TIMEOUT, flags: GW_ATTEMPT_PROXY_FAILED | GW_ATTEMPT_NOT_DIALLED) == .continue)
        #expect(health(1).failures == 1 && health(1).phase == .resting)
        // It came back: the next request that dials is served, and it is open again.
        #expect(select(url(1)).onAttempt(status: 200) == .continue)
        #expect(health(1) == ExitHealth())
        // Another way is worth a try all the same.
        let two = select("\(url(2)) \(url(3))")
        #expect(two.onAttempt(error: GW_E_TIMEOUT, flags: GW_ATTEMPT_PROXY_FAILED | GW_ATTEMPT_NOT_DIALLED) == .retry)
        #expect(health(2) == ExitHealth())
        #expect(select("\(url(2)) \(url(3))", two).upstream.proxy == url(3))
    }

    @Test func onlyTheProbesOwnEndEndsIt() {
        let early = select(url(1))
        let probe = probing()
        let late = select(url(1))
        for other in [early, late] {
            #expect(other.onAttempt(error: GW_E_CANCELLED) == .continue)
            #expect(health(1).phase == .probing)
        }
        let left = select(url(1))
        left.complete(status: 0, error: GW_E_CANCELLED)
        #expect(health(1).phase == .probing)
        probe.complete(status: 0, error: GW_E_CANCELLED)
        #expect(health(1).phase == .resting)
    }

    @Test func aRequestTriesEachWayOfEachAccountItMeets() {
        let (first, second) = ("\(url(1)) \(url(2)) \(url(3))", "\(url(4)) \(url(5))")
        let exchange = select(first)
        func failed(isLast: Bool = false) -> Verdict {
            exchange.onAttempt(error: GW_E_UNAVAILABLE, flags: GW_ATTEMPT_PROXY_FAILED | (isLast ? GW_ATTEMPT_LAST : 0))
        }
        for way in 1...2 {
            #expect(exchange.upstream.proxy == url(way) && failed() == .retry)
            _ = select(first, exchange)
        }
        #expect(exchange.upstream.proxy == url(3) && failed() == .continue, "now the account is blamed")
        _ = select(second, exchange)
        #expect(exchange.upstream.proxy == url(4) && failed(isLast: true) == .continue, "the host allows no more")
        #expect(select(second).upstream.proxy == url(5))
    }
}
