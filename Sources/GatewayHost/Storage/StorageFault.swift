// Why the store did not do what it was asked to.
//
// Kind: value. Sentences say what, where and how to mend it; none holds content of a record.

enum StorageFault: Error, Sendable, Equatable {
    /// The record has another revision than was expected; nil: it does not exist.
    case conflict(current: Int64?)
    case absent
    /// Another record has this value.
    case duplicate(UniqueValue, id: String)
    /// The change names a record that does not exist.
    case unknownReference(RecordReference)
    /// Others name the record that was to be deleted.
    case referenced(byCollection: String, id: String, count: Int)
    /// A limit of the store: the size of a document, the length of a queue.
    case limit(String)
    /// The store is sealed with another master key than the one given. Nothing was changed.
    case wrongKey(String)
    /// The disk is full, the folder cannot be written, the file is damaged or locked by somebody.
    case unavailable(String)
}

extension StorageFault: CustomStringConvertible {
    var description: String {
        switch self {
        case .conflict(let current?): "the record was changed meanwhile; its revision is now \(current)"
        case .conflict(nil): "the record does not exist, or does already"
        case .absent: "there is no such record"
        case .duplicate(let value, let id): "\(value.field): record \(id) has this value already"
        case .unknownReference(let reference):
            "\(reference.field): there is no record \"\(reference.id)\" among the \(reference.collection)"
        case .referenced(let collection, let id, let count):
            count == 1
                ? "record \(id) of the \(collection) names it; change that one first"
                : "\(count) records name it, \(id) of the \(collection) among them; change them first"
        case .limit(let sentence), .unavailable(let sentence), .wrongKey(let sentence): sentence
        }
    }
}
