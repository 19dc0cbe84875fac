// Where segments are: `<number, 16 hexadecimal digits>.rows` in one folder, with an index beside each that is
// closed. Numbers only grow; a gap is where segments were removed by retention.
//
// Kind: value; blocks, so never on a loop.

import CLinux

struct JournalFolder: Sendable {
    let path: String

    func rows(_ number: UInt64) -> String { "\(path)/\(Self.name(number)).rows" }
    func index(_ number: UInt64) -> String { "\(path)/\(Self.name(number)).index" }

    static func name(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The numbers of the segments that are there, ascending; none when the folder is missing.
    func segments() throws(SystemError) -> [UInt64] {
        guard let folder = opendir(path) else {
            if gwl_errno() == ENOENT { return [] }
            throw SystemError(gwl_errno(), "opendir", subject: path)
        }
        defer { closedir(folder) }
        var numbers: [UInt64] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Bytes($0).untilZero.string }
            guard name.hasSuffix(".rows"), name.utf8.count == 21, let number = UInt64(name.dropLast(5), radix: 16) else { continue }
            numbers.append(number)
        }
        return numbers.sorted()
    }

    /// Makes new and removed names durable.
    func sync() throws(SystemError) {
        let descriptor = Descriptor(
            try systemCall("open", on: path) { gwl_open(path, O_RDONLY | O_DIRECTORY, 0) })
        try systemCall("fsync", on: path) { fsync(descriptor.number) }
    }
}

extension Bytes {
    /// The part before the first zero byte.
    fileprivate var untilZero: Bytes { slice(0, (0..<count).first { self[$0] == 0 } ?? count) }
}
