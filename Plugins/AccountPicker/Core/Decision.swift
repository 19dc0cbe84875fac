// Why a request got its account: what was looked at, why it was passed over, and why this one.
//
// Written while the choice is made, a few stores a look, into memory of a fixed size; beyond
// `candidateLimit` accounts only the counts go on. Nobody has to ask for it to be there, and it becomes
// text only when somebody does. DecisionRing keeps the last ones.
//
// Kind: pure value. Accounts are serials; whoever renders knows their names.

import PluginKit

/// Why an account did not get a request. The first four hold for every request of its kind.
enum PassedOver: UInt8, CaseIterable {
    case switchedOff, otherModels, otherGroups, dedicated
    case cooling, probing, disabled, needsOperator
    case full, nearlyExhausted, tried, slow
    /// Another request was a moment earlier.
    case taken
    /// It could have taken the request as well.
    case notItsTurn
    /// Its access token has expired or was rejected, and a new one comes.
    case refreshing
    /// It has no access token that could be sent, and none comes without the operator.
    case noCredential
    /// An account of an earlier group, or of a smaller priority, could take it.
    case behind

    static let count = 17
    static let constant: [PassedOver] = [.switchedOff, .otherModels, .otherGroups, .dedicated]

    var word: StaticString {
        switch self {
        case .switchedOff: "switched_off"
        case .otherModels: "other_models"
        case .otherGroups: "other_groups"
        case .dedicated: "dedicated"
        case .cooling: "cooling"
        case .probing: "probing"
        case .disabled: "disabled"
        case .needsOperator: "needs_operator"
        case .full: "full"
        case .nearlyExhausted: "nearly_exhausted"
        case .tried: "tried"
        case .slow: "slow"
        case .taken: "taken"
        case .notItsTurn: "not_its_turn"
        case .refreshing: "refreshing"
        case .noCredential: "no_credential"
        case .behind: "behind"
        }
    }
}

/// Why the chosen one.
enum Why: UInt8 {
    case nothing, sticky, onlyOne, leastLoaded, turn, ownAccount
    /// It was the first free place that somebody gave back.
    case waited
    /// Its limit is nearly used up, but so are all others'.
    case evenNearlyExhausted
    /// It failed this request before, but there is no other.
    case evenTried
    /// It was the same account before, with a credential that had to be refreshed.
    case refreshed

    var word: StaticString {
        switch self {
        case .nothing: "nothing"
        case .sticky: "sticky"
        case .onlyOne: "only_one"
        case .leastLoaded: "least_loaded"
        case .turn: "turn"
        case .ownAccount: "own_account"
        case .waited: "waited"
        case .evenNearlyExhausted: "even_nearly_exhausted"
        case .evenTried: "even_tried"
        case .refreshed: "refreshed"
        }
    }
}

struct Decision: BitwiseCopyable {
    static let candidateLimit = 8
    /// Of those that were not even looked at.
    private static let namedBehind = 4

    struct Candidate: BitwiseCopyable {
        var account: UInt32 = 0
        var reason: UInt8 = 0
        var phase: UInt8 = 0
        var trouble: UInt8 = 0
        var scope: UInt8 = 0
        /// Milliseconds that it was to be left alone; 0 if the reason has no end.
        var wait: UInt32 = 0
    }

    /// Which attempt it was for and what came of it: one word, because that is written later than the rest.
    struct Outcome: BitwiseCopyable {
        /// first event 8 | may have run 8 | attempt 8 | status 16
        private(set) var bits: UInt64 = 0xffff

        /// The HTTP status; 0: none, -1: not known yet.
        var status: Int16 {
            get { Int16(truncatingIfNeeded: bits) }
            set { bits = bits & ~0xffff | UInt64(UInt16(bitPattern: newValue)) }
        }
        var attempt: UInt8 {
            get { UInt8(truncatingIfNeeded: bits >> 16) }
            set { bits = bits & ~0xff_0000 | UInt64(newValue) << 16 }
        }
        /// No status came, but the upstream may have done what was asked.
        var mayHaveRun: Bool {
            get { bits >> 24 & 0xff != 0 }
            set { bits = bits & ~0xff00_0000 | (newValue ? 1 << 24 : 0) }
        }
        /// The stream began with an error; the raw value of Trouble, 0 for none.
        var firstEvent: UInt8 {
            get { UInt8(truncatingIfNeeded: bits >> 32) }
            set { bits = bits & 0xffff_ffff | UInt64(newValue) << 32 }
        }

        init() {}
        init(bits: UInt64) { self.bits = bits }
    }

    // All of it makes whole words, the first two of them these, for DecisionRing.
    var request: UInt64 = 0
    var outcome = Outcome()
    /// Wall clock, seconds.
    var time: Int = 0
    var why = Why.nothing
    /// Why the conversation's own account did not get it; the raw value of PassedOver.
    var gaveWay: UInt8 = .max
    var scope = LimitScope.account
    var candidateCount: UInt8 = 0
    /// Serial; 0 for none.
    var chosen: UInt32 = 0
    /// The account that the conversation was bound to; 0 for none.
    var bound: UInt32 = 0
    private var candidates = InlineArray<8, Candidate>(repeating: Candidate())
    var looks: UInt16 = 0
    private var counts = InlineArray<17, UInt16>(repeating: 0)

    mutating func note(_ account: UInt32, _ reason: PassedOver, health: Health = .healthy, scope: LimitScope, wait: UInt64 = 0) {
        for index in 0..<Int(candidateCount)
        where candidates[index].account == account && candidates[index].reason == reason.rawValue { return }
        count(reason, 1)
        guard candidateCount < Self.candidateLimit else { return }
        candidates[Int(candidateCount)] = Candidate(
            account: account, reason: reason.rawValue, phase: health.phase.rawValue,
            trouble: health.trouble?.rawValue ?? 0, scope: scope.rawValue, wait: UInt32(clamping: wait))
        candidateCount += 1
    }

    mutating func count(_ reason: PassedOver, _ more: Int) {
        counts[Int(reason.rawValue)] = UInt16(clamping: Int(counts[Int(reason.rawValue)]) + more)
    }

    /// So many were not looked at, because somebody before them took the request; few are named.
    mutating func behind(_ rows: ArraySlice<Route.Row>) {
        count(.behind, rows.count)
        guard rows.count <= Self.namedBehind else { return }
        for row in rows where row.serial != bound && candidateCount < Self.candidateLimit {
            candidates[Int(candidateCount)] = Candidate(account: row.serial, reason: PassedOver.behind.rawValue, scope: scope.rawValue)
            candidateCount += 1
        }
    }

    var attempt: UInt8 {
        get { outcome.attempt }
        set { outcome.attempt = newValue }
    }

    func count(_ reason: PassedOver) -> Int { Int(counts[Int(reason.rawValue)]) }
    func candidate(_ index: Int) -> Candidate { candidates[index] }

    /// As JSON for an action's answer.
    func json(name: (UInt32) -> String?) -> String {
        func quoted(_ account: UInt32) -> String { JSON.quoted(name(account) ?? "#\(account)") }
        var members = [
            "\"time\":\(JSON.quoted(Timestamp(seconds: time).text))", "\"attempt\":\(attempt)",
            "\"account\":\(chosen == 0 ? "null" : quoted(chosen))", "\"why\":\"\(why.word)\"",
            "\"scope\":\"\(scope.word)\"",
        ]
        if bound != 0 {
            let gave = PassedOver(rawValue: gaveWay).map { ",\"gave_way\":\"\($0.word)\"" } ?? ""
            members.append("\"conversation\":{\"account\":\(quoted(bound))\(gave)}")
        }
        let status = outcome.status
        if status >= 0 { members.append("\"status\":\(status == 0 ? "null" : "\(status)")") }
        if let trouble = Trouble(rawValue: outcome.firstEvent) { members.append("\"first_event\":\"\(trouble.word)\"") }
        if outcome.mayHaveRun { members.append("\"may_have_run\":true") }
        let passed = (0..<Int(candidateCount)).map { index -> String in
            let candidate = candidates[index]
            var text = "{\"account\":\(quoted(candidate.account))"
            if let reason = PassedOver(rawValue: candidate.reason) { text += ",\"reason\":\"\(reason.word)\"" }
            if let trouble = Trouble(rawValue: candidate.trouble), let scope = LimitScope(rawValue: candidate.scope) {
                text += ",\"trouble\":\"\(trouble.word)\",\"of\":\"\(scope.word)\""
            }
            if candidate.wait > 0 { text += ",\"for_seconds\":\((candidate.wait + 999) / 1000)" }
            return text + "}"
        }
        members.append("\"passed_over\":[\(passed.joined(separator: ","))]")
        let counted = PassedOver.allCases.filter { count($0) > 0 }.map { "\"\($0.word)\":\(count($0))" }
        members.append("\"counts\":{\(counted.joined(separator: ","))},\"looks\":\(looks)")
        return "{\(members.joined(separator: ","))}"
    }
}
