// Why something stays sealed, or a key is no key.
//
// Kind: value. Sentences say where and how to mend it; none holds a key or what was sealed.

enum VaultFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The master key is missing, too short, or lies open to others.
    case key(String)
    /// Not a sealed text at all.
    case malformed
    /// Sealed by a key that this store does not know.
    case unknownKey(String)
    /// Changed, or sealed for another place.
    case refused(SealPlace)

    var description: String {
        switch self {
        case .key(let sentence): sentence
        case .malformed: "the value is not sealed as this gateway seals"
        case .unknownKey(let id): "the value is sealed with key \(id), which this store does not know"
        case .refused(let place):
            "the sealed value of \(place.field) in \(place.collection) \(place.id) was changed or belongs elsewhere; set it again"
        }
    }
}
