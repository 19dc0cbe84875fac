// What becomes of the upstream's answer when the client that asked for it is gone.
//
// Kind: value. Pure.

enum Departure: Int, CaseIterable, Sendable {
    /// Nothing was being read: the upstream was not asked yet, or had said everything.
    case unasked
    /// The policy says that it is not read on.
    case aborted
    /// It would have been read, and too many others are.
    case crowded
    /// It is read to its end, so that usage is what the provider reported.
    case drained
    /// It was read until the time for it was over.
    case expired

    /// As metrics have it.
    var name: String {
        switch self {
        case .unasked: "unasked"
        case .aborted: "aborted"
        case .crowded: "crowded"
        case .drained: "drained"
        case .expired: "expired"
        }
    }

    /// The upstream was let go of before its end: what is known of usage is what it had reported until then.
    var isCut: Bool { self == .aborted || self == .crowded || self == .expired }
}

extension ClientGoneConfig.Policy {
    /// Whether the upstream of a client that is gone is let go of.
    /// - Parameter hasBegun: a byte of the answer has left for the client.
    func abandons(hasBegun: Bool) -> Bool {
        switch self {
        case .drain: false
        case .abort: true
        case .abortBeforeFirstByte: !hasBegun
        }
    }

    /// As a key's record spells it; nil for anything else.
    init?(_ word: Bytes) {
        guard let policy = Self.allCases.first(where: { word.equals(Bytes($0.word)) }) else { return nil }
        self = policy
    }

    private var word: StaticString {
        switch self {
        case .drain: "drain"
        case .abort: "abort"
        case .abortBeforeFirstByte: "abort_before_first_byte"
        }
    }
}
