// Where log lines end: a file that is renamed when it has grown, or standard error.
//
//     gateway.log  gateway.log.1 (newest) … gateway.log.5 (oldest, next to go)
//
// Kind: loop-confined, to the thread of the log writer; opened on the thread that configures.

import CLinux
import Glibc

/// A log file that cannot be opened.
struct LogFault: Error, Sendable, CustomStringConvertible {
    let path: String
    let errno: Int32

    var description: String {
        "the log file \(path) cannot be opened for writing: \(String(cString: gwl_error_text(errno)))"
    }
}

final class LogFile {
    /// Nil: standard error.
    private let path: String?
    private let rotateBytes: Int
    private let keep: Int
    private var descriptor: Int32
    private var size = 0
    /// Bytes that could not be written: a full disk, a closed pipe. Told when writing works again.
    private(set) var lostBytes = 0

    init(path: String?, rotateBytes: Int, keep: Int) throws(LogFault) {
        self.path = path
        self.rotateBytes = rotateBytes
        self.keep = keep
        descriptor = 2
        guard let path else { return }
        descriptor = LogFile.open(path)
        guard descriptor >= 0 else { throw LogFault(path: path, errno: gwl_errno()) }
        size = Int(max(lseek(descriptor, 0, SEEK_END), 0))
    }

    deinit { if path != nil, descriptor >= 0 { close(descriptor) } }

    /// Writes whole lines, waiting for the disk or the reader of a pipe.
    func write(_ lines: [UInt8]) {
        if path != nil, size > 0, size + lines.count > rotateBytes { rotate() }
        if descriptor < 0, let path { descriptor = LogFile.open(path) }
        var written = 0
        lines.withUnsafeBytes { bytes in
            while written < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
                if count > 0 {
                    written += count
                    continue
                }
                switch gwl_errno() {
                case EINTR: continue
                case EAGAIN:
                    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    guard poll(&wait, 1, 1000) > 0 else { return }
                default: return
                }
            }
        }
        size += written
        lostBytes += lines.count - written
    }

    /// Zero again after the loss has been told.
    func takeLostBytes() -> Int {
        defer { lostBytes = 0 }
        return lostBytes
    }

    private func rotate() {
        guard let path else { return }
        close(descriptor)
        if keep > 0 {
            // A name that does not exist yet fails to rename; that is every one but a few.
            for number in stride(from: keep - 1, through: 1, by: -1) {
                rename("\(path).\(number)", "\(path).\(number + 1)")
            }
            rename(path, "\(path).1")
        } else {
            unlink(path)
        }
        descriptor = LogFile.open(path)
        size = 0
    }

    private static func open(_ path: String) -> Int32 {
        gwl_open(path, O_WRONLY | O_CREAT | O_APPEND, 0o640)
    }
}
