// One end of a move: a store that is read whole, or filled with what another has.
//
// Kind: free of threads; blocks, so for the command line.

protocol StoreEnd: AnyObject {
    /// Where it is, for people.
    var name: String { get }
    func state() throws(StorageFault) -> StoreState
    /// Records behind a place, in the order of places. What is gone is not among them.
    func rows(after place: Int64, limit: Int) throws(StorageFault) -> [StoreRow]
    /// Entries of the trail behind a number, oldest first.
    func trail(after number: Int64, limit: Int) throws(StorageFault) -> [AuditEntry]
    func allMeta() throws(StorageFault) -> [String: [UInt8]]

    /// Puts records in, as they are; the same ones again change nothing.
    func adopt(_ rows: [StoreRow]) throws(StorageFault)
    func adopt(_ entries: [AuditEntry]) throws(StorageFault)
    /// Numbers are never smaller than these from now on.
    func raise(to state: StoreState) throws(StorageFault)
    /// Makes exactly these the values by name.
    func setAllMeta(_ values: [String: [UInt8]]) throws(StorageFault)
}

struct StoreState: Sendable, Equatable {
    var records = 0
    var entries = 0
    /// The largest that were given.
    var revision: Int64 = 0
    var place: Int64 = 0
    var number: Int64 = 0

    var isEmpty: Bool { records == 0 && entries == 0 }
}
