// The log of the process: `log.info("listening", .field("address", address))`.
//
// One line for what an operator would want to know, with the values as fields and never in the
// message, so that lines can be counted and searched. No prompt and no reply text, ever; credentials
// are `Secret` and cannot be written.
//
// Until `configure`, lines go straight to standard error as text. From then on the calling thread
// formats and queues, and LogWriter's thread writes.
//
// Kind: shared; every function may be called on any thread. A call below the threshold costs one
// relaxed load, and its fields are not even evaluated for `debug` and `trace`.

import CLinux
import Synchronization

/// The log of this process.
let log = Log()

final class Log: Sendable {
    private let threshold = Atomic<Int>(LogLevel.info.severity)
    private let json = Atomic<Bool>(false)
    private let queued = Atomic<Bool>(false)
    private let writer = LogWriter()

    init() {}

    /// Applies the configuration, also again after a reload, which reopens the files.
    ///
    /// Call it after the last fork: the writing thread belongs to the process that called.
    /// - Throws: `LogFault` when a file cannot be opened; then nothing has changed.
    /// - Thread: control.
    func configure(_ config: LogConfig) throws(LogFault) {
        let all = try LogFile(path: config.file, rotateBytes: config.rotateBytes, keep: config.keep)
        var problems: LogFile?
        if let path = config.errorFile {
            problems = try LogFile(path: path, rotateBytes: config.rotateBytes, keep: config.keep)
        }
        let asJSON =
            switch config.format {
            case .json: true
            case .text: false
            case .auto: config.file != nil || isatty(2) == 0
            }
        json.store(asJSON, ordering: .relaxed)
        threshold.store(config.level.severity, ordering: .relaxed)
        writer.use(all: all, problems: problems, json: asJSON)
        queued.store(true, ordering: .releasing)
    }

    @inline(__always)
    func isEnabled(_ level: LogLevel) -> Bool {
        level.severity >= threshold.load(ordering: .relaxed)
    }

    @inline(__always)
    func error(_ message: StaticString, _ fields: LogField...) {
        if isEnabled(.error) { write(.error, Bytes(message), fields) }
    }

    @inline(__always)
    func warning(_ message: StaticString, _ fields: LogField...) {
        if isEnabled(.warning) { write(.warning, Bytes(message), fields) }
    }

    @inline(__always)
    func info(_ message: StaticString, _ fields: LogField...) {
        if isEnabled(.info) { write(.info, Bytes(message), fields) }
    }

    /// The fields are evaluated only when the level is on, so they may be dear.
    @inline(__always)
    func debug(
        _ message: StaticString, _ a: @autoclosure () -> LogField? = nil,
        _ b: @autoclosure () -> LogField? = nil, _ c: @autoclosure () -> LogField? = nil,
        _ d: @autoclosure () -> LogField? = nil, _ e: @autoclosure () -> LogField? = nil
    ) {
        guard isEnabled(.debug) else { return }
        write(.debug, Bytes(message), [a(), b(), c(), d(), e()].compactMap(\.self))
    }

    /// The fields are evaluated only when the level is on, so they may be dear.
    @inline(__always)
    func trace(
        _ message: StaticString, _ a: @autoclosure () -> LogField? = nil,
        _ b: @autoclosure () -> LogField? = nil, _ c: @autoclosure () -> LogField? = nil,
        _ d: @autoclosure () -> LogField? = nil, _ e: @autoclosure () -> LogField? = nil
    ) {
        guard isEnabled(.trace) else { return }
        write(.trace, Bytes(message), [a(), b(), c(), d(), e()].compactMap(\.self))
    }

    /// A line whose text comes from elsewhere: a plugin, a library.
    @inline(__always)
    func line(_ level: LogLevel, _ message: Bytes, _ fields: LogField...) {
        if isEnabled(level) { write(level, message, fields) }
    }

    /// Waits, two seconds at most, until what was logged is written. Before an orderly end.
    func flush() { writer.flush() }

    /// Writes what is queued and ends the thread; later lines go to standard error again.
    func stop() {
        queued.store(false, ordering: .releasing)
        writer.stop()
    }

    @inline(never)
    private func write(_ level: LogLevel, _ message: Bytes, _ fields: [LogField]) {
        let line = LogLine(
            json: json.load(ordering: .relaxed), wall: gwl_wall_ns(), level: level, message: message,
            fields: fields)
        if queued.load(ordering: .acquiring) {
            writer.append(line.bytes, isProblem: level.severity >= LogLevel.warning.severity)
        } else {
            line.bytes.withUnsafeBytes { bytes in
                // Nothing is left to tell it to if standard error is gone.
                _ = CLinux.write(2, bytes.baseAddress, bytes.count)
            }
        }
    }
}
