// Writes a tar archive member by member, so that it may be larger than memory, and tells each member's sum.
//
// The archive is written beside its place and takes it whole, when it is finished; one that is dropped before leaves
// nothing behind.
//
// Kind: value that is not copied; blocks, for the command line.

import CLinux

struct TarWriter: ~Copyable {
    private static let pieceBytes = 1 << 20

    private let path: String
    private let beside: String
    private let file: Descriptor
    private let seconds: Int
    /// Bytes written.
    private(set) var count = 0
    private var isFinished = false

    /// - Parameter seconds: of every member, since 1970.
    /// - Throws: when no file can be made beside `path`.
    init(_ path: String, seconds: Int) throws(SystemError) {
        self.path = path
        self.seconds = seconds
        let beside = "\(path).\(getpid()).new"
        self.beside = beside
        unlink(beside)
        file = Descriptor(try systemCall("open", on: beside) { gwl_open(beside, O_WRONLY | O_CREAT | O_EXCL, 0o600) })
    }

    deinit { if !isFinished { unlink(beside) } }

    mutating func add(_ name: String, _ bytes: [UInt8]) throws(SystemError) -> SHA256.Digest {
        try write(TarHeader(name: name, size: bytes.count).bytes(seconds: seconds))
        try write(bytes)
        try pad(bytes.count)
        return bytes.withUnsafeBytes { SHA256.digest(Bytes($0)) }
    }

    /// Adds the first `size` bytes of a file, which must have them.
    mutating func add(_ name: String, file source: String, size: Int) throws(SystemError) -> SHA256.Digest {
        let input = Descriptor(try systemCall("open", on: source) { gwl_open(source, O_RDONLY, 0) })
        try write(TarHeader(name: name, size: size).bytes(seconds: seconds))
        var hash = SHA256()
        var rest = size
        while rest > 0 {
            let piece = try FilePiece.read(input.number, source, min(rest, Self.pieceBytes))
            guard !piece.isEmpty else { throw SystemError(EIO, "read to the end that it had", subject: source) }
            piece.withUnsafeBytes { hash.update(Bytes($0)) }
            try write(piece)
            rest -= piece.count
        }
        try pad(size)
        return hash.finish()
    }

    /// Ends the archive and puts it in its place, durable.
    mutating func finish() throws(SystemError) {
        try write([UInt8](repeating: 0, count: 2 * TarHeader.byteCount))
        try systemCall("fsync", on: beside) { fsync(file.number) }
        try systemCall("rename", on: path) { rename(beside, path) }
        isFinished = true
    }

    private mutating func pad(_ size: Int) throws(SystemError) {
        try write([UInt8](repeating: 0, count: TarHeader(name: "", size: size).padding))
    }

    private mutating func write(_ bytes: [UInt8]) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            written += try systemCall("write", on: beside) {
                bytes.withUnsafeBytes { CLinux.write(file.number, $0.baseAddress! + written, $0.count - written) }
            }
        }
        count += bytes.count
    }
}

/// A part of a file that is read in order.
enum FilePiece {
    /// The next bytes, at most `limit`; none at the end.
    static func read(_ descriptor: Int32, _ path: String, _ limit: Int) throws(SystemError) -> [UInt8] {
        var count = 0
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
            do throws(SystemError) {
                count = try systemCall("read", on: path) { CLinux.read(descriptor, buffer.baseAddress, limit) }
            } catch { failure = error }
            initialized = count
        }
        if let failure { throw failure }
        return bytes
    }
}
