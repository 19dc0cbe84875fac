import Testing

@testable import GatewayHost

@Suite struct ConfigDifferenceTests {
    private func lines(_ old: String, _ new: String, _ variables: [String: String] = [:]) throws -> [String] {
        ConfigDifference.lines(
            from: try ConfigFixture.load(old, variables), to: try ConfigFixture.load(new, variables))
    }

    @Test func onlyWhatDiffersIsTold() throws {
        #expect(try lines("chain: []\nthreads: 0", "threads: 0 # comment\nchain: []\ndata: ./data").isEmpty)
        #expect(
            try lines(
                "chain: [ { plugin: Auth, config: { keys: [ { name: a, key: one } ], n: 1 } }, { plugin: Metrics } ]",
                """
                timeouts: { connect: 5s }
                chain:
                  - plugin: Quota
                    config: { per_day: 1000 }
                  - plugin: Auth
                    on_error: fail_open
                    config: { keys: [ { name: a, key: two }, { name: b, key: "${K}" } ], n: 1 }
                """, ["K": "three"]) == [
                    "- timeouts.connect: 10s",
                    "+ timeouts.connect: 5s",
                    "- chain: [Auth, Metrics]",
                    "+ chain: [Quota, Auth]",
                    "- chain.Auth.on_error: fail_closed",
                    "+ chain.Auth.on_error: fail_open",
                    "- chain.Auth.config.keys[0].key: \"[redacted]\"",
                    "+ chain.Auth.config.keys[0].key: \"[redacted]\"",
                    "- chain.Metrics.plugin: Metrics",
                    "- chain.Metrics.on_error: fail_closed",
                    "- chain.Metrics.mount: off",
                    "- chain.Metrics.capabilities: []",
                    "- chain.Metrics.hook_budget: 10ms",
                    "- chain.Metrics.hook_limit: 1s",
                    "- chain.Metrics.suspension_limit: 30s",
                    "+ chain.Quota.plugin: Quota",
                    "+ chain.Quota.on_error: fail_closed",
                    "+ chain.Quota.mount: off",
                    "+ chain.Quota.capabilities: []",
                    "+ chain.Quota.hook_budget: 10ms",
                    "+ chain.Quota.hook_limit: 1s",
                    "+ chain.Quota.suspension_limit: 30s",
                    "+ chain.Quota.config.per_day: 1000",
                    "+ chain.Auth.config.keys[1].name: b",
                    "+ chain.Auth.config.keys[1].key: \"[redacted]\"",
                ])
        #expect(
            try lines("chain: []\nmetrics: { token: a }", "chain: []\nmetrics: { token: b }") == [
                "- metrics.token: \"[redacted]\"", "+ metrics.token: \"[redacted]\"",
            ])
    }

    @Test func whatFuzzingFoundIsListedAsItself() throws {
        for config in ["{ \"a${b\": 1, \"$${c\": \"$${d}\" }", "{ \"k:$f-key\": , token: ~, x: [ a b, \"1\" ] }"] {
            let text = ConfigListing.text(try ConfigFixture.load("chain: [ { plugin: Auth, config: \(config) } ]"))
            #expect(ConfigListing.text(try ConfigFixture.load(text)) == text)
        }
        // Advice repeats nothing that came through a reference, nor anything that is not printable.
        #expect(
            ConfigFixture.faults("listen: \"a\\tb:c:${P}\"\nchain: []", ["P": "3000"]) == [
                "gateway.yaml:1:9: listen: must be an address and a port, is a value from a reference. Write it like 127.0.0.1:3000."
            ])
    }

    @Test func theListingMeansTheSameAndHidesSecrets() throws {
        let config = try ConfigFixture.load(
            """
            listen: [ "[::1]:1", { address: "*:2", tls: { certificate: a.pem, key: b.pem } } ]
            metrics: { token: hunter2 }
            log: { file: "with blank.log" }
            chain:
              - plugin: AccountPicker
                mount: /x
                secrets: { one: hunter2 }
                config:
                  accounts:
                    - { name: main, api_key: hunter2, url: "${U}", quoted: "12", list: [], map: {}, text: "a: b" }
                    - { name: spare, weight: 3, nested: [ [ 1, 2 ], [ "x" ] ] }
            """, ["U": "hunter2"])
        let text = ConfigListing.text(config)
        #expect(!text.contains("hunter2"))
        let again = try ConfigFixture.load(text)
        #expect(ConfigListing.text(again) == text)
        #expect(again.listeners == config.listeners)
        #expect(again.chain[0].config["accounts"]?[0]?["quoted"] != nil)
        #expect(
            PluginConfig.value(of: again.chain[0].config, nil)["accounts"]?[1]
                == PluginConfig.value(of: config.chain[0].config, nil)["accounts"]?[1])
        #expect(PluginConfig.value(of: again.chain[0].config, nil)["accounts"]?[0]?["quoted"] == "12")
    }
}
