// A gateway of another process, found through its data folder.
//
// The kernel's lock on gateway.pid says whether one runs; the number inside says which process. So a crash leaves
// nothing behind that deceives, and a recycled process number gets no signal.
//
// Kind: value; reads files, so for the command line.

import CLinux

struct RunningGateway: Sendable {
    let folder: String
    let process: Int32

    /// The gateway that serves from `folder`; nil if none does.
    init?(in folder: String) {
        self.folder = folder
        let file = gwl_open("\(folder)/gateway.pid", O_RDONLY, 0)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard flock(file, LOCK_SH | LOCK_NB) != 0 else { return nil }
        var digits = [UInt8](repeating: 0, count: 16)
        let count = digits.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
        let text = String(decoding: digits.prefix(max(count, 0)).prefix { $0 >= 0x30 && $0 <= 0x39 }, as: UTF8.self)
        guard let process = Int32(text), process > 1 else { return nil }
        self.process = process
    }

    /// False once the process has ended, also when another has taken the folder since.
    var isRunning: Bool { RunningGateway(in: folder)?.process == process }

    /// Seconds since it took the folder.
    var age: Int {
        guard let taken = RunningGateway.timeOfChange("\(folder)/gateway.pid")?.wall else { return 0 }
        let now = gwl_wall_ns()
        return now > taken ? Int((now - taken) / 1_000_000_000) : 0
    }

    /// Where clients reach it; empty until it listens.
    var addresses: [String] {
        document("listen.json")?["addresses"]?.array?.compactMap(\.string) ?? []
    }

    /// It answers requests, and is the process that says so.
    var isReady: Bool { document("listen.json")?["pid"]?.int == Int64(process) }

    /// The unit of systemd that it runs in and this process does not; nil: none.
    var unit: String? {
        func group(_ process: String) -> String? {
            guard case .success(let bytes) = FileBytes.read("/proc/\(process)/cgroup", limit: 1 << 16) else { return nil }
            let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("0::") }
            return line.map { String($0.dropFirst(3)) }
        }
        guard let theirs = group("\(process)"), theirs != group("self"), theirs.hasSuffix(".service") else { return nil }
        return theirs.split(separator: "/").last.map(String.init)
    }

    /// How the last reload ended since it runs.
    var lastReload: Reload? {
        guard let stamp = RunningGateway.timeOfChange("\(folder)/reload.json"),
            let taken = RunningGateway.timeOfChange("\(folder)/gateway.pid"), stamp.wall >= taken.wall,
            let value = document("reload.json"), let applied = value["ok"]?.bool
        else { return nil }
        return Reload(
            stamp: stamp, applied: applied, generation: Int(value["generation"]?.int ?? 0),
            reason: value["reason"]?.string ?? "",
            needsRestart: value["needs_restart"]?.array?.compactMap(\.string) ?? [])
    }

    /// The outcome of a reload, as the gateway writes it.
    struct Reload: Sendable, Equatable {
        /// Tells one writing of the file from the next.
        var stamp: Stamp
        var applied: Bool
        var generation: Int
        var reason: String
        var needsRestart: [String]
    }

    struct Stamp: Sendable, Equatable {
        /// Nanoseconds since 1970.
        var wall: UInt64
        /// The file is replaced each time, so it is another one.
        var inode: UInt64
    }

    private func document(_ name: String) -> JSONValue? {
        guard case .success(let bytes) = FileBytes.read("\(folder)/\(name)", limit: 1 << 20) else { return nil }
        return try? JSONParser.parse(String(decoding: bytes, as: UTF8.self))
    }

    private static func timeOfChange(_ path: String) -> Stamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Stamp(
            wall: UInt64(status.st_mtim.tv_sec) * 1_000_000_000 + UInt64(status.st_mtim.tv_nsec),
            inode: UInt64(status.st_ino))
    }
}
