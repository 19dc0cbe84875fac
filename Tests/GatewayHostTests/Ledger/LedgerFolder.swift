import CLinux

@testable import GatewayHost

/// A folder for one test, removed with it; and rows as the tests write them.
final class LedgerFolder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/gateway-ledger-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit {
        for name in (try? names()) ?? [] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    var folder: JournalFolder { JournalFolder(path: path) }

    func names() throws -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func bytes(_ name: String) -> [UInt8] { (try? FileBytes.read("\(path)/\(name)", limit: 1 << 30).get()) ?? [] }

    func write(_ name: String, _ bytes: [UInt8]) {
        let failure = FileBytes.replace("\(path)/\(name)", with: bytes, mode: 0o600)
        precondition(failure == nil)
    }

    /// Opens the journal of the folder, runs `body`, and ends it in order.
    func withJournal(waits: Bool = true, segmentBytes: Int = 16 << 20, _ body: (Journal) throws -> Void) throws {
        let store = try JournalStore(folder, settings: JournalStore.Settings(segmentBytes: segmentBytes), now: 1)
        let journal = Journal(at: store.position, waits: waits)
        journal.start(store)
        defer { journal.stop() }
        try body(journal)
    }

    /// What the journal holds: "open 7", "attempt 7", "sealed 7 completed", in order.
    func lines(_ question: JournalReader.Question = JournalReader.Question()) throws -> [String] {
        var reader = try JournalReader(folder, question)
        var lines: [String] = []
        while let (head, row) = try reader.next() {
            let end = RowDecoder.sealed(row).map { " \($0.end.name)" } ?? ""
            lines.append("\(head.kind) \(head.id.number)\(end)")
        }
        return lines
    }

    static func open(_ number: UInt64, at time: Int64 = 0) -> [UInt8] {
        var row = OpenRow(id: RowID(tag: 1, number: number), started: time)
        row.key = Bytes("key-1")
        row.modelAsked = Bytes("claude-sonnet-4-6")
        row.session = 77
        return JournalFrames.frame { $0.write(row) }
    }

    static func sealed(_ number: UInt64, at time: Int64 = 0, cost: Int64 = 0) -> [UInt8] {
        var row = SealedRow(id: RowID(tag: 1, number: number), started: time)
        row.key = Bytes("key-1")
        row.account = Bytes("account-1")
        row.modelServed = Bytes("claude-sonnet-4-6")
        row.usage.inputTokens = Int64(number)
        row.cost = cost
        return JournalFrames.frame { $0.write(row) }
    }
}

extension Journal {
    @discardableResult
    func append(_ frames: [UInt8]) -> UInt64 { frames.withUnsafeBytes { append($0) } }
}
