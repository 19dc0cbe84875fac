import Glibc
import Testing

@testable import GatewayHost

@Suite struct LogTests {
    private func line(_ json: Bool, _ message: StaticString, _ fields: LogField...) -> String {
        let line = LogLine(
            json: json, wall: 1_763_920_984_123_456_789, level: .info, message: Bytes(message), fields: fields)
        return String(decoding: line.bytes, as: UTF8.self)
    }

    @Test func aLineIsOneJSONObject() {
        #expect(
            line(
                true, "listening", .field("address", "127.0.0.1:3000"), .field("count", 3), .field("ok", true),
                .field("share", 0.5), .field("took", Duration.milliseconds(1500)), .field("key", Secret("sk-1"))) == """
                    {"ts":"2025-11-23T18:03:04.123Z","level":"info","msg":"listening","address":"127.0.0.1:3000","count":3,"ok":true,"share":0.5,"took":1.5,"key":"[redacted]"}

                    """)
    }

    @Test func aLineIsTextForATerminal() {
        #expect(
            line(false, "it says \"hi\"", .field("path", "/v1/messages"), .field("why", "no route"), .field("n", -1))
                == "2025-11-23T18:03:04.123Z info    it says \\\"hi\\\" path=/v1/messages why=\"no route\" n=-1\n")
    }

    @Test func valuesCannotBreakALineOrATerminal() throws {
        let hostile: [UInt8] = Array("a\nb\u{1b}[2J\"\\\u{2028}\u{9b}".utf8) + [0xff, 0xc3]
        let text = hostile.withUnsafeBytes { line(true, "x", .field("v", Bytes($0))) }
        #expect(text.contains("\"v\":\"a\\nb\\u001b[2J\\\"\\\\\\u2028\\u009b\u{fffd}\u{fffd}\"}\n"))
        #expect(try JSONParser.parse(text)["v"]?.string == "a\nb\u{1b}[2J\"\\\u{2028}\u{9b}\u{fffd}\u{fffd}")
        #expect(text.utf8.filter { $0 == 0x0a }.count == 1)
    }

    @Test func longValuesAreCutBetweenCharacters() throws {
        let text = String(repeating: "x", count: 4095) + "äöü" + String(repeating: "y", count: 5000)
        let value = try JSONParser.parse(line(true, "m", .field("v", text)))["v"]?.string
        #expect(value == String(repeating: "x", count: 4095) + "…")
    }

    @Test func days() {
        for (days, expected) in [
            (0, [1970, 1, 1]), (11_016, [2000, 2, 29]), (11_017, [2000, 3, 1]), (20_454, [2026, 1, 1]),
            (-1, [1969, 12, 31]), (47_540, [2100, 2, 28]), (47_541, [2100, 3, 1]),
        ] {
            let date = CivilDate(daysSince1970: days)
            #expect([date.year, date.month, date.day] == expected)
        }
    }

    @Test func filesGetWhatTheirLevelAsksFor() throws {
        let folder = try TemporaryFolder()
        let log = Log()
        defer { log.stop() }
        var config = LogConfig()
        config.file = folder.path + "/all.log"
        config.errorFile = folder.path + "/errors.log"
        try log.configure(config)
        var evaluated = false
        func dear() -> LogField {
            evaluated = true
            return .field("dear", 1)
        }
        log.debug("hidden", dear())
        log.info("shown", .field("n", 1))
        log.error("bad", .field("n", 2))
        log.flush()
        #expect(!evaluated)
        let all = try lines(config.file)
        #expect(all.count == 2 && all[0].contains("\"msg\":\"shown\"") && all[1].contains("\"level\":\"error\""))
        #expect(try lines(config.errorFile).count == 1)
        // A reload: more is logged, the files are opened again.
        config.level = .debug
        rename(config.file!, config.file! + ".moved")
        try log.configure(config)
        log.debug("now", dear())
        log.flush()
        #expect(evaluated)
        #expect(try lines(config.file).count == 1)
    }

    @Test func aFileThatHasGrownIsRenamed() throws {
        let folder = try TemporaryFolder()
        let log = Log()
        defer { log.stop() }
        var config = LogConfig()
        config.file = folder.path + "/x.log"
        config.rotateBytes = 1000
        config.keep = 2
        try log.configure(config)
        for index in 0..<100 {
            log.info("a line of some eighty bytes", .field("index", index))
            log.flush()
        }
        #expect(try lines(config.file).last?.contains("\"index\":99") == true)
        let newest = try lines(folder.path + "/x.log.1")
        let oldest = try lines(folder.path + "/x.log.2")
        #expect(newest.count > 5 && oldest.count > 5)
        #expect(access(folder.path + "/x.log.3", F_OK) != 0)
        #expect(try FileBytes.read(folder.path + "/x.log.1", limit: 1 << 20).get().count <= 1000)
    }

    @Test func aFileThatCannotBeOpenedIsRefused() throws {
        var config = LogConfig()
        config.file = "/nonexistent/x.log"
        do {
            try Log().configure(config)
            Issue.record("accepted")
        } catch {
            #expect(
                error.description
                    == "the log file /nonexistent/x.log cannot be opened for writing: No such file or directory")
        }
    }

    @Test func aStalledReaderCostsLinesAndNeverTheCaller() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/pipe"
        #expect(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        let log = Log()
        var config = LogConfig()
        config.file = path
        try log.configure(config)
        let text = String(repeating: "x", count: 4000)
        // 8 MB into a queue of 4 MB whose writer waits for a pipe of 64 KB.
        for _ in 0..<2000 { log.info("much", .field("text", text)) }
        var received = 0
        var notice = false
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while !notice {
            var ready = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, 5000) > 0 else { break }
            let count = read(reader, &buffer, buffer.count)
            guard count > 0 else { break }
            received += count
            notice = String(decoding: buffer[..<count], as: UTF8.self).contains("log lines dropped")
        }
        #expect(notice)
        #expect(received < 6 << 20)
        log.stop()
        close(reader)
    }

    @Test func everyThreadMayLog() throws {
        let folder = try TemporaryFolder()
        let log = Log()
        var config = LogConfig()
        config.file = folder.path + "/x.log"
        try log.configure(config)
        let threads = (0..<4).map { _ in
            var thread = pthread_t()
            let context = Unmanaged.passRetained(log).toOpaque()
            pthread_create(&thread, nil, logManyLines, context)
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
        log.stop()
        let all = try lines(config.file)
        #expect(all.count == 4000)
        #expect(all.allSatisfy { $0.hasPrefix("{\"ts\":") && $0.hasSuffix("}") })
    }

    private func lines(_ path: String?) throws -> [Substring] {
        let bytes = try FileBytes.read(path!, limit: 16 << 20).get()
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
}

private func logManyLines(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let log = Unmanaged<Log>.fromOpaque(context!).takeRetainedValue()
    for index in 0..<1000 { log.info("line", .field("index", index)) }
    return nil
}
