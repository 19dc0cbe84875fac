// A whole small file as bytes: configurations, secrets, certificates.
//
// Kind: value; blocks, so for the control thread and the command line only.

import CLinux

enum FileBytes {
    struct Failure: Error, Sendable, Equatable {
        let path: String
        /// 0 when the file is there but not one to read: a folder, or too large.
        let errno: Int32
        let sentence: String
    }

    /// Reads the file at `path`, at most `limit` bytes.
    static func read(_ path: String, limit: Int) -> Result<[UInt8], Failure> {
        func failure(_ code: Int32, _ words: String) -> Result<[UInt8], Failure> {
            .failure(
                Failure(
                    path: path, errno: code,
                    sentence: "the file \(ConfigFault.printable(path, limit: 300)) \(words)"))
        }
        guard !path.utf8.contains(0) else { return failure(EINVAL, "has a zero byte in its name") }
        // Without waiting: opening a FIFO that nobody writes to would never come back.
        let descriptor = gwl_open(path, O_RDONLY | O_NONBLOCK, 0)
        guard descriptor >= 0 else {
            return failure(gwl_errno(), "cannot be read: \(String(cString: gwl_error_text(gwl_errno())))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & mode_t(S_IFMT) != mode_t(S_IFDIR) else {
            return failure(0, "is a folder")
        }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = block.withUnsafeMutableBytes { CLinux.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return .success(bytes) }
            guard count > 0 else {
                if gwl_errno() == EINTR { continue }
                return failure(gwl_errno(), "cannot be read: \(String(cString: gwl_error_text(gwl_errno())))")
            }
            bytes += block[..<count]
            guard bytes.count <= limit else { return failure(0, "is larger than \(limit) bytes") }
        }
    }

    /// The permission bits of the file; nil if it cannot be looked at.
    static func mode(of path: String) -> UInt32? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt32(status.st_mode) & 0o777 : nil
    }

    /// The size of the file.
    static func size(of path: String) throws(Failure) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = gwl_errno()
            throw Failure(path: path, errno: code, sentence: "the file \(path) cannot be looked at: \(SystemError.text(of: code))")
        }
        return Int(status.st_size)
    }

    /// Writes `bytes` so that whoever reads sees the old file or the new one whole.
    static func replace(_ path: String, with bytes: [UInt8], mode: UInt32) -> Failure? {
        let beside = "\(path).\(getpid()).new"
        func failure() -> Failure {
            let code = gwl_errno()
            unlink(beside)
            return Failure(
                path: path, errno: code,
                sentence: "the file \(path) cannot be written: \(String(cString: gwl_error_text(code)))")
        }
        unlink(beside)
        let descriptor = gwl_open(beside, O_WRONLY | O_CREAT | O_EXCL, mode)
        guard descriptor >= 0 else { return failure() }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                CLinux.write(descriptor, $0.baseAddress! + written, $0.count - written)
            }
            if count < 0, gwl_errno() == EINTR { continue }
            guard count > 0 else {
                close(descriptor)
                return failure()
            }
            written += count
        }
        guard fsync(descriptor) == 0, close(descriptor) == 0, rename(beside, path) == 0 else {
            return failure()
        }
        return nil
    }
}
