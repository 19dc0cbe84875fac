// A store of records in memory that keeps the promises of `RecordService` that a plugin can notice, and a keeper of
// secrets whose seals can be read by a test.

@testable import GatewayHost

final class MemoryRecords: RecordService {
    private struct Content {
        var revision: Int64 = 0
        var records: [String: StoredRecord] = [:]
        var changes: [RecordChange] = []
        var subscriptions: [MemorySubscription] = []
        var fault: StorageFault?
    }
    private let content = Locked(Content())

    /// What was asked to be kept.
    var changes: [RecordChange] { content.withLock(\.changes) }
    var subscriptionCount: Int { content.withLock { $0.subscriptions.filter { !$0.isCancelled }.count } }
    func fail(_ fault: StorageFault?) { content.withLock { $0.fault = fault } }
    subscript(collection: String, id: String) -> StoredRecord? { content.withLock { $0.records[collection + "/" + id] } }

    /// As another process changes a record; nil deletes it.
    func change(_ collection: String, _ id: String, _ document: String?) {
        apply([RecordChange(collection: collection, id: id, document: document.map { Array($0.utf8) })]) { _ in }
    }

    func get(_ collection: String, _ id: String, _ done: @escaping @Sendable (Result<StoredRecord?, StorageFault>) -> Void) {
        let (record, fault) = content.withLock { ($0.records[collection + "/" + id], $0.fault) }
        done(fault.map { .failure($0) } ?? .success(record.flatMap { $0.isGone ? nil : $0 }))
    }

    func apply(_ changes: [RecordChange], _ done: @escaping @Sendable (Result<[StoredRecord], StorageFault>) -> Void) {
        let result = content.withLock { content -> Result<[StoredRecord], StorageFault> in
            if let fault = content.fault { return .failure(fault) }
            let change = changes[0]
            let key = change.collection + "/" + change.id
            let current = content.records[key].flatMap { $0.isGone ? nil : $0.revision }
            switch change.expected {
            case .anything: break
            case .absent: if current != nil { return .failure(.conflict(current: current)) }
            case .present: if current == nil { return .failure(.absent) }
            case .revision(let wanted): if current != wanted { return .failure(.conflict(current: current)) }
            }
            content.revision += 1
            content.changes.append(change)
            let record = StoredRecord(
                collection: change.collection, id: change.id, revision: content.revision, document: change.document ?? [],
                created: 0, updated: 0, isGone: change.document == nil)
            content.records[key] = record
            return .success([record])
        }
        done(result)
        for subscription in content.withLock(\.subscriptions) { subscription.tell(self) }
    }

    func subscribe(_ collection: String, batch: Int, _ told: @escaping Told) -> any RecordSubscription {
        let subscription = MemorySubscription(self, collection, batch: batch, told)
        content.withLock { $0.subscriptions.append(subscription) }
        if let fault = content.withLock(\.fault) { told(subscription, .failure(fault)) } else { subscription.tell(self) }
        return subscription
    }

    fileprivate func changes(_ collection: String, after revision: Int64, limit: Int) -> [StoredRecord] {
        content.withLock { content in
            Array(
                content.records.values.filter { $0.collection == collection && $0.revision > revision }
                    .sorted { $0.revision < $1.revision }.prefix(limit))
        }
    }
}

final class MemorySubscription: RecordSubscription {
    private struct Place {
        var revision: Int64 = 0
        var isWaiting = false
        var isComplete = false
        var isCancelled = false
    }
    private let place = Locked(Place())
    private let collection: String
    private let batch: Int
    private let told: RecordService.Told
    private unowned let store: MemoryRecords

    init(_ store: MemoryRecords, _ collection: String, batch: Int, _ told: @escaping RecordService.Told) {
        self.store = store
        self.collection = collection
        self.batch = batch
        self.told = told
    }

    var isCancelled: Bool { place.withLock(\.isCancelled) }

    func tell(_ store: MemoryRecords) {
        let next = place.withLock { place -> RecordBatch? in
            guard !place.isWaiting, !place.isCancelled else { return nil }
            let records = store.changes(collection, after: place.revision, limit: batch)
            let wasComplete = place.isComplete
            place.isComplete = place.isComplete || records.count < batch
            guard !records.isEmpty || !wasComplete else { return nil }
            place.revision = records.last?.revision ?? place.revision
            place.isWaiting = true
            return RecordBatch(records: records, isComplete: place.isComplete)
        }
        if let next { told(self, .success(next)) }
    }

    func taken() {
        place.withLock { $0.isWaiting = false }
        tell(store)
    }

    func cancel() { place.withLock { $0.isCancelled = true } }
}

/// Seals are `sealed:<collection>:<id>:<field>:<text>`.
final class ReadableSecrets: RecordSecrets {
    func seal(_ text: String, collection: String, id: String, field: String) -> String {
        "sealed:\(collection):\(id):\(field):\(text)"
    }

    func open(_ sealed: String, collection: String, id: String, field: String) -> String? {
        let seal = seal("", collection: collection, id: id, field: field)
        return sealed.hasPrefix(seal) ? String(sealed.dropFirst(seal.count)) : nil
    }

    func derive(_ purpose: String) -> [UInt8] { Array(repeating: UInt8(purpose.utf8.count + Int(purpose.utf8.first ?? 0)), count: 32) }
}
