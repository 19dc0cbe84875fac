// What the doctor makes of what a Redis says about itself.

import Testing

@testable import GatewayHost

@Suite struct RedisFindingsTests {
    private func findings(_ info: String, _ change: (inout RedisFindings.Look) -> Void = { _ in }) -> [Finding] {
        let well = "redis_version:7.0.15\r\nrole:master\r\naof_enabled:1\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"
        var look = RedisFindings.Look(
            facts: RedisFacts(well + info), microseconds: 80, skewMilliseconds: 3, sync: "everysec", snapshots: "")
        change(&look)
        return RedisFindings.findings(look, GatewayConfig())
    }

    @Test func aGoodRedisIsGood() {
        let found = findings("# Memory\r\nused_memory:100\r\n")
        #expect(found.map(\.verdict) == [.ok])
        #expect(found[0].sentence == "Redis 7.0.15 answers in 80 µs and runs the gateway's scripts")
    }

    /// Later lines of INFO overrule earlier ones here.
    @Test(arguments: [
        ("redis_version:5.0.14", Finding.Verdict.fault, "needs 6 or newer"), ("role:slave", .fault, "is a replica"),
        ("maxmemory:1000\nmaxmemory_policy:allkeys-lru", .fault, "keys and accounts too"),
        ("maxmemory:1000\nmaxmemory_policy:volatile-ttl", .warning, "forgets what was used"),
        ("maxmemory:1000\nused_memory:950", .warning, "nine tenths"), ("rdb_last_bgsave_status:err", .fault, "fails to save"),
        ("aof_enabled:1\naof_last_write_status:err", .fault, "fails to save"), ("aof_enabled:0", .warning, "started anew it is empty"),
    ])
    func eachFactIsJudged(info: String, verdict: Finding.Verdict, sentence: String) {
        let found = findings(info).filter { $0.verdict != .ok }
        #expect(found.count == 1)
        #expect(found.first?.verdict == verdict && found.first?.sentence.contains(sentence) == true && found.first?.mend != nil)
    }

    @Test func aPolicyWithoutALimitOfMemoryThrowsNothingAway() {
        #expect(findings("maxmemory_policy:allkeys-lru").map(\.verdict) == [.ok])
    }

    @Test func whatWasMeasuredIsJudged() {
        func sentences(_ change: (inout RedisFindings.Look) -> Void) -> [String] {
            findings("", change).filter { $0.verdict != .ok }.map(\.sentence)
        }
        #expect(sentences { $0.skewMilliseconds = -1999 }.isEmpty)
        #expect(sentences { $0.skewMilliseconds = nil }.isEmpty)
        #expect(sentences { $0.skewMilliseconds = -5000 }.first?.hasPrefix("its clock is 5s behind") == true)
        #expect(sentences { $0.skewMilliseconds = 90_000 }.first?.contains("ahead of") == true)
        #expect(sentences { $0.microseconds = 300_000 } == ["an answer takes 300 ms, and redis.command_timeout is 1000 ms"])
        #expect(sentences { $0.sync = "no" }.count == 1)
        #expect(sentences { $0.scriptRefusal = "NOPERM no" }.first?.contains("NOPERM no") == true)
        // Snapshots alone lose what came after them.
        let found = findings("aof_enabled:0") { $0.snapshots = "3600 1" }
        #expect(found.last?.sentence.contains("snapshots only") == true)
    }
}
