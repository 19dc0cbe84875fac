// The folder of a running gateway: who holds it, and what it was started with.
//
//     gateway.pid    locked by the process that serves, which is what counts; its number is inside
//     applied.yaml   the configuration in force, as it was read, for `gateway config diff`
//     reload.json    how the last reload ended
//
// The lock is the kernel's (flock), so a crash releases it and a recycled process number deceives nobody.
//
// Kind: loop-confined, to the control thread or the command.

import CLinux

final class DataFolder {
    let path: String
    private var lock: Int32

    struct Failure: Error, Sendable, Equatable {
        let sentence: String
        /// The process that holds the folder, if that is why.
        var holder: Int32?
    }

    /// Makes the folder if it is missing, and takes it for this process.
    init(taking path: String) throws(Failure) {
        self.path = path
        guard DataFolder.make(path) else {
            throw Failure(
                sentence: "the folder \(path) cannot be made: \(String(cString: gwl_error_text(gwl_errno())))")
        }
        let file = DataFolder.pidFile(path)
        lock = gwl_open(file, O_RDWR | O_CREAT, 0o644)
        guard lock >= 0 else {
            throw Failure(sentence: "\(file) cannot be written: \(String(cString: gwl_error_text(gwl_errno())))")
        }
        guard gwl_lock_file(lock, 1) == 0 else {
            close(lock)
            let holder = DataFolder.holder(of: path)
            throw Failure(
                sentence: "another gateway\(holder.map { ", process \($0)," } ?? "") already serves from \(path)",
                holder: holder)
        }
        let text = Array("\(getpid())\n".utf8)
        // A number that could not be written only makes `gateway reload` say that nobody runs.
        _ = ftruncate(lock, 0)
        _ = text.withUnsafeBytes { pwrite(lock, $0.baseAddress, $0.count, 0) }
    }

    deinit {
        _ = ftruncate(lock, 0)
        close(lock)
    }

    /// The process that serves from `path`; nil if none does.
    static func holder(of path: String) -> Int32? {
        let file = gwl_open(pidFile(path), O_RDONLY, 0)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard gwl_lock_file(file, 0) != 0 else { return nil }
        var digits = [UInt8](repeating: 0, count: 16)
        let count = digits.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
        let text = String(decoding: digits.prefix(max(count, 0)).prefix { $0 >= 0x30 && $0 <= 0x39 }, as: UTF8.self)
        return Int32(text).flatMap { $0 > 0 ? $0 : nil }
    }

    /// When the process that serves took the folder, in nanoseconds since 1970.
    static func takenAt(_ path: String) -> UInt64? {
        var status = stat()
        guard stat(pidFile(path), &status) == 0 else { return nil }
        return UInt64(status.st_mtim.tv_sec) * 1_000_000_000 + UInt64(status.st_mtim.tv_nsec)
    }

    private static func pidFile(_ path: String) -> String { "\(path)/gateway.pid" }

    /// Like `mkdir -p`, the last one for the owner only.
    private static func make(_ path: String) -> Bool {
        if mkdir(path, 0o700) == 0 || gwl_errno() == EEXIST { return true }
        guard gwl_errno() == ENOENT else { return false }
        let parent = FilePath.folder(of: path)
        return !parent.isEmpty && parent != path && make(parent) && (mkdir(path, 0o700) == 0 || gwl_errno() == EEXIST)
    }
}
