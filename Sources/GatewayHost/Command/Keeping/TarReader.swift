// The members of a tar archive in a file: found first, read or copied out afterwards, never all in memory.
//
// Kind: value that is not copied; blocks, for the command line.

import CLinux

struct TarReader: ~Copyable {
    struct Member: Sendable, Equatable {
        var header: TarHeader
        /// Of its first byte in the file.
        var offset: Int
    }

    /// Segments of a ledger are 16 MB, so this is more than disks hold.
    private static let memberLimit = 1_000_000
    private static let pieceBytes = 1 << 20

    private let path: String
    private let file: Descriptor
    let members: [Member]
    private let places: [String: Int]

    /// Finds all members.
    /// - Throws: `SystemError` when the file cannot be read, `TarHeader.Fault` when it is no archive of ours, or not whole.
    init(_ path: String) throws {
        // Without waiting: opening a FIFO that nobody writes to would never come back.
        let file = Descriptor(try systemCall("open", on: path) { gwl_open(path, O_RDONLY | O_NONBLOCK, 0) })
        let members = try Self.find(file.number, path)
        self.path = path
        self.file = file
        self.members = members
        places = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.header.name, $0) })
    }

    private static func find(_ file: Int32, _ path: String) throws -> [Member] {
        var status = stat()
        try systemCall("fstat", on: path) { fstat(file, &status) }
        let length = Int(status.st_size)
        var members: [Member] = []
        var names: Set<String> = []
        var at = 0
        while true {
            let block = try read(file, path, at, TarHeader.byteCount)
            guard block.count == TarHeader.byteCount else { throw TarHeader.Fault(description: "the archive ends early") }
            at += TarHeader.byteCount
            guard let header = try TarHeader(block) else { return members }
            guard header.size <= length - at else {
                throw TarHeader.Fault(description: "the archive ends inside \(ConfigFault.printable(header.name, limit: 60))")
            }
            guard names.insert(header.name).inserted, members.count < memberLimit else {
                throw TarHeader.Fault(
                    description: "the archive holds \"\(ConfigFault.printable(header.name, limit: 60))\" twice, which no backup does")
            }
            members.append(Member(header: header, offset: at))
            at += header.size + header.padding
        }
    }

    subscript(name: String) -> Member? { places[name].map { members[$0] } }

    /// The whole of a small member.
    func bytes(_ member: Member) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(member.header.size)
        try forEachPiece(member) { piece throws(SystemError) in bytes += piece }
        return bytes
    }

    func digest(_ member: Member) throws(SystemError) -> SHA256.Digest {
        var hash = SHA256()
        try forEachPiece(member) { piece throws(SystemError) in piece.withUnsafeBytes { hash.update(Bytes($0)) } }
        return hash.finish()
    }

    /// Writes a member into a new file, durable, readable for its owner only.
    func extract(_ member: Member, to target: String) throws(SystemError) {
        let output = Descriptor(try systemCall("open", on: target) { gwl_open(target, O_WRONLY | O_CREAT | O_EXCL, 0o600) })
        try forEachPiece(member) { piece throws(SystemError) in
            var written = 0
            while written < piece.count {
                written += try systemCall("write", on: target) {
                    piece.withUnsafeBytes { CLinux.write(output.number, $0.baseAddress! + written, $0.count - written) }
                }
            }
        }
        try systemCall("fsync", on: target) { fsync(output.number) }
    }

    private func forEachPiece(_ member: Member, _ body: ([UInt8]) throws(SystemError) -> Void) throws(SystemError) {
        var at = member.offset
        let end = at + member.header.size
        while at < end {
            let piece = try Self.read(file.number, path, at, min(end - at, Self.pieceBytes))
            guard !piece.isEmpty else { throw SystemError(EIO, "read to the end that it had", subject: path) }
            try body(piece)
            at += piece.count
        }
    }

    private static func read(_ file: Int32, _ path: String, _ offset: Int, _ limit: Int) throws(SystemError) -> [UInt8] {
        try systemCall("lseek", on: path) { lseek(file, off_t(offset), SEEK_SET) }
        return try FilePiece.read(file, path, limit)
    }
}
