// Where every watch stands, and what it is told next.
//
// A watch is a cursor over revisions: the first pass tells what is there, and goes on seamlessly with what
// changes, be it by this process or another. While the first pass runs, records that were gone when it began
// are passed over; those that go meanwhile are told, since they may have been told before.
//
// Kind: confined to the storage thread.

struct StorageWatches {
    private final class Place {
        let watch: RecordWatch
        var cursor: Int64 = 0
        /// The store's revision when the watch began.
        let began: Int64
        var isComplete = false
        /// A batch was told and not taken.
        var isWaiting = false
        /// There may be something behind the cursor.
        var isBehind = true

        init(_ watch: RecordWatch, began: Int64) {
            self.watch = watch
            self.began = began
        }
    }

    private var places: [ObjectIdentifier: Place] = [:]

    var isEmpty: Bool { places.isEmpty }
    /// One of them could be told something now.
    var hasWork: Bool { places.values.contains { $0.isBehind && !$0.isWaiting } }

    mutating func add(_ watch: RecordWatch, _ store: any RecordStore) {
        guard !watch.isCancelled else { return }
        do throws(StorageFault) {
            places[ObjectIdentifier(watch)] = Place(watch, began: try store.revision())
        } catch {
            watch.told(watch, .failure(error))
        }
    }

    mutating func taken(_ watch: RecordWatch) { places[ObjectIdentifier(watch)]?.isWaiting = false }

    mutating func cancel(_ watch: RecordWatch) { places[ObjectIdentifier(watch)] = nil }

    /// Everything is told again, from the beginning.
    mutating func restart() {
        for place in places.values {
            place.cursor = 0
            place.isBehind = true
        }
    }

    /// Something changed in the collection; nil: somewhere.
    func changed(_ collection: String?) {
        for place in places.values where collection == nil || place.watch.collection == collection { place.isBehind = true }
    }

    /// Tells every watch that is behind one batch, if it has taken the last one.
    /// - Returns: a failure to read the store, which is tried again when something else happens.
    mutating func tell(_ store: any RecordStore) -> StorageFault? {
        var failure: StorageFault?
        for place in places.values where place.isBehind && !place.isWaiting {
            guard !place.watch.isCancelled else {
                cancel(place.watch)
                continue
            }
            do throws(StorageFault) {
                try tell(place, store)
            } catch {
                failure = error
                place.isBehind = false
                if !place.isComplete {
                    cancel(place.watch)
                    place.watch.told(place.watch, .failure(error))
                }
            }
        }
        return failure
    }

    private func tell(_ place: Place, _ store: any RecordStore) throws(StorageFault) {
        let watch = place.watch
        let page = try store.changes(
            watch.collection, after: place.cursor, goneAfter: max(place.cursor, place.isComplete ? 0 : place.began),
            limit: watch.batch)
        if let last = page.records.last { place.cursor = last.revision }
        place.isBehind = page.hasMore
        let completes = !place.isComplete && !place.isBehind
        guard !page.records.isEmpty || completes else { return }
        if completes {
            place.isComplete = true
            // What was gone when the watch began is passed over for good.
            place.cursor = max(place.cursor, place.began)
        }
        place.isWaiting = true
        watch.told(watch, .success(RecordBatch(records: page.records, isComplete: place.isComplete)))
    }
}
