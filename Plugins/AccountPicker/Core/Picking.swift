// From a request to an account, and from an outcome to what becomes of the account: the rules between
// Selection, StickyTable, Health and WaitingRoom, without the exchange around them.
//
//     pick ──► Pick (a place is taken) ── succeeded ──► done ──► giveBack
//       │                               └ failed ──► cools, is spared, or nothing ──► retry or not
//       └───► nil: Shortage ──► wait (AccountPickerWorker) or refuse
//
// Kind: confined to its worker; what it changes is shared and atomic. Times are monotonic milliseconds.

import PluginKit

/// What is known of one exchange; lives in memory of the request.
struct Pick: BitwiseCopyable {
    var tried = Tried()
    var scope = LimitScope.account
    /// The conversation, if it has one.
    var conversation = SipTag(low: 0, high: 0)
    var hasConversation = false

    /// The account of the current attempt; 0 for none.
    var serial: UInt32 = 0
    /// Where that stands in the roster; -1 if it was deleted meanwhile.
    var place: Int32 = -1
    /// Of that account; the pool keeps it.
    var standing: Unmanaged<Standing>?
    /// The running number on that account.
    var started: UInt32 = 0
    /// A place of it is taken.
    var holdsPlace = false
    /// It is the request that finds out whether the account is well.
    var isProbe = false
    var isSticky = false
    /// The upstream said something of limits.
    var hasReport = false
    /// In the line of those who wait; 0: not in it.
    var ticket: UInt64 = 0
    /// When it stops waiting; 0: it has not waited yet.
    var waitsUntil: UInt64 = 0
    /// The host would accept a retry of the current attempt.
    var mayRetry = false
    var attempt: UInt8 = 0
    /// Attempts that a proxy failed, and whether the current one is one: the host does not count them.
    var unreached: UInt8 = 0
    var proxyFailed = false
    /// Of its last decision in the ring.
    var trail = 0
    /// Of the access token that was sent; 0: an API key was.
    var token: UInt32 = 0
    /// The account whose credential was refreshed for this request, which gets it once more; 0: none.
    var renewed: UInt32 = 0
    /// A credential was refreshed for this request; that happens once.
    var wasRenewed = false
    /// It waits for that now.
    var awaitsToken = false
    /// What the client's headers were before a provider's were put there.
    var stated = StatedHeaders()
}

/// What became of the conversation's binding, for the counters.
enum StickyFate: Equatable {
    /// The request has no conversation, or nobody else to go to.
    case none
    case new, kept
    case moved(PassedOver, lostTokens: Int)
}

struct Picking {
    let pool: AccountPool
    private(set) var roster: Roster
    private(set) var selection: Selection
    private let start: Int
    private var usual: Route
    private var routes: [SipTag: Route] = [:]
    /// Kinds of requests are as many as the operator's keys and rules make; this only bounds the odd case.
    private static let routeLimit = 1_024

    init(_ pool: AccountPool, _ roster: Roster, _ strategy: SelectionStrategy, start: Int) {
        self.pool = pool
        self.roster = roster
        self.start = start
        selection = Selection(strategy, peers: pool.peers, changes: pool.changes)
        usual = roster.route(nil, model: .absent, strategy: strategy, start: start)
    }

    /// The accounts have changed. Cursors begin anew; requests under way keep what they have.
    mutating func use(_ roster: Roster) {
        self.roster = roster
        routes.removeAll()
        usual = roster.route(nil, model: .absent, strategy: selection.strategy, start: start)
        pool.changes.happened()
    }

    /// The accounts for a request.
    /// - Parameter wanted: ids of groups and accounts in order, with a blank between; absent for all.
    mutating func route(wanted: Bytes, model: @autoclosure () -> Bytes) -> Route {
        if wanted.isAbsent, !roster.hasModelRules { return usual }
        let model = model()
        let key = SipHash(key0: roster.kind(ofModel: model), key1: wanted.isAbsent ? 0 : 1).tag(of: wanted)
        if let route = routes[key] { return route }
        if routes.count >= Self.routeLimit { routes.removeAll() }
        let words = wanted.isAbsent ? nil : wanted.string.split(separator: " ").map(String.init)
        let route = roster.route(words, model: model, strategy: selection.strategy, start: start)
        routes[key] = route
        return route
    }

    // MARK: Picking

    /// Takes a place of an account for the next attempt; nil, and `selection.shortage` says why.
    mutating func pick(
        _ pick: inout Pick, _ route: Route, now: () -> UInt64, _ decision: inout Decision
    ) -> StickyFate? {
        // With one account there is nothing to remember.
        let isSticky = pick.hasConversation && route.rows.count > 1
        let binding = isSticky ? pool.lent.sticky._withUnsafeGuaranteedRef { $0.find(pick.conversation, at: now()) } : nil
        let ask = Ask(scope: pick.scope, tried: pick.tried, bound: binding?.account ?? 0, renewed: pick.renewed)
        pick.renewed = 0
        decision.attempt = pick.attempt &+ 1
        guard let chosen = selection.choose(route, ask, now: now, &decision) else { return nil }
        pick.attempt &+= 1
        hold(&pick, chosen.row.standing, chosen.started, at: chosen.row.place)
        pick.isProbe = chosen.isProbe
        pick.isSticky = decision.why == .sticky
        return isSticky ? bind(&pick, binding, decision.gaveWay, now()) : StickyFate.none
    }

    /// A place that another request gave back, handed over while this one waited.
    mutating func accept(_ handed: Handed, _ pick: inout Pick, _ route: Route, now: UInt64, _ decision: inout Decision) -> StickyFate {
        guard let standing = pool.standing(serial: handed.serial) else {
            preconditionFailure("a place of an account that never was")
        }
        standing.spend(pick.scope)
        hold(&pick, .passUnretained(standing), handed.started, at: roster.place(of: handed.serial).map(Int32.init) ?? -1)
        pick.attempt &+= 1
        decision.attempt = pick.attempt
        pick.isProbe = false
        pick.isSticky = false
        decision.chosen = handed.serial
        decision.why = .waited
        guard pick.hasConversation, route.rows.count > 1 else { return .none }
        let binding = pool.sticky.find(pick.conversation, at: now)
        return bind(&pick, binding, PassedOver.full.rawValue, now)
    }

    private func hold(_ pick: inout Pick, _ standing: Unmanaged<Standing>, _ started: UInt32, at place: Int32) {
        pick.place = place
        pick.standing = standing
        pick.serial = standing._withUnsafeGuaranteedRef { $0.serial }
        pick.started = started
        pick.holdsPlace = true
        pick.tried.insert(pick.serial)
    }

    private func bind(_ pick: inout Pick, _ old: StickyBinding?, _ gaveWay: UInt8, _ now: UInt64) -> StickyFate {
        let conversation = pick.conversation
        let account = pick.serial
        let bound = pool.lent.sticky._withUnsafeGuaranteedRef {
            $0.bind(conversation, to: account, from: old?.account, at: now)
        }
        // Another worker has just bound it elsewhere: this request stays where it is, the next goes there.
        guard bound == pick.serial else { return .none }
        guard let old else { return .new }
        if old.account == pick.serial { return .kept }
        return .moved(PassedOver(rawValue: gaveWay) ?? .taken, lostTokens: Int(old.cachedTokens))
    }

    mutating func giveBack(_ pick: inout Pick, now: () -> UInt64) {
        guard pick.holdsPlace, let standing = pick.standing else { return }
        pick.holdsPlace = false
        standing._withUnsafeGuaranteedRef { standing in pool.lent.room._withUnsafeGuaranteedRef { $0.giveBack(standing, now: now) } }
    }

    // MARK: Outcomes

    /// The account answered as it should. True if it was not well before, and is now.
    @inline(__always) @discardableResult
    mutating func succeeded(_ pick: inout Pick, now: () -> UInt64) -> Bool {
        pick.isProbe = false
        guard let standing = pick.standing, !standing._withUnsafeGuaranteedRef({ $0.isWell(pick.scope) }) else { return false }
        return heals(standing.takeUnretainedValue(), pick.scope, now())
    }

    private func heals(_ standing: Standing, _ scope: LimitScope, _ now: UInt64) -> Bool {
        var healed = false
        for part in scope == .account ? [.account] : [.account, scope] {
            let (old, new) = standing.change(part) { $0.succeeded(at: now) }
            if old != new { healed = true }
        }
        if healed { pool.room.offer(standing, now: now) }
        return healed
    }

    /// The attempt ended without saying anything about its account: the client left.
    mutating func left(_ pick: inout Pick, now: () -> UInt64) {
        guard pick.isProbe, let standing = pick.standing?.takeUnretainedValue() else { return }
        pick.isProbe = false
        let now = now()
        standing.change(.account) { $0.probeLeft(at: now) }
        if pick.scope != .account { standing.change(pick.scope) { $0.probeLeft(at: now) } }
        pool.changes.happened()
    }

    enum Consequence: Equatable {
        /// It cools already, or only this request was refused.
        case none
        /// It is the last one that is well, and the trouble is not its own.
        case spared
        case rests(Health)
    }

    /// The attempt failed. Cools the account, unless that would take the last one away.
    mutating func failed(
        _ pick: inout Pick, _ diagnosis: Diagnosis, _ route: Route, now: UInt64, chance: UInt64
    ) -> Consequence {
        guard let standing = pick.standing?.takeUnretainedValue() else { return .none }
        guard let trouble = diagnosis.trouble else {
            left(&pick, now: { now })
            return .none
        }
        let serial = pick.serial
        pick.isProbe = false
        func isLast() -> Bool {
            trouble.sparesTheLast && !selection.isHealthyWithout(serial, route, pick.scope, now: { now })
        }
        if isLast() {
            // What it cooled for before, it did not say again.
            succeed(standing, pick.scope, now)
            return .spared
        }
        let (old, new) = standing.change(diagnosis.scope) {
            $0.failed(trouble, at: now, asked: diagnosis.asked, cap: pool.limits.coolingCap, chance: chance)
        }
        if old == new { return .none }
        // Two workers may cool two accounts at once, each taking the other for well.
        if isLast() {
            standing.change(diagnosis.scope) { $0 = .healthy }
            pool.changes.happened()
            return .spared
        }
        // A probe of both is over for the one that did not fail, too.
        if diagnosis.scope != pick.scope { standing.change(pick.scope) { $0.probeLeft(at: now) } }
        if diagnosis.scope != .account { standing.change(.account) { $0.probeLeft(at: now) } }
        return .rests(new)
    }

    private func succeed(_ standing: Standing, _ scope: LimitScope, _ now: UInt64) {
        for part in scope == .account ? [.account] : [.account, scope] where standing.health(part).phase == .probing {
            standing.change(part) { $0.succeeded(at: now) }
        }
    }

    /// True if the request could go on with an account that it has not tried.
    mutating func hasAnother(_ pick: Pick, _ route: Route, now: UInt64) -> Bool {
        selection.hasAnother(route, Ask(scope: pick.scope, tried: pick.tried), now: { now })
    }
}
