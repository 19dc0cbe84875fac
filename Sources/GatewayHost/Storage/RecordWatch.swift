// Somebody who wants to know a collection: all there is, then every change.
//
// Batches come one at a time: the next is read once the last was taken, so that neither a slow reader nor a
// collection of a hundred thousand records fills memory. What is behind in between stays in the store.
//
//   watch() ──► batch ──► taken() ──► batch … isComplete ──► taken() ──► (a change) ──► batch ──► taken() …
//
// Invariants: 1. records come in the order of their revisions, each revision at most once. 2. A record that
// changed twice meanwhile is told once, as it is now. 3. Nothing is told while a batch is not taken, or after a
// failure.
//
// Kind: shared. Where it stands is the storage thread's (StorageWatches).

import Synchronization

final class RecordWatch: Sendable {
    /// - Thread: the storage thread's; does not block.
    typealias Told = @Sendable (RecordWatch, Result<RecordBatch, StorageFault>) -> Void

    let collection: String
    let batch: Int
    let told: Told
    private let queue: StorageQueue
    private let isOver = Atomic<Bool>(false)

    init(_ collection: String, batch: Int, _ queue: StorageQueue, _ told: @escaping Told) {
        self.collection = collection
        self.batch = batch
        self.queue = queue
        self.told = told
    }

    /// The batch that was told last is done with; the next may come.
    /// - Thread: any.
    func taken() { queue.put(.taken(self)) }

    /// Nothing is told any more, but for a batch that is being told at this moment.
    /// - Thread: any.
    func cancel() {
        isOver.store(true, ordering: .releasing)
        queue.put(.cancel(self))
    }

    var isCancelled: Bool { isOver.load(ordering: .acquiring) }
}
