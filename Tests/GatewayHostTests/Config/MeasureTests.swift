import Testing

@testable import GatewayHost

@Suite struct MeasureTests {
    @Test func durations() {
        #expect(Measure.duration("500ms") == .milliseconds(500))
        #expect(Measure.duration("1h30m") == .seconds(5400))
        #expect(Measure.duration("0s") == .zero)
        for wrong in ["", "10", "s", "10x", "1.5s", "-1s", "10 s", "1s ", "99999999999999999d", "1S"] {
            #expect(Measure.duration(wrong) == nil, "\(wrong)")
        }
        #expect(Measure.text(Duration.seconds(330)) == "330s")
        #expect(Measure.text(Duration.seconds(600)) == "10m")
        #expect(Measure.text(Duration.milliseconds(1)) == "1ms")
        #expect(Measure.text(Duration.zero) == "0s")
    }

    @Test func sizes() {
        #expect(Measure.bytes("32MB") == 32 << 20)
        #expect(Measure.bytes("32MiB") == 32 << 20)
        #expect(Measure.bytes("64k") == 64 << 10)
        #expect(Measure.bytes("1GB") == 1 << 30)
        #expect(Measure.bytes("512B") == 512)
        #expect(Measure.bytes("1048576") == 1 << 20)
        for wrong in ["", "MB", "1.5MB", "-1", "1TB", "9999999999999GB", "1 MB"] {
            #expect(Measure.bytes(wrong) == nil, "\(wrong)")
        }
        #expect(Measure.text(bytes: 32 << 20) == "32MB")
        #expect(Measure.text(bytes: 1500) == "1500")
    }

    @Test func spelling() {
        #expect(SpellingSuggestion.nearest(to: "timeuots", in: ["timeouts", "limits"]) == "timeouts")
        #expect(SpellingSuggestion.nearest(to: "trustedProxies", in: ["trusted_proxies"]) == "trusted_proxies")
        #expect(SpellingSuggestion.nearest(to: "zebra", in: ["timeouts", "limits"]) == nil)
        #expect(SpellingSuggestion.distance("abc", "acb") == 1)
        #expect(SpellingSuggestion.distance("", "abc") == 3)
    }

    @Test func secretsDoNotPrint() {
        let secret = Secret("sk-ant-123")
        var dumped = ""
        dump([secret], to: &dumped)
        #expect(!"\(secret) \(String(reflecting: secret)) \(dumped)".contains("123"))
        #expect("\(secret)" == "[redacted]")
        #expect(secret == Secret("sk-ant-123"))
        #expect(secret != Secret("sk-ant-124"))
    }

    @Test func addresses() throws {
        let ten = try #require(AddressRange("10.0.0.0/8"))
        #expect(ten.contains(IPAddress("10.255.0.1")!))
        #expect(ten.contains(IPAddress("::ffff:10.1.2.3")!))
        #expect(!ten.contains(IPAddress("11.0.0.0")!))
        #expect(!ten.contains(IPAddress("::10.0.0.1")!))
        #expect(ten.description == "10.0.0.0/8")
        let six = try #require(AddressRange("2001:db8::/33"))
        #expect(six.contains(IPAddress("2001:db8:7fff::1")!))
        #expect(!six.contains(IPAddress("2001:db8:8000::1")!))
        let all = try #require(AddressRange("::/0"))
        #expect(all.contains(IPAddress("1.2.3.4")!))
        let four = try #require(AddressRange("0.0.0.0/0"))
        #expect(four.contains(IPAddress("1.2.3.4")!) && !four.contains(IPAddress("2001::")!))
        let edge = try #require(AddressRange("2001:db8::/64"))
        #expect(edge.contains(IPAddress("2001:db8::ffff:ffff:ffff:ffff")!))
        #expect(!edge.contains(IPAddress("2001:db8:0:1::")!))
        #expect(AddressRange("127.0.0.1/32")?.description == "127.0.0.1")
        #expect(IPAddress("127.8.9.1")?.isLoopback == true && IPAddress("::1")?.isLoopback == true)
        #expect(IPAddress("fe80::1")?.isLoopback == false)
        for wrong in ["10.0.0.0/33", "10.0.0/8", "::/129", "1.2.3.4/", "1.2.3.4/-1", "a", "1.2.3.4/+8"] {
            #expect(AddressRange(wrong) == nil, "\(wrong)")
        }
    }
}
