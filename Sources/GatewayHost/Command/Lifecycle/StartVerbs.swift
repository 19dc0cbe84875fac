// `gateway start` and `restart`: a gateway in the background.
//
// Kind: the main thread's.

extension Verb {
    static let start = Verb(
        name: "start", section: .serving, summary: "Starts a gateway in the background and waits until it answers.",
        details: """
            Does what "gateway serve" does in a process of its own that keeps running when the terminal closes. Says why when
            it does not start, and does nothing when one runs already. It logs to log.file, or to gateway.log in the data folder
            when the configuration names none; "gateway logs" shows it. Where systemd or a container runs the gateway, let those
            start it. Waits for --timeout, one minute unless given.
            """,
        flags: [.config, .timeout, .json]
    ) { invocation in
        guard let limit = invocation.duration("timeout", unless: .seconds(60)) else { return .usage }
        guard let config = invocation.loadConfig() else { return .invalid }
        if let running = RunningGateway(in: config.data) {
            invocation.tellStarted(running.process, running.addresses, config, already: true)
            return .done
        }
        return invocation.start(config, limit)
    }

    static let restart = Verb(
        name: "restart", section: .serving, summary: "Stops the running gateway and starts it again.",
        details: """
            First checks the configuration, plugins included, so that a mistake in it stops nothing. Running exchanges may end
            first, as with "gateway stop". When none runs, it starts one.
            """,
        flags: [.config, .timeout, .json]
    ) { invocation in
        guard let limit = invocation.duration("timeout", unless: .zero) else { return .usage }
        guard let config = invocation.loadConfig(), invocation.pluginsAreValid(config) else { return .invalid }
        if let running = RunningGateway(in: config.data) {
            if let unit = running.unit {
                return invocation.fail(
                    "process \(running.process) was started by systemd. Use: systemctl restart \(unit)")
            }
            guard invocation.end(running, config.timeouts.drain, limit) else { return .failed }
        }
        return invocation.start(config, limit == .zero ? .seconds(60) : limit)
    }
}

extension Invocation {
    fileprivate func start(_ config: GatewayConfig, _ limit: Duration) -> ExitCode {
        do throws(Daemon.Failure) {
            let daemon = try Daemon.start(config)
            switch daemon.wait(limit) {
            case .ready(let addresses):
                tellStarted(daemon.process, addresses, config, already: false)
                return .done
            case .ended(let status, let said):
                if !said.isEmpty { terminal.problem(said) }
                return fail(
                    "it did not start; it ended with \(status)" + (said.isEmpty ? ". Its log: \(Daemon.log(of: config))" : ""),
                    ExitCode(rawValue: status) == .invalid ? .invalid : .failed)
            case .late:
                return fail(
                    "process \(daemon.process) does not answer after \(Measure.text(limit)); it goes on trying. "
                        + "Its log: \(Daemon.log(of: config))")
            }
        } catch {
            return fail(error.sentence)
        }
    }

    fileprivate func tellStarted(_ process: Int32, _ addresses: [String], _ config: GatewayConfig, already: Bool) {
        if wantsJSON {
            return printJSON([
                "running": true, "already": .bool(already), "process": .int(Int64(process)),
                "addresses": .array(addresses.map { .string($0) }), "log": .string(Daemon.log(of: config)),
            ])
        }
        let verb = already ? "runs already" : "started"
        terminal.out(
            paint(.good, verb) + ": process \(process)"
                + (addresses.isEmpty ? ", not ready yet" : ", listening on \(addresses.joined(separator: ", "))"))
        terminal.out("log: \(Daemon.log(of: config))")
    }
}
