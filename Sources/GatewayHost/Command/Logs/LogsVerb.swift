// `gateway logs`: the log file for people, its end, from a time on, or as it grows.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let logs = Verb(
        name: "logs", summary: "Shows the log file.",
        details: """
            Reads log.file, or gateway.log in the data folder, where "gateway start" lets a gateway log whose configuration names no
            file; renamed files are read on with. JSON lines are shown as text; --json prints the lines as they are. With --follow it goes
            on with new lines until Ctrl-C, also when the file is renamed.
            """,
        flags: [
            .config,
            Flag(name: "follow", short: "f", help: "go on with new lines as they are written"),
            Flag(name: "lines", short: "n", value: "N", help: "that many of the last lines; 100 unless given or --since is"),
            Flag(name: "since", value: "WHEN", help: "from a time on: 10m ago, written 10m, or 2025-11-23T18:00:00Z"),
            Flag(
                name: "level", value: "LEVEL", help: "this level and worse: trace, debug, info, warning or error",
                offers: .words(LogLevel.allCases.map(\.rawValue))),
            Flag(name: "errors", help: "read log.error_file instead"),
            .json,
        ]
    ) { invocation in
        guard let filter = invocation.logFilter(), let count = invocation.count("lines", 0...1_000_000, unless: 100) else {
            return .usage
        }
        guard let config = invocation.loadSharedConfig() else { return .invalid }
        guard let path = invocation.has("errors") ? config.log.errorFile : Daemon.log(of: config) else {
            return invocation.fail("the configuration names no log.error_file")
        }
        guard access(path, R_OK) == 0 else {
            let reason = SystemError.text(of: gwl_errno())
            return invocation.fail(
                config.log.file == nil
                    ? "there is no \(path). The configuration names no log.file, so \"gateway serve\" logs to standard error: "
                        + "look where that goes (journalctl, docker logs), or set log.file."
                    : "\(path) cannot be read: \(reason)")
        }
        let show: (String) -> Void = { line in
            invocation.terminal.out(invocation.wantsJSON ? line : LogEntry(line).text(invocation.paint))
        }
        // Looked at before the last lines are, so that none is missed between the two.
        let end = LineReader(path)?.size ?? 0
        if filter.since != nil, !invocation.has("lines") {
            LogFiles(path: path).each(since: invocation.sinceNanoseconds, filter, show)
        } else {
            LogFiles(path: path).last(count, filter).forEach(show)
        }
        guard invocation.has("follow") else { return .done }
        return invocation.follow(path, from: end, filter, show)
    }
}

extension Invocation {
    /// What `--level` and `--since` ask for; nil after a complaint.
    fileprivate func logFilter() -> LogFilter? {
        var level = LogLevel.trace
        if let text = self["level"] {
            guard let known = LogLevel(rawValue: text) else {
                _ = fail("--level \(ConfigFault.printable(text, limit: 30)) is none of trace, debug, info, warning, error.")
                return nil
            }
            level = known
        }
        guard let text = self["since"] else { return LogFilter(level: level) }
        guard let since = Moment.parse(text, now: gwl_wall_ns()) else {
            _ = fail(
                "--since \(ConfigFault.printable(text, limit: 60)) is no time. Write 10m for ten minutes ago, or 2025-11-23T18:00:00Z.")
            return nil
        }
        return LogFilter(level: level, since: Moment.text(since))
    }

    fileprivate var sinceNanoseconds: UInt64 { self["since"].flatMap { Moment.parse($0, now: gwl_wall_ns()) } ?? 0 }

    /// Ends with the process: Ctrl-C, or a closed pipe.
    fileprivate func follow(
        _ path: String, from end: Int, _ filter: LogFilter, _ show: (String) -> Void
    ) -> ExitCode {
        var filter = filter
        var start = end
        while true {
            guard var reader = LineReader(path, at: start) else { return fail("\(path) cannot be read any more") }
            repeat {
                if reader.size < reader.offset { reader.rewind() }
                reader.read { if filter.passes(LogEntry($0)) { show($0) } }
                Patience.pause(.milliseconds(200))
            } while reader.isStill(path) || access(path, F_OK) != 0
            // It was renamed: what it got last, then the one that took its name.
            reader.read { if filter.passes(LogEntry($0)) { show($0) } }
            start = 0
        }
    }
}
