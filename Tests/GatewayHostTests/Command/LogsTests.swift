import Glibc
import Testing

@testable import GatewayHost

@Suite struct LogsTests {
    private func line(_ second: Int, _ level: String = "info", _ message: String = "m") -> String {
        "{\"ts\":\"2025-11-23T18:03:\(second < 10 ? "0" : "")\(second).000Z\",\"level\":\"\(level)\",\"msg\":\"\(message)\"}"
    }

    private func write(_ lines: [String], to path: String) {
        #expect(FileBytes.replace(path, with: Array(lines.map { $0 + "\n" }.joined().utf8), mode: 0o600) == nil)
    }

    @Test func aLineSaysWhenAndHowBad() {
        let json = LogEntry(line(4, "warning"))
        #expect(json.time == "2025-11-23T18:03:04.000Z" && json.level == .warning)
        let text = LogEntry("2025-11-23T18:03:04.123Z error   cannot listen address=x")
        #expect(text.time == "2025-11-23T18:03:04.123Z" && text.level == .error)
        let other = LogEntry("gateway: fatal signal 11 in plugin 'x'")
        #expect(other.time == nil && other.level == nil)
    }

    @Test func jsonBecomesText() {
        let entry = LogEntry(
            #"{"ts":"2025-11-23T18:03:04.123Z","level":"info","msg":"exchange failed","status":504,"reason":"no answer","path":"/v1","x":""}"#
        )
        #expect(
            entry.text(Paint(isOn: false))
                == "2025-11-23 18:03:04.123 info     exchange failed  status=504  reason=\"no answer\"  path=/v1  x=\"\"")
        #expect(LogEntry("plain \u{1b}[2J").text(Paint(isOn: false)) == "plain \\u{1b}[2J")
        #expect(LogEntry("{broken").text(Paint(isOn: false)) == "{broken")
        #expect(entry.text(Paint(isOn: true)).contains("\u{1b}[32minfo\u{1b}[0m"))
    }

    @Test func linesWithoutATimeBelongToTheOneBefore() {
        var filter = LogFilter(level: .warning)
        let lines = ["crash", line(1), "  at x", line(2, "error"), "  at y"]
        #expect(lines.filter { filter.passes(LogEntry($0)) } == [line(2, "error"), "  at y"])
        var all = LogFilter()
        #expect(lines.allSatisfy { all.passes(LogEntry($0)) })
    }

    @Test func theLastLinesComeFromRenamedFilesToo() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.log"
        write((0...9).map { line($0) }, to: path + ".2")
        write((10...19).map { line($0) }, to: path + ".1")
        write((20...29).map { line($0) }, to: path)
        let files = LogFiles(path: path)
        #expect(files.last(3, LogFilter()) == (27...29).map { line($0) })
        #expect(files.last(15, LogFilter()) == (15...29).map { line($0) })
        #expect(files.last(100, LogFilter()).count == 30)
        #expect(files.last(0, LogFilter()).isEmpty)
        var seen: [String] = []
        files.each(since: 0, LogFilter(since: "2025-11-23T18:03:18.000Z")) { seen.append($0) }
        #expect(seen == (18...29).map { line($0) })
    }

    @Test func aLargeFileIsReadFromItsEnd() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.log"
        let filler = String(repeating: "x", count: 400)
        write([line(1, "error")] + (0..<3000).map { _ in line(2, "info", filler) } + [line(3)], to: path)
        #expect(LogFiles(path: path).last(1, LogFilter()) == [line(3)])
        // Far beyond the first window.
        #expect(LogFiles(path: path).last(5, LogFilter(level: .error)) == [line(1, "error")])
        #expect(LogFiles(path: path).last(2000, LogFilter()).count == 2000)
    }

    @Test func theVerbReadsWhatIsConfigured() throws {
        let folder = try TemporaryFolder()
        let config = folder.path + "/gateway.yaml"
        let log = folder.path + "/my.log"
        #expect(FileBytes.replace(config, with: Array("chain: [ { plugin: Auth } ]\nlog: { file: my.log }\n".utf8), mode: 0o600) == nil)
        func run(_ words: String...) -> (ExitCode, MemoryTerminal) {
            let memory = MemoryTerminal()
            return (runCommand(["logs", "--config", config] + words, terminal: memory.terminal, services: .idle), memory)
        }
        let (missing, complaint) = run()
        #expect(missing == .failed && complaint.problems == "gateway: \(log) cannot be read: No such file or directory (ENOENT)")
        write([line(1), line(2, "error"), line(3)], to: log)
        #expect(run("--json").1.out == [line(1), line(2, "error"), line(3)].joined(separator: "\n"))
        #expect(run("--level", "error").1.out == "2025-11-23 18:03:02.000 error    m")
        #expect(run("-n", "1", "--json").1.out == line(3))
        #expect(run("--since", "2025-11-23T18:03:02Z", "--json").1.out == [line(2, "error"), line(3)].joined(separator: "\n"))
        #expect(run("--errors").1.problems == "gateway: the configuration names no log.error_file")
    }
}

@Suite struct MomentTests {
    @Test(arguments: [
        ("1970-01-01", 0), ("2025-11-23T18:03:04Z", 1_763_920_984), ("2025-11-23t18:03z", 1_763_920_980),
        ("2025-11-23 20:03:04+02:00", 1_763_920_984), ("2024-02-29T00:00:00-00:30", 1_709_166_600),
    ])
    func datesAreRead(text: String, seconds: UInt64) {
        #expect(Moment.parse(text, now: 0) == seconds * 1_000_000_000)
    }

    @Test(arguments: ["", "soon", "2025-13-01", "2023-02-29", "2025-11-23T24:00:00Z", "2025-11-23T18:03:04", "2025-11-23T18:03:04.Z", "10"])
    func whatIsNoTimeIsNot(text: String) {
        #expect(Moment.parse(text, now: 0) == nil)
    }

    @Test func durationsCountFromNow() {
        let now: UInt64 = 1_763_920_984_500_000_000
        #expect(Moment.parse("10m", now: now) == now - 600_000_000_000)
        #expect(Moment.parse("1d", now: now, ahead: true) == now + 86_400_000_000_000)
        #expect(Moment.text(now) == "2025-11-23T18:03:04.500Z")
        #expect(Moment.parse(Moment.text(now), now: 0) == now)
        #expect(Moment.http("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        #expect(Moment.http("yesterday") == nil)
    }
}
