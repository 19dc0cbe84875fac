// Lines of a file from some place on, also as the file grows.
//
// Kind: value with a descriptor; blocks, so for the command line. Invariant: memory is a block and the longest line, which is cut at
// `lineLimit`.

import CLinux

struct LineReader: ~Copyable {
    /// Ours are at most some 20 KB long.
    static let lineLimit = 1 << 20

    private let file: Descriptor
    private var rest: [UInt8] = []
    /// Of the file that were read.
    private(set) var offset: Int

    /// nil when the file cannot be opened.
    init?(_ path: String, at offset: Int = 0) {
        let number = gwl_open(path, O_RDONLY | O_NONBLOCK, 0)
        guard number >= 0 else { return nil }
        file = Descriptor(number)
        self.offset = offset
    }

    var size: Int {
        var status = stat()
        return fstat(file.number, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Tells whether `path` still names this file.
    func isStill(_ path: String) -> Bool {
        var mine = stat()
        var theirs = stat()
        guard fstat(file.number, &mine) == 0, stat(path, &theirs) == 0 else { return false }
        return mine.st_ino == theirs.st_ino && mine.st_dev == theirs.st_dev
    }

    /// Begins again, for a file that was emptied.
    mutating func rewind() {
        offset = 0
        rest = []
    }

    /// Calls `body` with every whole line up to `end`, or up to where the file ends now.
    mutating func read(to end: Int = .max, _ body: (String) -> Void) {
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while offset < end {
            let wanted = min(block.count, end - offset)
            let count = block.withUnsafeMutableBytes { pread(file.number, $0.baseAddress, wanted, off_t(offset)) }
            guard count > 0 else {
                if count < 0, gwl_errno() == EINTR { continue }
                return
            }
            offset += count
            var start = 0
            for index in 0..<count where block[index] == 0x0a {
                rest += block[start..<index]
                body(String(decoding: rest, as: UTF8.self))
                rest.removeAll(keepingCapacity: true)
                start = index + 1
            }
            rest += block[start..<count].prefix(max(0, LineReader.lineLimit - rest.count))
        }
    }

    /// What stands behind the last line break, if anything.
    mutating func takeRest() -> String? {
        guard !rest.isEmpty else { return nil }
        defer { rest = [] }
        return String(decoding: rest, as: UTF8.self)
    }
}
