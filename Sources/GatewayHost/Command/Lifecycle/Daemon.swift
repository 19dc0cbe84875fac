// Starting a gateway that outlives the command and its terminal.
//
// It is this program again with `serve`, in a session of its own, rather than a fork of this process: a fork would take over
// threads that no longer run. Until its log is open it speaks to start.log in the data folder; so do the last words of a crash.
//
// Kind: value; blocks, so for the command line.

import CLinux

struct Daemon: Sendable {
    /// Names the log file of a gateway whose configuration names none.
    static let logVariable = "GATEWAY_LOG_FILE"

    let process: Int32
    let folder: String

    enum Outcome: Sendable, Equatable {
        case ready([String])
        /// With its exit status and what it said.
        case ended(Int32, said: String)
        case late
    }

    struct Failure: Error, Sendable {
        let sentence: String
    }

    /// Where it logs when the configuration says nothing.
    static func log(of config: GatewayConfig) -> String { config.log.file ?? "\(config.data)/gateway.log" }

    static func lastWords(in folder: String) -> String { "\(folder)/start.log" }

    /// Starts `gateway serve --config FILE` with its data in the folder that `config` names.
    static func start(_ config: GatewayConfig) throws(Failure) -> Daemon {
        do throws(GatewayFault) {
            try DataFolder.make(config.data)
        } catch {
            throw Failure(sentence: error.sentence)
        }
        let program = executable()
        var process = pid_t()
        var environment = inherited()
        if config.log.file == nil, getenv(logVariable) == nil {
            environment.append("\(logVariable)=\(absolute(log(of: config)))")
        }
        let code = withVector([program, "serve", "--config", config.file]) { arguments in
            withVector(environment) { environment in
                gwl_spawn_detached(program, arguments, environment, lastWords(in: config.data), &process)
            }
        }
        guard code == 0 else {
            throw Failure(sentence: "\(program) cannot be started: \(SystemError.text(of: code))")
        }
        return Daemon(process: process, folder: config.data)
    }

    /// Waits until it answers requests or has ended, for `limit` at most.
    func wait(_ limit: Duration) -> Outcome {
        var outcome = Outcome.late
        _ = Patience.wait(limit) {
            let status = gwl_child_status(process)
            if status >= 0 {
                outcome = .ended(status, said: said)
                return true
            }
            guard let running = RunningGateway(in: folder), running.process == process, running.isReady else { return false }
            outcome = .ready(running.addresses)
            return true
        }
        return outcome
    }

    private var said: String {
        guard case .success(let bytes) = FileBytes.read(Daemon.lastWords(in: folder), limit: 1 << 20) else { return "" }
        return String(String(decoding: bytes, as: UTF8.self).trimmingSuffix { $0.isNewline })
    }

    // MARK: Towards execve(2)

    /// The file of this program, so that a listing of processes shows its name.
    private static func executable() -> String {
        var path = [UInt8](repeating: 0, count: 4096)
        let count = path.withUnsafeMutableBytes { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
        let text = String(decoding: path.prefix(max(count, 0)), as: UTF8.self)
        return access(text, X_OK) == 0 ? text : "/proc/self/exe"
    }

    private static func inherited() -> [String] {
        var all: [String] = []
        guard var entry = gwl_environ() else { return all }
        while let text = entry.pointee {
            all.append(String(cString: text))
            entry += 1
        }
        return all
    }

    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let here: UnsafeMutablePointer<CChar> = getcwd(nil, 0) else { return path }
        defer { free(here) }
        return FilePath.resolve(path, against: String(cString: here))
    }

    /// C's form of a list of texts, for the length of a call.
    private static func withVector<Result>(
        _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var vector = texts.map { strdup($0) }
        vector.append(nil)
        defer { vector.forEach { free($0) } }
        return vector.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}

extension StringProtocol {
    fileprivate func trimmingSuffix(while isUnwanted: (Character) -> Bool) -> SubSequence {
        var end = endIndex
        while end > startIndex, isUnwanted(self[index(before: end)]) { end = index(before: end) }
        return self[..<end]
    }
}
