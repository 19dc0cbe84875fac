// A tar archive of a few files: what `gateway backup` writes, readable with tar(1).
//
// Only what is needed: plain files with short names in the ustar form (POSIX.1-2017, pax, "ustar Interchange Format"). Reading is strict: a
// link, a folder, a path or a sum that is wrong refuses the whole.
//
// Kind: value. Pure.

struct TarArchive: Sendable, Equatable {
    struct Member: Sendable, Equatable {
        /// Without a slash; at most 100 bytes.
        var name: String
        var bytes: [UInt8]
        var mode = 0o600
    }

    struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        let description: String
    }

    var members: [Member] = []

    subscript(name: String) -> [UInt8]? { members.first { $0.name == name }?.bytes }

    private static let block = 512
    private static let memberLimit = 64

    // MARK: Writing

    /// - Parameter seconds: of every member, since 1970.
    func bytes(seconds: Int) -> [UInt8] {
        var all: [UInt8] = []
        for member in members {
            all += TarArchive.header(member, seconds: seconds)
            all += member.bytes
            all += [UInt8](repeating: 0, count: (TarArchive.block - member.bytes.count % TarArchive.block) % TarArchive.block)
        }
        return all + [UInt8](repeating: 0, count: 2 * TarArchive.block)
    }

    private static func header(_ member: Member, seconds: Int) -> [UInt8] {
        precondition(member.name.utf8.count <= 100, "a member of an archive has a short name")
        var header = [UInt8](repeating: 0, count: block)
        func put(_ text: String, at place: Int) { for (index, byte) in text.utf8.enumerated() { header[place + index] = byte } }
        func octal(_ number: Int, _ digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
        }
        put(member.name, at: 0)
        put(octal(member.mode, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(member.bytes.count, 11), at: 124)
        put(octal(seconds, 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = header.reduce(0) { $0 + Int($1) }
        put(octal(sum, 6), at: 148)
        header[154] = 0
        header[155] = 0x20
        return header
    }

    // MARK: Reading

    init(members: [Member]) { self.members = members }

    init(_ bytes: [UInt8]) throws(Fault) {
        var at = 0
        while true {
            guard at + TarArchive.block <= bytes.count else { throw Fault(description: "the archive ends early") }
            let header = Array(bytes[at..<at + TarArchive.block])
            at += TarArchive.block
            if header.allSatisfy({ $0 == 0 }) { return }
            var sum = 0
            for (index, byte) in header.enumerated() { sum += (148..<156).contains(index) ? 0x20 : Int(byte) }
            guard TarArchive.text(header[257..<262]) == "ustar", TarArchive.octal(header[148..<156]) == sum else {
                throw Fault(description: "this is no archive that \"gateway backup\" writes, or it is damaged")
            }
            let name = TarArchive.text(header[0..<100])
            guard header[156] == 0x30, header[345] == 0, !name.isEmpty, !name.contains("/"), name != "..",
                members.count < TarArchive.memberLimit,
                self[name] == nil
            else { throw Fault(description: "the archive holds \"\(ConfigFault.printable(name, limit: 60))\", which no backup does") }
            guard let size = TarArchive.octal(header[124..<136]), size <= bytes.count - at else {
                throw Fault(description: "the archive ends inside \(ConfigFault.printable(name, limit: 60))")
            }
            members.append(Member(name: name, bytes: Array(bytes[at..<at + size]), mode: TarArchive.octal(header[100..<108]) ?? 0o600))
            at += (size + TarArchive.block - 1) / TarArchive.block * TarArchive.block
        }
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String { String(decoding: field.prefix { $0 != 0 }, as: UTF8.self) }

    private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
        Int(text(field).filter { $0 != " " }, radix: 8)
    }
}
