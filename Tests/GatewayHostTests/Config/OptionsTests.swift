import Testing

@testable import GatewayHost

@Suite struct OptionsTests {
    private static let example = """
        listen: 127.0.0.1:3000
        threads: 2                       # event loops; default: one per core
        upstream: https://api.anthropic.com
        data: ./data
        chain:
          - plugin: Auth                 # lib<Name>.so beside the binary, or a path
            config: { keys: [ { name: laptop, key: "${LAPTOP_KEY}" } ] }
          - plugin: RateLimit
            config: { per_key: { requests_per_minute: 600, concurrency: 32 } }
          - plugin: AccountPicker
            config: { accounts: [ { name: main, type: api-key, api_key: "${ANTHROPIC_API_KEY}" },
                                  { name: spare, type: api-key, api_key: "${SPARE_KEY}", base_url: "https://api.anthropic.com",
                                    proxy: { type: socks5, host: 127.0.0.1, port: 1080, username: u, password: p } } ] }
          - plugin: SOCKSProxy
          - plugin: Metrics
            enabled: true
        """

    @Test func theShapeOfTheReadmeWorks() throws {
        let config = try ConfigFixture.load(
            Self.example, ["LAPTOP_KEY": "cr_1", "ANTHROPIC_API_KEY": "k", "SPARE_KEY": "s"])
        #expect(config.listeners.map(\.address.description) == ["127.0.0.1:3000"])
        #expect(config.threads == 2)
        #expect(config.upstream.url.description == "https://api.anthropic.com")
        #expect(config.data == "./data")
        #expect(config.chain.map(\.name) == ["Auth", "RateLimit", "AccountPicker", "SOCKSProxy", "Metrics"])
        #expect(config.chain.allSatisfy { $0.enabled && $0.onError == .failClosed })
        #expect(config.chain[2].config["accounts"]?[1]?["proxy"]?["port"] != nil)
        #expect(config.warnings.isEmpty)
    }

    @Test func everythingCanBeSaid() throws {
        let config = try ConfigFixture.load(
            """
            listen:
              - "[::1]:8443"
              - { address: "*:443", tls: { certificate: tls/chain.pem, key: /etc/key.pem } }
            upstream: { url: "http://127.0.0.1:9000/relay/", ca_file: ca.pem }
            data: /var/lib/gateway
            timeouts: { connect: 500ms, idle: 1h30m, total: 20m, drain: 0s }
            limits: { body_memory: 16MB, head: 8KiB, connections: 10 }
            client_gone: { policy: abort }
            trusted_proxies: [10.0.0.0/8, "::1"]
            response_headers: { account: true }
            metrics: { allow: [192.168.0.0/16], token: t0ken }
            log: { level: debug, file: logs/gateway.log, format: json, rotate: 1MB, keep: 2 }
            ping: 15s
            reload: { watch: true }
            chain:
              - { plugin: ./plugins/libQuota.so, on_error: fail_open, mount: /quota, hook_budget: 2ms,
                  secrets: { api: "${S}" }, capabilities: [control] }
              - { plugin: Auth, name: second, enabled: false, config: { key: "${NOT_SET}" } }
            """, ["S": "x"])
        #expect(
            config.listeners == [
                ListenerConfig(address: ListenAddress(host: "::1", port: 8443)),
                ListenerConfig(
                    address: ListenAddress(host: "*", port: 443),
                    tls: TLSFiles(certificate: "tls/chain.pem", key: "/etc/key.pem")),
            ])
        #expect(config.upstream.url == UpstreamURL(secure: false, host: "127.0.0.1", port: 9000, prefix: "/relay"))
        #expect(config.timeouts.connect == .milliseconds(500))
        #expect(config.timeouts.idle == .seconds(5400))
        #expect(config.timeouts.total == .seconds(1200))
        #expect(config.limits.bodyMemoryBytes == 16 << 20)
        #expect(config.limits.headBytes == 8192)
        #expect(config.clientGone.policy == .abort)
        #expect(config.trustedProxies.contains(IPAddress("10.200.1.1")!))
        #expect(config.metrics.token == Secret("t0ken"))
        #expect(config.log.level == .debug)
        #expect(config.pingInterval == .seconds(15))
        #expect(config.reloadWatch)
        #expect(config.chain[0].name == "Quota")
        #expect(config.chain[0].onError == .failOpen)
        #expect(config.chain[0].mount == "/quota")
        #expect(config.chain[0].secrets["api"]?.reveal() == "x")
        #expect(config.chain[0].capabilities == [.control])
        #expect(config.activeChain.map(\.name) == ["Quota"])
        #expect(
            config.warnings.map(\.description) == [
                "gateway.yaml:4:11: upstream.ca_file: has no effect: the upstream is plain HTTP"
            ])
    }

    @Test func pathsAreRelativeToTheFolderOfTheFile() throws {
        let text = "chain: []\nlog: { file: logs/x.log }"
        let config = try ConfigLoader.read(
            Array(text.utf8), file: "/etc/gateway/gateway.yaml", environment: Environment([:]))
        #expect(config.data == "/etc/gateway/data")
        #expect(config.log.file == "/etc/gateway/logs/x.log")
    }

    @Test(arguments: [
        ("lisen: 1\n", "gateway.yaml:1:1: lisen: unknown key \"lisen\". Did you mean \"listen\"?"),
        ("connect: 10s\n", "gateway.yaml:1:1: connect: unknown key \"connect\". Did you mean \"timeouts.connect\"?"),
        (
            "frobnicate: 1\n",
            "gateway.yaml:1:1: frobnicate: unknown key \"frobnicate\". Known here: listen, threads, upstream, data, chain, timeouts, limits, pool, client_gone, trusted_proxies, response_headers, metrics, admin, store, redis, ledger, log, ping, reload."
        ),
        (
            "timeouts: { first-byte: 10s }\n",
            "gateway.yaml:1:13: timeouts.first-byte: unknown key \"first-byte\". Did you mean \"first_byte\"?"
        ),
        (
            "timeouts: { idle: 330 }\n",
            "gateway.yaml:1:19: timeouts.idle: must be a duration, is 330. A duration needs its unit: 330s, or 330ms."
        ),
        (
            "timeouts: { idle: soon }\n",
            "gateway.yaml:1:19: timeouts.idle: must be a duration, is the text \"soon\". Write a number with ms, s, m, h or d: 30s."
        ),
        (
            "timeouts: { idle: 400d }\n",
            "gateway.yaml:1:19: timeouts.idle: must be a duration of 1ms to 1d, is the text \"400d\""
        ),
        (
            "timeouts: 10s\n",
            "gateway.yaml:1:11: timeouts: must be a mapping, is the text \"10s\". It has the keys connect, tls_handshake, first_byte, idle, header_read, body_upload, keep_alive, client_write, drain, total."
        ),
        ("threads: two\n", "gateway.yaml:1:10: threads: must be an integer, is the text \"two\""),
        ("threads: 1000\n", "gateway.yaml:1:10: threads: must be between 0 and 256, is 1000"),
        (
            "limits: { head: 8 KQ }\n",
            "gateway.yaml:1:17: limits.head: must be a size, is the text \"8 KQ\". Write a number with B, KB, MB or GB: 32MB."
        ),
        (
            "reload: { watch: yes }\n",
            "gateway.yaml:1:18: reload.watch: must be true or false, is the text \"yes\". Write true."
        ),
        (
            "log: { level: warn }\n",
            "gateway.yaml:1:15: log.level: must be one of trace, debug, info, warning, error, is the text \"warn\". Did you mean \"warning\"?"
        ),
        (
            "listen: 3000\n",
            "gateway.yaml:1:9: listen: must be an address and a port, is 3000. Write 127.0.0.1:3000."
        ),
        (
            "listen: ::1:3000\n",
            "gateway.yaml:1:9: listen: must be an address and a port, is the text \"::1:3000\". Put an IPv6 address in brackets: [::1:3000]:3000."
        ),
        (
            "listen: example.org:80\n",
            "gateway.yaml:1:9: listen: must be an address and a port, is the text \"example.org:80\". The host is an IP address of this machine, * for all of them, or localhost."
        ),
        ("listen: []\n", "gateway.yaml:1:9: listen: must have at least one entry"),
        (
            "listen: { address: \"*:1\", tls: { certificate: a } }\n",
            "gateway.yaml:1:32: listen.tls: the key \"key\" is missing. It takes a path: PEM file of its private key."
        ),
        (
            "upstream: api.anthropic.com\n",
            "gateway.yaml:1:11: upstream: must be a URL, is the text \"api.anthropic.com\". Write it like https://api.anthropic.com."
        ),
        (
            "upstream: https://u:p@host/\n",
            "gateway.yaml:1:11: upstream: must be a URL, is the text \"https://u:p@host/\". Leave user and password out; credentials belong to the accounts."
        ),
        (
            "upstream: https://api.anthropic.com/v1\n",
            "gateway.yaml:1:11: upstream: must be a URL, is the text \"https://api.anthropic.com/v1\". Leave the /v1 at the end out; clients send it."
        ),
        (
            "trusted_proxies: 10.0.0.0/8\n",
            "gateway.yaml:1:18: trusted_proxies: must be a list of addresses, is the text \"10.0.0.0/8\". Put it in brackets: [ … ]."
        ),
        (
            "trusted_proxies: [10.0.0.0/33]\n",
            "gateway.yaml:1:19: trusted_proxies[0]: must be an IP address or a range of them, is the text \"10.0.0.0/33\". Write it like 10.0.0.0/8 or ::1."
        ),
        (
            "limits: { buffered_total: 2MB }\n",
            "gateway.yaml:1:9: limits: buffered_total (2MB) is less than body_memory (32MB): one body alone could never be held. Raise buffered_total or lower body_memory."
        ),
    ])
    func hostFaults(text: String, line: String) {
        #expect(ConfigFixture.faults(text + "chain: []\n") == [line])
    }

    @Test(arguments: [
        (
            "- plugn: Auth",
            [
                "gateway.yaml:2:3: chain[0].plugn: unknown key \"plugn\". Did you mean \"plugin\"?"
            ]
        ),
        (
            "- name: x",
            [
                "gateway.yaml:2:3: chain[0]: the key \"plugin\" is missing. It takes a text: Auth for libAuth.so beside the binary, or the path of a shared object."
            ]
        ),
        (
            "- Auth",
            [
                "gateway.yaml:2:3: chain[0]: must be a mapping, is the text \"Auth\". It has the keys plugin, name, enabled, config, on_error, mount, secrets, capabilities, hook_budget, hook_limit, suspension_limit."
            ]
        ),
        (
            "- plugin: Auth\n- plugin: Auth",
            [
                "gateway.yaml:3:3: chain[1].name: the name \"Auth\" is already taken by the entry on line 2. Give one of the two another name: \"name: Auth-2\"."
            ]
        ),
        (
            "- { plugin: Auth, on_error: fail-open }",
            [
                "gateway.yaml:2:29: chain[0].on_error: must be one of fail_closed, fail_open, is the text \"fail-open\". Did you mean \"fail_open\"?"
            ]
        ),
        (
            "- { plugin: Auth, config: [1] }",
            ["gateway.yaml:2:27: chain[0].config: must be a mapping, is a list"]
        ),
        (
            "- { plugin: Auth, mount: metrics }",
            [
                "gateway.yaml:2:26: chain[0].mount: must be a path of a URL, is the text \"metrics\". Write it like /metrics."
            ]
        ),
        (
            "- { plugin: Auth, capabilities: [fetch] }",
            ["gateway.yaml:2:34: chain[0].capabilities[0]: can only be control, is the text \"fetch\""]
        ),
    ])
    func chainFaults(text: String, lines: [String]) {
        #expect(ConfigFixture.faults("chain:\n" + text + "\n") == lines)
    }

    @Test func aMissingChainAndAllOtherFaultsAreToldAtOnce() {
        #expect(
            ConfigFixture.faults("threads: x\ndata: [1]\n") == [
                "gateway.yaml:1:1: the key \"chain\" is missing. It takes a list of plugins: The plugins, in the order in which requests meet them; responses meet them in reverse.",
                "gateway.yaml:1:10: threads: must be an integer, is the text \"x\"",
                "gateway.yaml:2:7: data: must be a text, is a list",
            ])
    }

    @Test func secretsAreNotShownInFaults() {
        let lines = ConfigFixture.faults("chain: []\nthreads: ${KEY}\nping: ${KEY}", ["KEY": "sk-very-secret"])
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { !$0.contains("very-secret") && $0.contains("a value from a reference") })
    }

    @Test func anEmptyChainWarns() throws {
        let config = try ConfigFixture.load("chain: []\ntimeouts: { idle: 200ms }\n")
        #expect(
            config.warnings.map(\.description) == [
                "gateway.yaml:2:19: timeouts.idle: 200ms is not above the 300 s of silence that clients bear. Clients will see streams break that would have gone on.",
                "gateway.yaml:1:8: chain: no plugin is enabled: every client is let through, with its own credentials. Put at least Auth into the chain.",
            ])
    }

    @Test func defaultsCanBeWrittenBack() throws {
        // What the table shows as a default, the table reads as the same value.
        let config = GatewayConfig()
        for row in Options.gateway.rows where row.key != "chain" {
            let shown = row.show(config)
            let path = row.key.split(separator: ".")
            let text = path.count == 2 ? "\(path[0]): { \(path[1]): \(shown) }" : "\(path[0]): \(shown)"
            let read = try ConfigFixture.load("chain: []\n\(text)\n")
            #expect(row.show(read) == shown, "\(row.key)")
        }
    }
}
