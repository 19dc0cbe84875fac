// What a key had used somewhere else before it came here: one row of the ledger, made by an import.
//
// Its id is made of where it comes from, so it is written once however often it is imported. It counts for the key's sums and limits
// like any request, at the time when the key was made there.
//
// Kind: value; writing blocks, and needs the data folder for itself.

struct OpeningBalance: Sendable, Equatable {
    /// What names it for ever: `crs <key id>`.
    var source: String
    var key: String
    /// Nanoseconds since 1970.
    var started: Int64
    var usage = Usage()
    /// Nano-dollars.
    var cost: Int64 = 0

    static let model = "opening-balance"

    init(source: String, key: String, started: Int64) {
        self.source = source
        self.key = key
        self.started = started
    }

    var isEmpty: Bool { usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens == 0 && cost == 0 }

    var id: RowID {
        let digest = Array("opening \(source)".utf8).withUnsafeBytes { SHA256.digest(Bytes($0)) }
        return digest.withBytes { bytes in
            let words = UnsafeRawPointer(bytes.base!)
            // A process's numbers of requests begin at 1 and take years to come near this.
            let number = (words.loadUnaligned(fromByteOffset: 8, as: UInt64.self) | 1 << 47) & (1 << 48 - 1)
            return RowID(tag: words.loadUnaligned(as: UInt32.self), number: number)
        }
    }

    /// Writes those that are not there yet; the gateway folds them at its next start.
    /// - Returns: how many were written.
    static func write(_ balances: [OpeningBalance], to folders: LedgerFolders, now: Int64) throws -> Int {
        let missing = try balances.filter { balance in
            var reader = try JournalReader(folders.journal, JournalReader.Question(id: balance.id))
            return try reader.next() == nil
        }
        guard !missing.isEmpty else { return 0 }
        try LedgerFolders.make(folders)
        let store = try JournalStore(folders.journal, settings: JournalStore.Settings(), now: now)
        defer { store.close() }
        for balance in missing {
            var frame = balance.withRow { row in JournalFrames.frame { $0.write(row) } }
            try store.makeReady(now: now)
            try store.write(&frame, 0..<frame.count)
        }
        try store.sync()
        return missing.count
    }

    private func withRow<Result>(_ body: (SealedRow) -> Result) -> Result {
        Array(key.utf8).withUnsafeBytes { key in
            Array(Self.model.utf8).withUnsafeBytes { model in
                var row = SealedRow()
                row.id = id
                row.started = started
                row.flags = .hasUsage
                row.usage = usage
                row.cost = cost
                row.key = Bytes(key)
                row.modelAsked = Bytes(model)
                row.modelServed = Bytes(model)
                return body(row)
            }
        }
    }
}
