// A copy of the ledger as of one moment, made while a gateway may be writing to it, and put in place elsewhere.
//
// Segments only grow at their end, and a segment that is compacted or removed loses its name and not its content: a
// second name for each (a hard link) is a copy that costs nothing. The sums are copied first, so they never reach
// further than the rows. A segment that retention removes in between would be missing from both; then it begins again.
//
//   folder/rollups.db   NUMBER.rows   NUMBER.index   prices-SNAPSHOT.json   imported-prices.json
//
// Kind: free of state; blocks, for the command line.

import CLinux

enum LedgerCopy {
    struct Part: Sendable, Equatable {
        /// Of the file in the folder, which is also its name in a backup.
        var name: String
        /// What of the file belongs to it; more may be added behind.
        var size: Int
    }

    private static let importedPrices = "imported-prices.json"
    private static let pricesPrefix = "prices-"
    /// Retention removes a segment a minute at most, and a copy takes less.
    private static let attempts = 8

    /// Puts a copy of the ledger of the data folder into `folder`, which is made and must be on the same file system.
    /// - Returns: its parts; none when there is no ledger.
    /// - Throws: what could not be read or written; then remove the folder.
    static func make(of data: String, in folder: String) throws -> [Part] {
        let ledger = LedgerFolders(data: data)
        guard ledger.exists else { return [] }
        for _ in 0..<attempts {
            remove(folder)
            try systemCall("mkdir", on: folder) { mkdir(folder, 0o700) }
            var removed: UInt64?
            if ledger.hasRollups {
                try StorageBackup.write("\(ledger.ledger)/\(RollupStore.name)", to: "\(folder)/\(RollupStore.name)")
                removed = try RollupStore(folder, isReader: true).removedSegment()
            }
            let parts = try linkRows(ledger.journal, folder) + copyPrices(ledger, data, folder)
            if ledger.hasRollups, try RollupStore(ledger.ledger, isReader: true).removedSegment() != removed { continue }
            return removed == nil ? parts : parts + [try part(RollupStore.name, folder)]
        }
        throw LedgerFault(description: "segments of the ledger go faster than they can be copied; try again later")
    }

    private static func linkRows(_ journal: JournalFolder, _ folder: String) throws -> [Part] {
        var parts: [Part] = []
        for number in try journal.segments() {
            let name = JournalFolder.name(number)
            for (source, suffix) in [(journal.rows(number), "rows"), (journal.index(number), "index")] {
                let target = "\(folder)/\(name).\(suffix)"
                if link(source, target) != 0 {
                    // An open segment has no index yet; a segment may just have been removed.
                    if gwl_errno() == ENOENT { continue }
                    throw SystemError(gwl_errno(), "link", subject: target)
                }
                parts.append(
                    suffix == "rows" ? Part(name: "\(name).rows", size: try wholeBytes(target)) : try part("\(name).\(suffix)", folder))
            }
        }
        return parts
    }

    /// What of a segment is written: space is reserved behind its end.
    private static func wholeBytes(_ path: String) throws(SystemError) -> Int {
        var reader = try SegmentReader(path)
        while try reader.next() != nil {}
        return reader.end
    }

    private static func copyPrices(_ ledger: LedgerFolders, _ data: String, _ folder: String) throws -> [Part] {
        var parts: [Part] = []
        func copy(_ source: String, _ name: String) throws {
            switch FileBytes.read(source, limit: PriceFile.bytesLimit) {
            case .failure(let failure) where failure.errno == ENOENT: return
            case .failure(let failure): throw LedgerFault(description: failure.sentence)
            case .success(let bytes):
                if let failure = FileBytes.replace("\(folder)/\(name)", with: bytes, mode: 0o600) {
                    throw LedgerFault(description: failure.sentence)
                }
                parts.append(Part(name: name, size: bytes.count))
            }
        }
        for name in names(in: ledger.prices) where name.hasSuffix(".json") { try copy("\(ledger.prices)/\(name)", pricesPrefix + name) }
        try copy("\(ledger.ledger)/\(NodeIdentity.fileName)", NodeIdentity.fileName)
        try copy(PriceFile.path(in: data), importedPrices)
        return parts
    }

    private static func part(_ name: String, _ folder: String) throws(SystemError) -> Part {
        var status = stat()
        let path = "\(folder)/\(name)"
        try systemCall("stat", on: path) { stat(path, &status) }
        return Part(name: name, size: Int(status.st_size))
    }

    // MARK: Putting in place

    /// Where a part of a copy goes below a ledger's folder; nil for a name that no part has.
    static func place(of name: String, in ledger: String) -> String? {
        if [RollupStore.name, NodeIdentity.fileName, importedPrices].contains(name) { return "\(ledger)/\(name)" }
        if name.hasPrefix(pricesPrefix), name.hasSuffix(".json") { return "\(ledger)/prices/\(name.dropFirst(pricesPrefix.count))" }
        let stem = name.prefix { $0 != "." }
        guard stem.utf8.count == 16, UInt64(stem, radix: 16) != nil, ["\(stem).rows", "\(stem).index"].contains(name) else { return nil }
        return "\(ledger)/rows/\(name)"
    }

    /// Makes the folders that `place` names.
    static func makeFolders(_ ledger: String) throws(SystemError) {
        for path in [ledger, ledger + "/rows", ledger + "/prices"] {
            try systemCall("mkdir", on: path) { mkdir(path, 0o700) }
        }
    }

    /// Puts the ledger that was laid out at `new` in the place of that of the data folder, where nobody may serve.
    /// - Returns: where the one that was there is now; nil when there was none.
    static func put(_ new: String, in data: String) throws(SystemError) -> String? {
        let ledger = LedgerFolders(data: data).ledger
        let imported = "\(new)/\(importedPrices)"
        if access(imported, F_OK) == 0 {
            try systemCall("rename", on: imported) { rename(imported, PriceFile.path(in: data)) }
        }
        var kept: String?
        if access(ledger, F_OK) == 0 {
            let aside = ledger + ".replaced"
            removeLedger(aside)
            try systemCall("rename", on: ledger) { rename(ledger, aside) }
            kept = aside
        }
        try systemCall("rename", on: ledger) { rename(new, ledger) }
        return kept
    }

    // MARK: Removing

    /// Removes a copy, as far as it is there.
    static func remove(_ folder: String) {
        for name in names(in: folder) { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    static func removeLedger(_ ledger: String) {
        for folder in [ledger + "/rows", ledger + "/prices", ledger] { remove(folder) }
    }

    private static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
