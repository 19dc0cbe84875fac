// `gateway doctor`: looks for the usual faults, one finding a line, each with how to mend it.
//
// Kind: the main thread's.

extension Verb {
    static let doctor = Verb(
        name: "doctor", summary: "Looks for the usual faults and says how to mend each.",
        details: """
            Looks at the configuration with its plugins, permissions of files, the data folder and its disk, the clock, descriptors,
            ports, the Redis that store names, the way to the upstream, the store and its key, every account and proxy (as their action
            test does), names in .env, and an nginx in front whose configuration this machine has. Changes nothing. Exits with 0 when
            there is no fault (warnings are none), with 1 when there is, with 3 when the configuration cannot be read at all.
            """,
        flags: [.config, Flag(name: "offline", help: "ask nothing over the network"), .json]
    ) { invocation in
        let environment: Environment
        let config: GatewayConfig
        do throws(ConfigFaults) {
            environment = try Demonstration.environment(for: invocation.configPath)
            config = try ConfigLoader.load(invocation.configPath, environment: environment)
        } catch {
            invocation.show(error.faults.map { Finding(.fault, "configuration", "\($0)") })
            return .invalid
        }
        var findings = FileFindings.configuration(config) + invocation.pluginFindings(config)
        findings += FileFindings.environment(config, environment) + FileFindings.data(config)
        findings += MachineFindings.all(config)
        let running = RunningGateway(in: config.data)
        findings += PortFindings.all(config, running, offline: invocation.has("offline"))
        findings += ProxyInFront.findings(config)
        if !invocation.has("offline") {
            findings += RedisFindings.all(config)
            invocation.terminal.progress("asking \(config.upstream.url.authority)")
            findings += ReachFindings.upstream(config)
            invocation.terminal.progress(nil)
        }
        findings += RecordFindings.all(
            config, invocation.services, asksNetwork: !invocation.has("offline"), progress: invocation.terminal.progress)
        if !invocation.has("offline") { findings += LedgerFindings.all(config, isServing: running != nil) }
        invocation.show(findings)
        return findings.contains { $0.verdict == .fault } ? .failed : .done
    }
}

extension Invocation {
    fileprivate func pluginFindings(_ config: GatewayConfig) -> [Finding] {
        var quiet = LogConfig()
        quiet.level = .error
        try? log.configure(quiet)
        defer { log.stop() }
        do {
            try services.checkPlugins(config)
            let names = config.activeChain.map(\.name).joined(separator: " > ")
            return [Finding(.ok, "plugins", names.isEmpty ? "the chain is empty" : names)]
        } catch let faults as ConfigFaults {
            return faults.faults.map { Finding(.fault, "plugins", "\($0)") }
        } catch {
            return [Finding(.fault, "plugins", "\(error)")]
        }
    }

    fileprivate func show(_ findings: [Finding]) {
        func count(_ verdict: Finding.Verdict) -> Int { findings.count { $0.verdict == verdict } }
        if wantsJSON {
            return printJSON([
                "findings": .array(findings.map(\.json)), "faults": .int(Int64(count(.fault))),
                "warnings": .int(Int64(count(.warning))),
            ])
        }
        let width = findings.map { DisplayWidth.of($0.subject) }.max() ?? 0
        for finding in findings { finding.lines(width, paint).forEach(terminal.out) }
        let faults = count(.fault)
        let warnings = count(.warning)
        terminal.out("")
        terminal.out(
            faults + warnings == 0
                ? paint(.good, "nothing to mend")
                : "\(faults) \(faults == 1 ? "fault" : "faults"), \(warnings) \(warnings == 1 ? "warning" : "warnings")")
    }
}
