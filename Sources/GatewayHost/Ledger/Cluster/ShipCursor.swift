// Where the telling stands: what is known of Redis's mark, and what an answer means for it.
//
//   unknown ── the mark is asked for ──► at(n) ── told up to m, Redis says ok ──► at(m)
//      ▲                                  │
//      └── no answer: it may be done ─────┴── another mark there ──► at(that one), and on from it
//
// The truth is Redis's mark alone, so nothing here has to survive the process.
//
// Kind: value. Pure.

struct ShipCursor: Equatable {
    /// What is told after a mark that does not exist is answered with the mark that does.
    static let unknownMark = "?"

    enum Answer: Equatable {
        /// Done, or it would have been.
        case told
        /// Nothing was done, because the mark is another one; nil: there is none.
        case stands(Int64?)
        /// Another epoch is being told, or none: Redis was emptied.
        case other
        /// Another gateway is this node.
        case held(String)
    }

    enum Event: Equatable {
        case nothing
        /// There was something, and now there is not: everything is told again.
        case emptied
        /// Redis is back in an earlier state: what it has forgotten is told again.
        case wentBack
        /// Redis knows changes of this epoch that we do not: our sums went back, and everything is told anew in another epoch.
        case isAhead
        case held(String)
    }

    let epoch: String
    /// The number up to which Redis knows; -1: it knows nothing; nil: nobody knows.
    private(set) var mark: Int64?
    /// What was known last.
    private var known: Int64 = -1

    init(epoch: String) { self.epoch = epoch }

    /// As messages name it.
    static func text(_ mark: Int64?) -> String {
        guard let mark else { return unknownMark }
        return mark < 0 ? "" : "\(mark)"
    }

    /// - Parameters:
    ///   - to: what the message would have left.
    ///   - last: the number of our last change.
    mutating func answered(_ answer: Answer, to: Int64, last: Int64) -> Event {
        switch answer {
        case .told:
            mark = to
            known = to
            return .nothing
        case .other:
            mark = nil
            return .nothing
        case .held(let holder):
            mark = nil
            return .held(holder)
        case .stands(let found):
            defer { known = mark ?? -1 }
            mark = found ?? -1
            guard let found else { return known >= 0 ? .emptied : .nothing }
            return found > last ? .isAhead : found < known ? .wentBack : .nothing
        }
    }
}
