// gw.records/1 in Swift words: what the host keeps for this plugin, told when it changes.
//
//     records = try instance.records()                                    // in Plugin.init
//     table = try records.table(worker, "entries") { try Entry($0) }      // in makeWorker; current from then on
//
// Kind: `RecordStore` is a value over the host's constant table; `RecordTable` is confined to its worker.

/// One record, as it is now. Lives in: call.
public struct Record {
    public let raw: UnsafePointer<gw_record>

    public var id: Bytes { Bytes(raw.pointee.id) }
    /// Larger after each change.
    public var revision: Int { Int(raw.pointee.revision) }
    /// It was deleted.
    public var isGone: Bool { raw.pointee.flags & GW_RECORD_GONE != 0 }
    /// JSON with its secrets open; absent if it is gone.
    public var json: Bytes { Bytes(raw.pointee.json) }

    /// The document, for reading place by place.
    public func settings() throws -> Settings { Settings(try JSON(parsing: json)) }
}

public struct RecordStore: @unchecked Sendable {
    // The table is constant and lives as long as the process.
    private let table: UnsafePointer<gw_records>
    init(_ table: UnsafePointer<gw_records>) { self.table = table }

    /// Tells all there is before the worker's first request, and then what changes, one record at a time.
    /// - Parameters:
    ///   - worker: as `makeWorker` got it; a watch can begin nowhere else.
    ///   - completed: everything that there was has been told. Called once.
    /// - Returns: false if no entry of the chain has such a resource.
    @discardableResult
    public func watch(
        _ worker: WorkerScope, _ resource: Bytes, completed: @escaping () -> Void = {}, _ told: @escaping (Record) -> Void
    ) throws -> Bool {
        let watcher = RecordWatcher(told, completed)
        switch table.pointee.watch(worker.raw, resource.abi, recordsTold, Unmanaged.passUnretained(watcher).toOpaque()) {
        case GW_OK:
            worker.watchers.all.append(watcher)
            return true
        case GW_E_ABSENT: return false
        case let error: throw PluginError("cannot watch the records of \(resource.string) (error \(error.rawValue))")
        }
    }

    /// A table that follows a resource: `read` makes what the plugin needs of each record. A record that it throws at
    /// is logged and left out.
    public func table<Value>(
        _ worker: WorkerScope, _ resource: Bytes, _ read: @escaping (Record) throws -> Value
    ) throws -> RecordTable<Value> {
        let table = RecordTable<Value>()
        let background = worker.background
        let name = resource.string
        try watch(worker, resource) { record in
            do {
                table.values[record.id.string] = record.isGone ? nil : try read(record)
            } catch {
                table.values[record.id.string] = nil
                background.log(GW_LOG_ERROR, "the record \(record.id.string) of \(name) is not used: \(error)")
            }
        }
        return table
    }

    /// The result's number is the revision, its bytes are the document; GW_E_ABSENT if there is none.
    public func get(_ request: Request, _ resource: Bytes, _ id: Bytes, _ completion: @escaping Completion) -> Operation? {
        CompletionBox.start(completion) { table.pointee.get(request.raw, resource.abi, id.abi, $0, $1) }
    }

    /// Durable when `completion` is called; the result's number is the new revision.
    /// - Parameter expected: a revision, GW_REVISION_ANY or GW_REVISION_ABSENT; GW_E_CONFLICT if it is another.
    public func put(
        _ request: Request, _ resource: Bytes, _ id: Bytes, _ document: JSON, expected: Int, _ completion: @escaping Completion
    ) -> Operation? {
        document.serialized.withBytes { json in
            CompletionBox.start(completion) {
                table.pointee.put(request.raw, resource.abi, id.abi, json.abi, Int64(expected), $0, $1)
            }
        }
    }

    public func remove(
        _ request: Request, _ resource: Bytes, _ id: Bytes, expected: Int, _ completion: @escaping Completion
    ) -> Operation? {
        CompletionBox.start(completion) {
            table.pointee.remove(request.raw, resource.abi, id.abi, Int64(expected), $0, $1)
        }
    }

    /// 32 bytes for keyed hashes: secret, and the same for this purpose in every process and generation.
    /// - Thread: [control].
    public func derive(_ instance: Instance, _ purpose: Bytes) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        let error = bytes.withUnsafeMutableBufferPointer {
            table.pointee.derive(instance.raw, purpose.abi, $0.baseAddress.unsafelyUnwrapped)
        }
        guard error == GW_OK else { throw PluginError("the host derives no bytes (error \(error.rawValue))") }
        return bytes
    }
}

/// Values by the ids of their records, current after `makeWorker`.
public final class RecordTable<Value> {
    public fileprivate(set) var values: [String: Value] = [:]
    fileprivate init() {}

    public subscript(id: String) -> Value? { values[id] }
}

extension Instance {
    public func records() throws -> RecordStore { RecordStore(try query(GW_RECORDS, as: gw_records.self)) }
}

/// What a worker watches; lives as long as the worker.
final class RecordWatchers {
    var all: [RecordWatcher] = []
}

final class RecordWatcher {
    let told: (Record) -> Void
    private var completed: (() -> Void)?

    init(_ told: @escaping (Record) -> Void, _ completed: @escaping () -> Void) {
        self.told = told
        self.completed = completed
    }

    func complete() {
        guard let completed else { return }
        self.completed = nil
        completed()
    }
}

private func recordsTold(
    _ background: UnsafeMutablePointer<gw_request>, _ user: UnsafeMutableRawPointer?, _ records: UnsafePointer<gw_record>?,
    _ count: Int, _ complete: Int32
) {
    guard let user else { return }
    let watcher = Unmanaged<RecordWatcher>.fromOpaque(user).takeUnretainedValue()
    // The host's records may be longer than ours.
    var place = UnsafeRawPointer(records)
    for _ in 0..<count {
        guard let record = place?.assumingMemoryBound(to: gw_record.self) else { break }
        watcher.told(Record(raw: record))
        place = place.map { $0 + Int(record.pointee.size) }
    }
    if complete != 0 { watcher.complete() }
}
