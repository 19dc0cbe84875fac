// Records out of a store into lines, and lines into a store.
//
// Kind: belongs to the main thread; waits for the storage thread.

struct Exporter {
    let storage: Storage
    let vault: Vault
    let format: ExportFormat

    /// Every record of the resource, in the order of ids, its secrets sealed for the export or left out.
    func each(of resource: ResourceDeclaration, _ body: (ExportFormat.Record) -> Void) throws {
        var query = RecordQuery(collection: resource.name)
        query.limit = 500
        while true {
            let asked = query
            let page = try storage.perform { store throws(StorageFault) in try store.list(asked) }
            for record in page.records { body(try exported(record, resource)) }
            guard page.hasMore, let last = page.records.last else { return }
            query.after = last.id
        }
    }

    private func exported(_ record: StoredRecord, _ resource: ResourceDeclaration) throws -> ExportFormat.Record {
        guard let document = try? JSONParser.parse(String(decoding: record.document, as: UTF8.self)).object else {
            throw ExportFormat.Fault(description: "the record \(record.id) of the store is damaged")
        }
        let open = try resource.replacingSecrets(in: document) { pointer, text in
            guard format.hasSecrets else { return nil }
            let plain = try vault.open(text, at: SealPlace(record.collection, record.id, pointer))
            return format.seal(
                String(decoding: plain, as: UTF8.self), ExportFormat.place(record.collection, record.id, pointer))
        }
        return .init(resource: record.collection, id: record.id, document: open)
    }
}

struct Importer {
    struct Outcome: Sendable {
        var written = 0
        /// Were there already.
        var left = 0
        var faults: [String] = []
    }

    /// As many wait for the disk together.
    private static let batch = 128

    let resources: [ResourceDeclaration]
    let format: ExportFormat
    private(set) var records: [ExportFormat.Record] = []
    /// `12: is no record`.
    private(set) var faults: [String] = []

    init(resources: [ResourceDeclaration], format: ExportFormat) {
        self.resources = resources
        self.format = format
    }

    /// - Parameter lines: all of the file.
    mutating func read(_ lines: [String]) {
        var hasEnded = false
        for (index, line) in lines.enumerated().dropFirst() where faults.count < ConfigReading.faultLimit {
            do throws(ExportFormat.Fault) {
                if let record = try format.record(line, records: records.count) {
                    try take(record)
                } else {
                    hasEnded = true
                }
            } catch {
                faults.append("\(index + 1): \(error)")
            }
        }
        if !hasEnded, faults.isEmpty { faults.append("\(lines.count): the last line is missing: the file is not whole") }
    }

    /// Records that come from elsewhere, with their secrets open.
    mutating func take(_ records: [ExportFormat.Record]) {
        for record in records where faults.count < ConfigReading.faultLimit {
            do throws(ExportFormat.Fault) { try take(record, isSealed: false) } catch { faults.append("\(error)") }
        }
    }

    private mutating func take(_ record: ExportFormat.Record, isSealed: Bool = true) throws(ExportFormat.Fault) {
        guard let resource = resources.first(where: { $0.name == record.resource }) else {
            throw .init(description: "no plugin of the chain declares \(ConfigFault.printable(record.resource, limit: 40))")
        }
        guard record.id.hasPrefix(resource.idPrefix + "_"), RecordFinder.looksLikeID(record.id, of: resource) else {
            throw .init(description: "\(ConfigFault.printable(record.id, limit: 60)) is no id of \(resource.name)")
        }
        var opened = record
        if isSealed {
            opened.document = try resource.replacingSecrets(in: record.document) { pointer, text throws(ExportFormat.Fault) in
                try format.open(text, ExportFormat.place(record.resource, record.id, pointer))
            }
        }
        let (filled, violations) = resource.check(opened.document)
        if let fault = violations.first {
            throw .init(description: "\(record.id): \(JSONPointer.tokens(fault.pointer).joined(separator: ".")): \(fault.sentence)")
        }
        opened.document = filled
        records.append(opened)
    }

    /// Records that name others which are not there yet wait for a later round; the first round without progress is the last.
    func write(
        to storage: Storage, _ vault: Vault, replaces: Bool, actor: String, progress: (Int) -> Void
    ) -> Outcome {
        var outcome = Outcome()
        var waiting = records
        while !waiting.isEmpty {
            var next: [(ExportFormat.Record, String)] = []
            for start in stride(from: 0, to: waiting.count, by: Importer.batch) {
                let part = waiting[start..<min(start + Importer.batch, waiting.count)]
                for (record, fault) in zip(part, write(part, to: storage, vault, replaces, actor)) {
                    switch fault {
                    case nil: outcome.written += 1
                    case .conflict?: outcome.left += 1
                    case .unknownReference?: next.append((record, "\(fault!)"))
                    case let fault?: outcome.faults.append("\(record.id): \(fault)")
                    }
                }
                progress(outcome.written + outcome.left)
            }
            guard next.count < waiting.count else {
                outcome.faults += next.map { "\($0.0.id): \($0.1)" }
                return outcome
            }
            waiting = next.map(\.0)
        }
        return outcome
    }

    private func write(
        _ part: ArraySlice<ExportFormat.Record>, to storage: Storage, _ vault: Vault, _ replaces: Bool, _ actor: String
    ) -> [StorageFault?] {
        let answers = part.map { record in
            let answer = Awaited<StorageFault?>()
            let resource = resources.first { $0.name == record.resource }!
            let sealed = resource.replacingSecrets(in: record.document) { pointer, text in
                vault.seal(Array(text.utf8), at: SealPlace(record.resource, record.id, pointer))
            }
            var audit = AuditEntry(time: 0, actor: actor, source: "local", action: "import")
            audit.time = Int64(Moment.now() / 1_000_000)
            audit.resource = record.resource
            audit.record = record.id
            let change = resource.change(id: record.id, sealed: sealed, expected: replaces ? .anything : .absent, audit: audit)
            storage.apply([change]) { result in
                if case .failure(let fault) = result { answer.give(fault) } else { answer.give(nil) }
            }
            return answer
        }
        return answers.map { $0.take() }
    }

}
