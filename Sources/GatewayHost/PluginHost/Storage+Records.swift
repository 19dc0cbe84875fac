// The store as gw.records/1 wants it.
//
// Kind: shared.

extension RecordWatch: RecordSubscription {}

extension Storage: RecordService {
    func subscribe(_ collection: String, batch: Int, _ told: @escaping Told) -> any RecordSubscription {
        watch(collection, batch: batch) { watch, result in told(watch, result) }
    }
}
