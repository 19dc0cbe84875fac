// Proxies that are looked after on a clock: who is due, what is connected to, and what follows.

import PluginKit
import Testing

@testable import SOCKSProxyCore

/// Checkers of one entry relieve each other, and every fake host has the same entry.
@Suite(.serialized) struct ExitCheckTests {
    // MARK: The clock

    private func way(_ name: String, every: UInt64 = 30_000, _ health: ExitHealth = ExitHealth()) -> CheckClock.Way {
        .init(name: name, everyMilliseconds: every, health: health)
    }

    @Test func eachIsCheckedOnceAnInterval() {
        var clock = CheckClock()
        var times: [UInt64] = []
        for now in stride(from: UInt64(0), through: 100_000, by: 1_000) where clock.due([way("a")], at: now) == ["a"] {
            times.append(now)
            #expect(clock.due([way("a")], at: now + 500) == [], "it is under way")
            clock.ended("a", everyMilliseconds: 30_000, at: now + 500, chance: 0)
        }
        #expect(times == [0, 31_000, 62_000, 93_000])
        // Chance makes it a little earlier, never later.
        for chance in [UInt64(0), 1, 3_750, 3_751, .max] {
            var clock = CheckClock()
            _ = clock.due([way("a")], at: 0)
            clock.ended("a", everyMilliseconds: 30_000, at: 0, chance: chance)
            #expect(clock.due([way("a")], at: 26_249) == [] && clock.due([way("a")], at: 30_000) == ["a"])
        }
    }

    @Test func theEndOfARestIsDueAndAProbeIsLeftAlone() {
        var clock = CheckClock()
        _ = clock.due([way("a")], at: 0)
        clock.ended("a", everyMilliseconds: 30_000, at: 0, chance: 0)
        var health = ExitHealth()
        health.failed(at: 1_000, chance: 0)
        #expect(health.until == 2_500)
        #expect(clock.due([way("a", health)], at: 2_499) == [])
        #expect(clock.due([way("a", health)], at: 2_500) == ["a"])
        clock.ended("a", everyMilliseconds: 30_000, at: 2_500, chance: 0)
        _ = health.probeBegins(at: 2_500)
        #expect(clock.due([way("a", health)], at: 32_499) == [])
        #expect(clock.due([way("a", health)], at: 32_500) == ["a"])
    }

    @Test func aFewAtATimeTheLongestOverdueFirst() {
        var clock = CheckClock()
        let all = (0..<20).map { way("p\($0 + 10)") }
        let first = clock.due(all, at: 0)
        #expect(first == (10..<18).map { "p\($0)" })
        #expect(clock.due(all, at: 1_000) == [])
        clock.ended("p10", everyMilliseconds: 1_000, at: 1_000, chance: 0)
        clock.ended("p11", everyMilliseconds: 1_000, at: 1_000, chance: 0)
        #expect(clock.due(all, at: 3_000) == ["p18", "p19"])
        // Who is gone makes room, and what is heard of it afterwards changes nothing.
        #expect(clock.due([way("p10"), way("p11")], at: 4_000) == ["p10", "p11"])
        clock.ended("p12", everyMilliseconds: 1_000, at: 4_000, chance: 0)
        #expect(clock.due(all, at: 5_000).count == 6)
    }

    // MARK: The rule

    private func rule(_ json: String, general: CheckRule? = nil) throws -> CheckRule? {
        try CheckRule(Settings(json.withBytes { try! JSON(parsing: $0) })["check"], general: general)
    }

    @Test func itIsOffUnlessItIsAskedFor() throws {
        #expect(try rule("{}") == nil)
        let general = try #require(try rule(#"{"check":{}}"#))
        #expect(general.everyMilliseconds == 30_000 && general.timeoutMilliseconds == 5_000 && general.target == nil)
        #expect(try rule("{}", general: general) == general)
        #expect(try rule(#"{"check":{"enabled":false}}"#, general: general) == nil)
        let own = try #require(try rule(#"{"check":{"every_seconds":5,"target":"https://a.example:8443"}}"#, general: general))
        #expect(own.everyMilliseconds == 5_000 && own.target == "https://a.example:8443" && own.timeoutMilliseconds == 5_000)
    }

    @Test(arguments: ["ftp://a.example", "https://", "https://a.example/v1", "https://u@a.example", "https://a b.example", "a.example:443"])
    func aTargetIsAnOrigin(target: String) throws {
        #expect(throws: PluginError.self) { try rule(#"{"check":{"target":"\#(target)"}}"#) }
    }

    // MARK: Checking

    private let name = "c\(UInt32.random(in: 0 ... .max))"
    private func url(_ number: Int) -> String { "socks5h://\(name).example:\(number)" }
    private func health(_ number: Int) -> ExitHealth { ExitTable.exit(url(number).withBytes { ProxyURL($0)! }).current }

    private func host(
        _ config: String, records: [String: [String: String]] = [:], serves: Bool = true, flags: UInt32 = 0
    ) throws -> FakeHost {
        let host = try FakeHost(SOCKSProxy.self, config, workers: 2, records: records, workerFlags: flags)
        if serves { host.backgrounds[0].setUpstream(.init(url: "https://api.example", proxy: nil, account: nil)) }
        return host
    }

    /// A second passes, and what is due is done.
    private func tick(_ host: FakeHost, seconds: UInt64 = 1) {
        for _ in 0..<seconds {
            host.clock.advance(milliseconds: 1_000)
            _ = host.backgrounds[0].finishOperation()
            host.backgrounds[0].deliverReady()
        }
    }

    @Test func aConfiguredProxyRestsBeforeARequestMeetsItAndComesBack() throws {
        let host = try host(#"{"proxies":{"office":"\#(url(1))"},"check":{"every_seconds":30}}"#)
        host.blockedWays[url(1)] = Int64(GW_FETCH_PROXY_FAILED)
        tick(host)
        #expect(host.fetched == ["CONNECT https://api.example via \(url(1))"])
        #expect(health(1).phase == .resting && health(1).failures == 1)
        tick(host, seconds: 2)
        #expect(health(1).failures == 2, "its rest was over, and a check found out")
        host.blockedWays = [:]
        tick(host, seconds: 4)
        #expect(health(1) == ExitHealth() && host.fetched.count == 3)
        #expect(host.logs.contains { $0.text.contains("works again") })
        tick(host, seconds: 20)
        #expect(host.fetched.count == 3)
        tick(host, seconds: 11)
        #expect(host.fetched.count == 4)
    }

    @Test func whatIsBehindTheProxySaysNothingOfIt() throws {
        let host = try host(#"{"proxies":{"office":"\#(url(1))"},"check":{"target":"http://other.example"}}"#)
        host.blockedWays[url(1)] = 0
        tick(host)
        #expect(host.fetched == ["CONNECT http://other.example via \(url(1))"] && health(1) == ExitHealth())
        _ = ExitTable.exit(url(1).withBytes { ProxyURL($0)! }).failed(at: host.clock.monotonic / 1_000_000, chance: 0)
        tick(host, seconds: 3)
        #expect(host.fetched.count == 2 && health(1).phase == .resting && health(1).failures == 1)
    }

    @Test func recordsAndListsOfAccountsAreLookedAfterToo() throws {
        func record(_ number: Int, _ check: String) -> String {
            #"{"name":"p\#(number)","type":"socks5","host":"\#(name).example","port":\#(number)\#(check)}"#
        }
        let records = [
            "proxies": [
                "proxy_1": record(1, ""), "proxy_2": record(2, #","check":{"enabled":false}"#), "proxy_3": record(3, #","enabled":false"#),
            ]
        ]
        let host = try host(#"{"check":{}}"#, records: records)
        let exchange = host.exchange(attributes: [GW_ATTR_EGRESS: "\(url(2)) \(url(4))"], worker: 1)
        exchange.presetUpstream = .init(url: "https://api.example", proxy: nil, account: nil)
        #expect(exchange.onSelect() == .continue)
        exchange.complete()
        tick(host)
        #expect(Set(host.fetched) == ["CONNECT https://api.example via \(url(1))", "CONNECT https://api.example via \(url(4))"])
        // Its own rule is enough, where nothing is said of others.
        let quiet = try self.host("{}")
        #expect(quiet.backgrounds[0].operations.isEmpty)
        quiet.put("proxies", "proxy_5", record(5, #","check":{"every_seconds":1}"#))
        tick(quiet)
        #expect(quiet.fetched == ["CONNECT https://api.example via \(url(5))"])
    }

    @Test func oneWorkerOfTheNewestChainThatServesDoesIt() throws {
        let config = #"{"proxies":{"office":"\#(url(1))"},"check":{"every_seconds":1}}"#
        let old = try host(config)
        #expect(old.backgrounds[1].operations.isEmpty)
        tick(old)
        let next = try host(config, serves: false)
        tick(next)
        tick(old, seconds: 2)
        #expect(next.fetched.isEmpty && old.fetched.count == 3, "it does not serve yet, and may never")
        next.backgrounds[0].setUpstream(.init(url: "https://api.example", proxy: nil, account: nil))
        tick(next)
        tick(old)
        #expect(next.fetched.count == 1 && old.fetched.count == 3 && old.backgrounds[0].operations.isEmpty)
        #expect(try host(config, flags: GW_WORKER_ADMINISTRATION).backgrounds[0].operations.isEmpty)
    }
}
