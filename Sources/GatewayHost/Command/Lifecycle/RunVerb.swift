// `gateway run`: from nothing to an answer. Writes a configuration if there is none, starts the demonstration
// upstream if there is no credential for the real API, serves, and prints a line to paste.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let run = Verb(
        name: "run", section: .serving,
        summary: "Tries the gateway: writes a configuration if there is none, serves, prints a line to paste.",
        details: """
            With ANTHROPIC_API_KEY set (in the environment or in .env) it relays to the real API. Without, it starts a
            demonstration upstream inside this process, which answers by itself and costs nothing.
            For anything that lasts, use "gateway serve".
            """,
        flags: [.config]
    ) { invocation in
        let path = invocation.configPath
        if access(path, F_OK) != 0 {
            if let reason = FirstConfig.write(path, key: FirstConfig.newKey()) {
                invocation.terminal.problem("gateway: \(path) cannot be written: \(reason)")
                return .failed
            }
            invocation.terminal.out("wrote \(path), with a key of its own; only you can read it")
        }
        let demonstration: String?
        do {
            demonstration = try startDemonstrationIfNeeded(for: path)
        } catch let fault as ConfigFaults {
            invocation.report(fault.faults)
            return .invalid
        } catch {
            invocation.terminal.problem("gateway: the demonstration upstream cannot start: \(error)")
            return .failed
        }
        guard let config = invocation.loadConfig() else { return .invalid }
        let terminal = invocation.terminal
        return invocation.serve(config) { addresses in
            if let demonstration { Demonstration.tell(demonstration, in: config.data) }
            for line in RunBanner.lines(config, addresses: addresses, usesDemonstration: demonstration != nil) {
                terminal.out(line)
            }
        }
    }
}

/// Starts it when the file would take its upstream from us and there is no credential for the real one.
/// - Returns: its address; nil when it is not wanted.
private func startDemonstrationIfNeeded(for path: String) throws -> String? {
    guard case .success(let bytes) = FileBytes.read(path, limit: YAMLReader.byteLimit),
        Demonstration.isWanted(by: bytes, try Environment.current())
    else { return nil }
    let port = try DemoUpstream.start(ListenAddress(host: "127.0.0.1", port: 0)).port
    let url = "http://127.0.0.1:\(port)"
    // Before any thread reads the environment; a reload resolves the file's references against it again.
    setenv(FirstConfig.upstreamVariable, url, 1)
    setenv(Demonstration.credential, Demonstration.placeholder, 1)
    return url
}

/// What `gateway run` prints when it listens.
enum RunBanner {
    static func lines(_ config: GatewayConfig, addresses: [String], usesDemonstration: Bool) -> [String] {
        let scheme = config.listeners.first?.tls == nil ? "http" : "https"
        let url = "\(scheme)://\(reachable(addresses.first ?? config.listeners[0].address.description))"
        var lines = [""]
        if usesDemonstration {
            lines += [
                "  ****************************************************************************",
                "  *  DEMONSTRATION: no ANTHROPIC_API_KEY is set, so answers are made up by   *",
                "  *  this program. Nothing is sent to Anthropic, and no model is asked.      *",
                "  *  For the real API: ANTHROPIC_API_KEY=sk-ant-... gateway run              *",
                "  ****************************************************************************",
                "",
            ]
        } else {
            lines += ["  Relays to \(config.upstream.url)", ""]
        }
        let key = firstKey(of: config)
        lines += [
            "  URL   \(url)",
            "  key   \(key ?? "the keys of the chain's Auth are not in \(config.file)")",
            "",
            "  Paste this; the answer streams:",
            "",
            "  curl -N \(url)/v1/messages -H 'x-api-key: \(key ?? "KEY")' -H 'anthropic-version: 2023-06-01' "
                + "-H 'content-type: application/json' -d '{\"model\":\"claude-sonnet-5-5\",\"max_tokens\":256,"
                + "\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Say hello.\"}]}'",
            "",
            "  Ctrl-C ends it. Configuration: \(config.file)",
            "",
        ]
        return lines
    }

    /// "Every address" is none that can be typed; loopback is among them.
    private static func reachable(_ address: String) -> String {
        for everywhere in ["*:", "0.0.0.0:", "[::]:"] where address.hasPrefix(everywhere) {
            return "127.0.0.1:" + address.dropFirst(everywhere.count)
        }
        return address
    }

    /// The first key that Auth accepts. Printed on purpose: whoever runs this owns the file.
    private static func firstKey(of config: GatewayConfig) -> String? {
        for entry in config.activeChain where entry.plugin.contains("Auth") {
            if case .scalar(let key)? = entry.config["keys"]?[0]?["key"]?.content { return key.text }
        }
        return nil
    }
}
