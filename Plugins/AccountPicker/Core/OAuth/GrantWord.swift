// Whether an account has a credential that may be sent, in one word, so that a choice costs one load and, of an
// account without OAuth, nothing more.
//
//     plain      nothing to look at: an API key, or a token whose end is not known
//     ready      until then; afterwards one comes (it is refreshed), or none does
//     comes      none now: it is being refreshed, or will be at `at`
//     missing    none, and none comes without the operator
//
// Kind: pure value. Times are monotonic milliseconds.

struct GrantWord: Equatable {
    enum Kind: UInt64 { case plain, readyThenComes, readyThenMissing, comes, missing }

    enum Verdict: Equatable {
        case ready
        /// - at: not before then; 0: any moment.
        case comes(at: UInt64)
        case missing
    }

    private(set) var kind = Kind.plain
    /// Of `comes` 0 for any moment.
    private(set) var time: UInt64 = 0

    /// So long after its time a token that comes is looked for, by who waits and is not woken.
    static let lookAgain: UInt64 = 1_000

    init() {}

    /// - Parameters:
    ///   - wall: seconds since 1970; now: monotonic milliseconds of the same moment.
    init(_ readiness: Grant.Readiness, wall: Int, now: UInt64) {
        func moment(_ time: Int) -> UInt64 { now + UInt64(max(0, min(time - wall, 1_000_000_000))) * 1000 }
        switch readiness {
        case .yes(until: nil, _): kind = .plain
        case .yes(until: let end?, let comes):
            kind = comes ? .readyThenComes : .readyThenMissing
            time = moment(end)
        case .comes(let at):
            kind = .comes
            time = at.map(moment) ?? 0
        case .no: kind = .missing
        }
    }

    func verdict(at now: UInt64) -> Verdict {
        switch kind {
        case .plain: .ready
        case .readyThenComes: now < time ? .ready : .comes(at: 0)
        case .readyThenMissing: now < time ? .ready : .missing
        case .comes: .comes(at: time)
        case .missing: .missing
        }
    }

    /// When to look again; nil: it may be sent.
    func waitsUntil(_ now: UInt64) -> UInt64? {
        switch verdict(at: now) {
        case .ready: nil
        case .comes(let at): max(at, now + Self.lookAgain)
        case .missing: .max
        }
    }

    // MARK: One word

    var bits: UInt64 { kind == .plain ? 0 : time << 3 | kind.rawValue }

    init(bits: UInt64) {
        kind = Kind(rawValue: bits & 7) ?? .missing
        time = bits >> 3
    }
}
