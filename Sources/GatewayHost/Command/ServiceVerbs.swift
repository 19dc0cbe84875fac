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
        return invocation.withRunningGateway { process, folder in
            let before = ReloadOutcome.read(from: folder)?.sequence ?? 0
            guard invocation.signal(SIGHUP, process) else { return .failed }
            var outcome: ReloadOutcome?
            let ended = Invocation.wait(limit) {
                outcome = ReloadOutcome.read(from: folder)
                return outcome?.sequence ?? 0 > before || DataFolder.holder(of: folder) != process
            }
            guard ended, let outcome, outcome.sequence > before else {
                invocation.terminal.problem(
                    ended
                        ? "gateway: process \(process) ended during the reload; its log says why"
                        : "gateway: no outcome after \(Measure.text(limit)); the log of process \(process) says more")
                return .failed
            }
            for remark in outcome.remarks { invocation.terminal.problem(remark) }
            guard outcome.applied else {
                invocation.terminal.problem("gateway: refused, nothing has changed: \(outcome.message)")
                return .invalid
            }
            invocation.terminal.out(outcome.message)
            return .done
        }
    }

    static let status = Verb(
        name: "status", summary: "Says whether a gateway runs, since when, and how its last reload ended.",
        details: "Exits with 4 when none runs.",
        flags: [.config, .data, .json]
    ) { invocation in
        invocation.withRunningGateway { process, folder in
            let now = gwl_wall_ns()
            let seconds = DataFolder.takenAt(folder).map { now > $0 ? Int((now - $0) / 1_000_000_000) : 0 } ?? 0
            let outcome = ReloadOutcome.read(from: folder).flatMap { reload in
                DataFolder.takenAt(folder).map { reload.wall >= $0 } == true ? reload : nil
            }
            if invocation.has("json") {
                var object: JSONObject = [
                    "running": true, "process": .int(Int64(process)), "seconds": .int(Int64(seconds)),
                ]
                if let outcome {
                    object["last_reload"] = [
                        "applied": .bool(outcome.applied), "generation": .int(Int64(outcome.generation)),
                        "message": .string(outcome.message),
                    ]
                }
                invocation.terminal.out(String(decoding: JSONValue.object(object).compact, as: UTF8.self))
                return .done
            }
            invocation.terminal.out("running: process \(process), for \(spoken(seconds: seconds))")
            if let outcome {
                invocation.terminal.out("last reload: \(outcome.applied ? "" : "refused: ")\(outcome.message)")
            }
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
        return invocation.withRunningGateway { process, folder in
            guard invocation.signal(SIGTERM, process) else { return .failed }
            let drain = (try? ConfigLoader.load(invocation.configPath))?.timeouts.drain ?? TimeoutConfig().drain
            let patience = invocation.has("timeout") ? limit : drain + .seconds(10)
            guard Invocation.wait(patience, until: { DataFolder.holder(of: folder) != process }) else {
                invocation.terminal.problem(
                    "gateway: process \(process) still runs after \(Measure.text(patience)), with exchanges to end")
                return .failed
            }
            invocation.terminal.out("stopped: process \(process)")
            return .done
        }
    }
}

/// `3d 4h`, `12m 5s`: the two largest units.
private func spoken(seconds: Int) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")]
    let begun = parts.drop { $0.0 == 0 }.prefix(2)
    return begun.isEmpty ? "0s" : begun.map { "\($0.0)\($0.1)" }.joined(separator: " ")
}

extension Invocation {
    /// Finds the gateway that serves from the data folder of the configuration.
    fileprivate func withRunningGateway(_ body: (_ process: Int32, _ folder: String) -> ExitCode) -> ExitCode {
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
        guard let process = DataFolder.holder(of: folder) else {
            if has("json") { terminal.out("{\"running\":false}") }
            terminal.problem("gateway: none runs with its data in \(folder)")
            return .notRunning
        }
        return body(process, folder)
    }

    fileprivate func signal(_ number: Int32, _ process: Int32) -> Bool {
        if kill(process, number) == 0 { return true }
        terminal.problem(
            "gateway: process \(process) takes no signal from us: \(String(cString: gwl_error_text(gwl_errno())))")
        return false
    }

    /// Looks every 20 ms whether `isDone`, for `limit` at most; false when it never was.
    fileprivate static func wait(_ limit: Duration, until isDone: () -> Bool) -> Bool {
        let deadline = gwl_monotonic_ns() + UInt64(limit.inMilliseconds) * 1_000_000
        while !isDone() {
            if gwl_monotonic_ns() >= deadline { return false }
            var pause = timespec(tv_sec: 0, tv_nsec: 20_000_000)
            nanosleep(&pause, nil)
        }
        return true
    }
}
