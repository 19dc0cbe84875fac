// `gateway reload`, `status` and `stop`: found through the data folder, spoken to by signals.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let reload = Verb(
        name: "reload", section: .serving, summary: "Makes the running gateway apply its changed configuration.",
        details: """
            Waits for the outcome and prints it. A file that is refused changes nothing; the reasons are printed and
            the exit code is 3. Running exchanges end on the configuration they began with.
            """,
        flags: [.config, .data, .timeout, .json]
    ) { invocation in
        guard let limit = invocation.duration("timeout", unless: .seconds(60)) else { return .usage }
        return invocation.withRunningGateway { gateway in
            let before = gateway.lastReload?.stamp
            guard invocation.signal(SIGHUP, gateway) else { return .failed }
            var outcome: RunningGateway.Reload?
            let ended = Patience.wait(limit) {
                outcome = gateway.lastReload.flatMap { $0.stamp == before ? nil : $0 }
                return outcome != nil || !gateway.isRunning
            }
            guard let outcome else {
                invocation.terminal.problem(
                    ended
                        ? "gateway: process \(gateway.process) ended during the reload; its log says why"
                        : "gateway: no outcome after \(Measure.text(limit)); the log of process \(gateway.process) says more"
                )
                return .failed
            }
            if invocation.wantsJSON { invocation.printJSON(outcome.json) }
            guard outcome.applied else {
                invocation.terminal.problem(outcome.reason)
                invocation.terminal.problem("gateway: refused, nothing has changed")
                return .invalid
            }
            if !invocation.wantsJSON {
                invocation.terminal.out(invocation.paint(.good, "applied") + ": generation \(outcome.generation)")
            }
            if !outcome.needsRestart.isEmpty {
                invocation.terminal.problem(
                    "warning: changed, but takes effect at the next start: \(outcome.needsRestart.joined(separator: ", "))"
                )
            }
            return .done
        }
    }

    static let status = Verb(
        name: "status", summary: "Says whether a gateway runs, where, since when, and how its last reload ended.",
        details: "Exits with 4 when none runs.",
        flags: [.config, .data, .json]
    ) { invocation in
        invocation.withRunningGateway { gateway in
            invocation.wantsJSON ? invocation.tellJSON(gateway) : invocation.tell(gateway)
            return .done
        }
    }

    static let stop = Verb(
        name: "stop", section: .serving, summary: "Ends the running gateway and waits for it.",
        details: """
            Sends SIGTERM; running exchanges may end, for timeouts.drain at most. Exits with 1 when the gateway still
            runs after --timeout, which is timeouts.drain and 10 s more unless given.
            """,
        flags: [.config, .data, .timeout, .json]
    ) { invocation in
        guard let limit = invocation.duration("timeout", unless: .zero) else { return .usage }
        return invocation.withRunningGateway { gateway in
            let drain = invocation.quietConfig()?.timeouts.drain ?? TimeoutConfig().drain
            guard invocation.end(gateway, drain, limit) else { return .failed }
            if invocation.wantsJSON { invocation.printJSON(["stopped": true, "process": .int(Int64(gateway.process))]) }
            return .done
        }
    }
}

extension Invocation {
    /// Finds the gateway that serves from the data folder of the configuration.
    func withRunningGateway(_ body: (RunningGateway) -> ExitCode) -> ExitCode {
        let folder: String
        do throws(ConfigFaults) {
            if let named = self["data"] {
                folder = named
            } else {
                folder = try ConfigLoader.dataFolder(of: configPath)
            }
        } catch {
            report(error.faults)
            return .invalid
        }
        guard let gateway = RunningGateway(in: folder) else {
            if wantsJSON { printJSON(["running": false]) }
            return fail("none runs with its data in \(folder)", .notRunning)
        }
        return body(gateway)
    }

    /// Lets it end and waits for that: for `limit`, or a little longer than it lets exchanges run when that is zero.
    /// - Returns: false after a complaint.
    func end(_ gateway: RunningGateway, _ drain: Duration, _ limit: Duration) -> Bool {
        guard signal(SIGTERM, gateway) else { return false }
        let patience = limit == .zero ? drain + .seconds(10) : limit
        terminal.progress("waiting for running exchanges to end")
        let hasEnded = Patience.wait(patience) { !gateway.isRunning }
        terminal.progress(nil)
        guard hasEnded else {
            _ = fail("process \(gateway.process) still runs after \(Measure.text(patience)), with exchanges to end")
            return false
        }
        if !wantsJSON { terminal.out("stopped: process \(gateway.process)") }
        return true
    }

    fileprivate func signal(_ number: Int32, _ gateway: RunningGateway) -> Bool {
        if kill(gateway.process, number) == 0 { return true }
        _ = fail("process \(gateway.process) takes no signal from us: \(SystemError.text(of: gwl_errno()))")
        return false
    }

    fileprivate func tell(_ gateway: RunningGateway) {
        terminal.out(paint(.good, "running") + ": process \(gateway.process), for \(Spoken.length(seconds: gateway.age))")
        let addresses = gateway.addresses
        terminal.out(addresses.isEmpty ? "starting" : "listening: \(addresses.joined(separator: ", "))")
        if let node = node(gateway), case .redis? = quietConfig()?.store { terminal.out("node: \(node.name) (\(node.id))") }
        guard let reload = gateway.lastReload else { return }
        terminal.out(
            reload.applied
                ? "last reload: generation \(reload.generation)"
                : "last reload: " + paint(.bad, "refused") + ": \(reload.reason)")
    }

    private func node(_ gateway: RunningGateway) -> NodeIdentity? {
        NodeIdentity.find(LedgerFolders(data: gateway.folder), name: quietConfig()?.ledger.node)
    }

    fileprivate func tellJSON(_ gateway: RunningGateway) {
        var object: JSONObject = [
            "running": true, "process": .int(Int64(gateway.process)), "seconds": .int(Int64(gateway.age)),
            "addresses": .array(gateway.addresses.map { .string($0) }),
        ]
        if let node = node(gateway) { object["node"] = ["id": .string(node.id), "name": .string(node.name)] }
        if let reload = gateway.lastReload { object["last_reload"] = reload.json }
        printJSON(.object(object))
    }
}

extension RunningGateway.Reload {
    fileprivate var json: JSONValue {
        [
            "applied": .bool(applied), "generation": .int(Int64(generation)), "reason": .string(reason),
            "needs_restart": .array(needsRestart.map { .string($0) }),
        ]
    }
}

/// Measures as people say them.
enum Spoken {
    /// `3d 4h`, `12m 5s`: the two largest units.
    static func length(seconds: Int) -> String {
        let parts = [
            (seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s"),
        ]
        let begun = parts.drop { $0.0 == 0 }.prefix(2)
        return begun.isEmpty ? "0s" : begun.map { "\($0.0)\($0.1)" }.joined(separator: " ")
    }

    /// `13.2 GB`
    static func size(_ bytes: UInt64) -> String {
        var value = Double(bytes)
        for unit in ["B", "KB", "MB", "GB"] {
            if value < 1024 { return unit == "B" ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(unit)" }
            value /= 1024
        }
        return "\((value * 10).rounded() / 10) TB"
    }
}
