// The head of a member in a tar archive: what `gateway backup` writes, readable with tar(1).
//
// Only what is needed: plain files with short names in the ustar form (POSIX.1-2017, pax, "ustar Interchange Format"). Reading is strict: a
// link, a folder, a path or a sum that is wrong refuses the whole.
//
// Kind: value. Pure.

struct TarHeader: Sendable, Equatable {
    static let byteCount = 512
    /// What eleven octal digits can say.
    static let sizeLimit = 0o777_7777_7777

    struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        let description: String
    }

    /// Without a slash; at most 100 bytes.
    var name: String
    var size: Int
    var mode = 0o600

    /// Zero bytes between the end of the content and the next head.
    var padding: Int { (Self.byteCount - size % Self.byteCount) % Self.byteCount }

    init(name: String, size: Int, mode: Int = 0o600) {
        self.name = name
        self.size = size
        self.mode = mode
    }

    /// - Parameter seconds: when the member changed, since 1970.
    func bytes(seconds: Int) -> [UInt8] {
        precondition(name.utf8.count <= 100, "a member of an archive has a short name")
        precondition(size <= Self.sizeLimit, "a member of an archive is smaller than 8 GB")
        var header = [UInt8](repeating: 0, count: Self.byteCount)
        func put(_ text: String, at place: Int) { for (index, byte) in text.utf8.enumerated() { header[place + index] = byte } }
        func octal(_ number: Int, _ digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
        }
        put(name, at: 0)
        put(octal(mode, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(size, 11), at: 124)
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

    /// Nil at the end of the archive, a block of zeros.
    init?(_ header: [UInt8]) throws(Fault) {
        precondition(header.count == Self.byteCount)
        if header.allSatisfy({ $0 == 0 }) { return nil }
        var sum = 0
        for (index, byte) in header.enumerated() { sum += (148..<156).contains(index) ? 0x20 : Int(byte) }
        guard Self.text(header[257..<262]) == "ustar", Self.octal(header[148..<156]) == sum else {
            throw Fault(description: "this is no archive that \"gateway backup\" writes, or it is damaged")
        }
        name = Self.text(header[0..<100])
        guard header[156] == 0x30, header[345] == 0, !name.isEmpty, !name.contains("/"), name != "..",
            let size = Self.octal(header[124..<136])
        else { throw Fault(description: "the archive holds \"\(ConfigFault.printable(name, limit: 60))\", which no backup does") }
        self.size = size
        mode = Self.octal(header[100..<108]) ?? 0o600
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String { String(decoding: field.prefix { $0 != 0 }, as: UTF8.self) }

    private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
        Int(text(field).filter { $0 != " " }, radix: 8).flatMap { $0 >= 0 ? $0 : nil }
    }
}
