// What gw.records/1 needs of a store and of whoever keeps its secrets.
//
// `Storage` and `Vault` are these; tests have their own.
//
// Kind: shared protocols. Callbacks come on any thread and must not block.

protocol RecordService: AnyObject, Sendable {
    typealias Told = @Sendable (any RecordSubscription, Result<RecordBatch, StorageFault>) -> Void

    func get(_ collection: String, _ id: String, _ done: @escaping @Sendable (Result<StoredRecord?, StorageFault>) -> Void)
    func apply(_ changes: [RecordChange], _ done: @escaping @Sendable (Result<[StoredRecord], StorageFault>) -> Void)
    /// All there is, then every change, in batches of which the next comes after `taken`. A failure ends it.
    func subscribe(_ collection: String, batch: Int, _ told: @escaping Told) -> any RecordSubscription
}

protocol RecordSubscription: AnyObject, Sendable {
    func taken()
    func cancel()
}

protocol RecordSecrets: AnyObject, Sendable {
    /// A text sealed to its place, as it is stored.
    func seal(_ text: String, collection: String, id: String, field: String) -> String
    /// nil: it was not sealed with a key that is known, or not at this place.
    func open(_ sealed: String, collection: String, id: String, field: String) -> String?
    /// 32 bytes, the same for equal purposes.
    func derive(_ purpose: String) -> [UInt8]
}
