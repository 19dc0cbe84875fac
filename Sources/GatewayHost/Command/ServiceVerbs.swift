// `gateway reload`, `status` and `stop`: found through the data folder, spoken to by signals.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let reload = Verb(
        name: "reload", summary: "Makes the running gateway apply its changed configuration.",
        details: """
            Waits for the outcome and prints it. A file that is refused changes nothing; the reasons are printed and
            the exit code is 3. Running exchanges end on the configuration they began with.
            """,
        flags: [.config, .data, .timeout]
    ) { invocation in
        guard let limit = invocation.timeout(.seconds(60)) else { return .usage }
        return invocation.withRunningGateway { gateway in
            let before = gateway.lastReload?.stamp
            guard invocation.signal(SIGHUP, gateway) else { return .failed }
            var outcome: RunningGateway.Reload?
            let ended = Invocation.wait(limit) {
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
            guard outcome.applied else {
                invocation.terminal.problem(outcome.reason)
                invocation.terminal.problem("gateway: refused, nothing has changed")
                return .invalid
            }
            invocation.terminal.out("applied: generation \(outcome.generation)")
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
            invocation.has("json") ? invocation.printJSON(gateway) : invocation.printText(gateway)
            return .done
        }
    }

    static let stop = Verb(
        name: "stop", summary: "Ends the running gateway and waits for it.",
        details: """
            Sends SIGTERM; running exchanges may end, for timeouts.drain at most. Exits with 1 when the gateway still
            runs after --timeout, which is timeouts.drain and 10 s more unless given.
            """,
        flags: [.config, .data, .timeout]
    ) { invocation in
        guard let limit = invocation.timeout(.zero) else { return .usage }
        return invocation.withRunningGateway { gateway in
            guard invocation.signal(SIGTERM, gateway) else { return .failed }
            let drain = (try? ConfigLoader.load(invocation.configPath))?.timeouts.drain ?? TimeoutConfig().drain
            let patience = invocation.has("timeout") ? limit : drain + .seconds(10)
            guard Invocation.wait(patience, until: { !gateway.isRunning }) else {
                invocation.terminal.problem(
                    "gateway: process \(gateway.process) still runs after \(Measure.text(patience)), with exchanges to end"
                )
                return .failed
            }
            invocation.terminal.out("stopped: process \(gateway.process)")
            return .done
        }
    }
}

extension Invocation {
    /// Finds the gateway that serves from the data folder of the configuration.
    fileprivate func withRunningGateway(_ body: (RunningGateway) -> ExitCode) -> ExitCode {
        let folder: String
        do throws(ConfigFaults) {
            if let named = flags["data"] {
                folder = named
            } else {
                folder = try ConfigLoader.dataFolder(of: configPath)
            }
        } catch {
            report(error.faults)
            return .invalid
        }
        guard let gateway = RunningGateway(in: folder) else {
            if has("json") { terminal.out("{\"running\":false}") }
            terminal.problem("gateway: none runs with its data in \(folder)")
            return .notRunning
        }
        return body(gateway)
    }

    fileprivate func signal(_ number: Int32, _ gateway: RunningGateway) -> Bool {
        if kill(gateway.process, number) == 0 { return true }
        terminal.problem(
            "gateway: process \(gateway.process) takes no signal from us: \(SystemError.text(of: gwl_errno()))")
        return false
    }

    fileprivate func printText(_ gateway: RunningGateway) {
        terminal.out("running: process \(gateway.process), for \(Invocation.spoken(seconds: gateway.age))")
        let addresses = gateway.addresses
        terminal.out(addresses.isEmpty ? "starting" : "listening: \(addresses.joined(separator: ", "))")
        guard let reload = gateway.lastReload else { return }
        terminal.out(
            reload.applied ? "last reload: generation \(reload.generation)" : "last reload: refused: \(reload.reason)")
    }

    fileprivate func printJSON(_ gateway: RunningGateway) {
        var object: JSONObject = [
            "running": true, "process": .int(Int64(gateway.process)), "seconds": .int(Int64(gateway.age)),
            "addresses": .array(gateway.addresses.map { .string($0) }),
        ]
        if let reload = gateway.lastReload {
            object["last_reload"] = [
                "applied": .bool(reload.applied), "generation": .int(Int64(reload.generation)),
                "reason": .string(reload.reason),
            ]
        }
        terminal.out(String(decoding: JSONValue.object(object).compact, as: UTF8.self))
    }

    /// `3d 4h`, `12m 5s`: the two largest units.
    private static func spoken(seconds: Int) -> String {
        let parts = [
            (seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s"),
        ]
        let begun = parts.drop { $0.0 == 0 }.prefix(2)
        return begun.isEmpty ? "0s" : begun.map { "\($0.0)\($0.1)" }.joined(separator: " ")
    }

    /// Looks every 20 ms whether `isDone`, for `limit` at most; false when it never was.
    fileprivate static func wait(_ limit: Duration, until isDone: () -> Bool) -> Bool {
        let deadline = gwl_monotonic_ns() + UInt64(limit.milliseconds) * 1_000_000
        while !isDone() {
            if gwl_monotonic_ns() >= deadline { return false }
            var pause = timespec(tv_sec: 0, tv_nsec: 20_000_000)
            nanosleep(&pause, nil)
        }
        return true
    }
}
