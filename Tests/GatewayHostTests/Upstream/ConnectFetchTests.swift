// CONNECT of gw.fetch/1: a connection as an attempt makes it, closed again, and what is remembered of its way.

import PluginABI
import Testing

@testable import GatewayHost

@Suite struct ConnectFetchTests {
    private func connect(_ lab: UpstreamLab, _ url: String, proxy: String = "", milliseconds: UInt32 = 2_000) throws -> FetchOutcome? {
        var outcome: FetchOutcome?
        let fetcher = PluginFetcher(lab.pool)
        let fetch = try fetcher.start(
            FetchRequest(
                method: Bytes("CONNECT"), url: lab.text(url), proxy: lab.text(proxy), body: .absent, headers: [],
                timeoutMilliseconds: milliseconds, bodyLimit: 1)
        ) {
            outcome = $0
            lab.finish()
        }
        lab.run()
        _ = fetch
        return outcome
    }

    private static func silent() -> ScriptedServer {
        ScriptedServer { connection, _ in #expect(connection.readRequest() == nil, "the origin is asked for nothing") }
    }

    @Test func itConnectsAndAsksForNothing() throws {
        let server = Self.silent()
        defer { server.stop() }
        guard case .response(0, _, _)? = try connect(UpstreamLab(), server.url) else {
            Issue.record("no connection")
            return
        }
        let proxy = try RealProxy.socks(user: "me", password: "right")
        guard case .response(0, _, _)? = try connect(UpstreamLab(), server.url, proxy: "socks5h://me:right@127.0.0.1:\(proxy.port)")
        else {
            Issue.record("no connection")
            return
        }
        #expect(server.connections == 2)
    }

    @Test func aProxyIsBlamedForWhatIsItsFault() throws {
        let server = Self.silent()
        let proxy = try RealProxy.socks(user: "me", password: "right")
        let way = "socks5h://me:right@127.0.0.1:\(proxy.port)"
        guard
            case .failed(GW_E_UNAVAILABLE, false, true)? = try connect(
                UpstreamLab(), server.url, proxy: "socks5h://me:wrong@127.0.0.1:\(proxy.port)")
        else {
            Issue.record("a wrong password is the proxy's business")
            return
        }
        server.stop()
        guard case .failed(GW_E_UNAVAILABLE, false, false)? = try connect(UpstreamLab(), server.url, proxy: way)
        else {
            Issue.record("a proxy that says so is well")
            return
        }
        guard case .failed(GW_E_UNAVAILABLE, false, false)? = try connect(UpstreamLab(), server.url)
        else {
            Issue.record("no proxy is to blame")
            return
        }
    }

    @Test func aSilentProxyIsBlamedAndRememberedUntilSomebodyKnowsBetter() throws {
        let silent = ScriptedServer { connection, _ in while connection.readRequest() != nil {} }
        defer { silent.stop() }
        let lab = UpstreamLab()
        let way = "http://127.0.0.1:\(silent.port)"
        guard case .failed(GW_E_TIMEOUT, false, true)? = try connect(lab, "http://a.example", proxy: way, milliseconds: 200)
        else {
            Issue.record("silence is the proxy's")
            return
        }
        // The same loop does not dial it for a request now, until it is told that it may.
        let other = UpstreamLab()
        other.pool.dialFailed(try other.target("http://a.example", proxy: way).place, UpstreamFault(.timeoutConnect, "silence"))
        let refused = Attempt(other, try other.target("http://a.example", proxy: way))
        refused.onOver = {
            #expect(refused.fault?.nothingWasDialled == true && refused.fault?.sentence == "silence a moment ago")
            other.pool.reopen(other.text(way))
            let dialled = Attempt(other, try! other.target("http://a.example", proxy: way))
            dialled.dial = other.pool.dial(dialled.target, connectMilliseconds: 100, for: dialled)
            dialled.onOver = {
                #expect(dialled.fault?.nothingWasDialled == false && dialled.fault?.kind == .timeoutConnect)
                other.finish()
            }
        }
        refused.begin()
        other.run()
    }

    @Test func oneThatIsCancelledIsNotHeardOf() throws {
        let silent = ScriptedServer { connection, _ in while connection.readRequest() != nil {} }
        defer { silent.stop() }
        let lab = UpstreamLab()
        let fetcher = PluginFetcher(lab.pool)
        let fetch = try fetcher.start(
            FetchRequest(
                method: Bytes("CONNECT"), url: lab.text("http://a.example"), proxy: lab.text("http://127.0.0.1:\(silent.port)"),
                body: .absent,
                headers: [], timeoutMilliseconds: 300, bodyLimit: 1)
        ) { _ in Issue.record("it was cancelled") }
        fetch.cancel()
        lab.when({ lab.pool.dialFailuresTotal == 1 }) { lab.finish() }
        lab.run()
    }
}
