import Testing

@testable import GatewayHost

@Suite struct RedisAddressTests {
    @Test(arguments: [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"), ("redis://cache", "redis://cache:6379/0"),
        ("redis://Cache.Example:7000/", "redis://cache.example:7000/0"), ("redis://[::1]:6380/15", "redis://[::1]:6380/15"),
        ("redis://u:p@h:1/2", "redis://h:1/2"), ("redis+unix:///run/redis.sock", "redis+unix:///run/redis.sock?db=0"),
        ("unix:///run/a%20b.sock?db=3", "redis+unix:///run/a b.sock?db=3"),
    ])
    func addressesAreRead(text: String, shown: String) throws {
        #expect(try RedisAddress.parse(text).get().description == shown)
    }

    @Test func whoComesIsRead() throws {
        let both = try RedisAddress.parse("redis://gate%40way:p%3Aa%2Fs@h").get()
        #expect(both.user == "gate@way" && both.password?.reveal() == "p:a/s")
        #expect(!"\(both)".contains("p:a"))
        let alone = try RedisAddress.parse("redis://:secret@h").get()
        #expect(alone.user == nil && alone.password?.reveal() == "secret")
        #expect(try RedisAddress.parse("redis://h").get().password == nil)
    }

    @Test(arguments: [
        ("", "redis://127.0.0.1:6379/0"), ("127.0.0.1:6379", "redis://"), ("http://h", "redis://"), ("redis://", "redis://"),
        ("redis://h:0", "redis://"), ("redis://h:99999", "redis://"), ("redis://h/x", "number of a database"),
        ("redis://h/-1", "number of a database"), ("redis://h h", "redis://"), ("redis://[::1", "redis://"),
        ("redis://u:%zz@h", "%25"), ("rediss://h", "TLS"), ("unix://relative", "redis+unix"), ("unix:///a?x=1", "redis+unix"),
    ])
    func whatIsNoneSaysWhatToWrite(text: String, advice: String) {
        guard case .failure(let failure) = RedisAddress.parse(text) else {
            Issue.record("\(text) was taken")
            return
        }
        #expect(failure.advice.contains(advice))
    }
}
