// Which account takes a request.
//
//     1. the conversation's own account, if it is in the route and can take the request
//     2. of each tier in order, the first that has somebody: by the strategy
//            round-robin     the next in turn
//            weighted        the next in turn, with as many turns as its weight
//            least-loaded    the fewest requests in flight for its weight, the next in turn among equals
//     3. the same again with those that are nearly exhausted, then with those that this request has tried
//
// Cost. In a tier of up to `smallTier` members all are looked at; in a larger one the next turn that can take the
// request, or with least-loaded the next four, which spreads load almost as evenly. If none of the next `smallTier`
// turns can, the whole tier is looked through; and a tier in which everybody rests is not
// looked at again until the first of them may be tried. So a request costs at most `smallTier` looks in each
// tier up to the one that serves it, however many accounts there are, except where most of a tier is busy.
//
// Kind: confined to its worker, because of the routes' cursors; standings are shared. Time comes from the
// caller, and only if something has happened to an account that was looked at.

import PluginKit
import Synchronization

enum SelectionStrategy: String, CaseIterable {
    case leastLoaded = "least-loaded"
    case roundRobin = "round-robin"
    case weighted
}

/// What the request brings.
struct Ask {
    var scope: LimitScope
    var tried = Tried()
    /// The account of its conversation; 0 for none.
    var bound: UInt32 = 0
    /// The account that it had before, whose credential is a new one now; 0 for none.
    var renewed: UInt32 = 0
    var attempt = 1
}

struct Chosen {
    let row: Route.Row
    /// The request is the one that finds out whether the account is well again.
    let isProbe: Bool
    /// The running number of the request on the account.
    let started: UInt32
}

/// Why nobody can take a request, as the refusal needs it.
struct Shortage: Equatable {
    var cooling = 0
    var full = 0
    var probing = 0
    /// Their access token is being refreshed.
    var refreshing = 0
    var withoutCredential = 0
    /// Monotonic milliseconds when the first that rests may be tried.
    var soonest = UInt64.max

    /// Waiting may help: a place or an account may come back without its time having come.
    var mayChange: Bool { full > 0 || probing > 0 || refreshing > 0 }
}

struct Selection {
    static let smallTier = 16
    private static let fewEnough = 4

    let strategy: SelectionStrategy
    let peers: PeerPaces
    /// Grows when somebody who rests comes back before its time.
    let changes: Changes
    private(set) var shortage = Shortage()
    /// Standings that the last choice looked at.
    private(set) var looks = 0

    init(_ strategy: SelectionStrategy, peers: PeerPaces, changes: Changes) {
        self.strategy = strategy
        self.peers = peers
        self.changes = changes
    }

    private enum Level: Int { case best, nearlyExhausted, tried }

    /// The account for the next attempt, with a place of it taken; or nil, and `shortage` says why.
    mutating func choose(_ route: Route, _ ask: Ask, now: () -> UInt64, _ decision: inout Decision) -> Chosen? {
        looks = 0
        shortage = Shortage()
        decision.scope = ask.scope
        decision.bound = ask.bound
        if route.leavesSomeOut {
            for reason in PassedOver.constant { decision.count(reason, route.counts[Int(reason.rawValue)]) }
        }
        defer { decision.looks = UInt16(clamping: looks) }
        if ask.renewed != 0, let chosen = renewed(route, ask, now, &decision) { return chosen }
        if ask.bound != 0, let chosen = bound(route, ask, now, &decision) { return chosen }
        for level in [Level.best, .nearlyExhausted, .tried] {
            if level == .nearlyExhausted, decision.count(.nearlyExhausted) == 0 { continue }
            if level == .tried, decision.count(.tried) == 0 { break }
            for tier in route.tiers.indices {
                guard let chosen = search(route, tier, ask, level, now, &decision) else { continue }
                decision.chosen = chosen.row.serial
                switch level {
                case .best:
                    decision.why = why(route)
                    let end = route.tiers[tier].range.upperBound
                    if end < route.rows.count { decision.behind(route.rows[end...]) }
                case .nearlyExhausted: decision.why = .evenNearlyExhausted
                case .tried: decision.why = .evenTried
                }
                return chosen
            }
        }
        return nil
    }

    /// True if an account that the request has not tried could take it now.
    mutating func hasAnother(_ route: Route, _ ask: Ask, now: () -> UInt64) -> Bool {
        var decision = Decision()
        return route.rows.contains { verdict($0, ask, .nearlyExhausted, now, &decision) == nil }
    }

    /// True if another account than `serial` is well, whether or not it has a place now.
    func isHealthyWithout(_ serial: UInt32, _ route: Route, _ scope: LimitScope, now: () -> UInt64) -> Bool {
        route.rows.contains {
            $0.serial != serial
                && $0.standing._withUnsafeGuaranteedRef { standing in
                    if standing.isHealthy(scope) { return true }
                    if case .no = standing.admission(scope, at: now()) { return false }
                    return true
                }
        }
    }

    // MARK: One account

    /// Why the account cannot take the request; nil if it can. Notes the reason.
    @inline(__always)
    private mutating func verdict(
        _ row: Route.Row, _ ask: Ask, _ level: Level, _ now: () -> UInt64, _ decision: inout Decision
    ) -> PassedOver? {
        looks += 1
        return row.standing._withUnsafeGuaranteedRef { standing in
            if !standing.isHealthy(ask.scope), let reason = rests(standing, ask.scope, now(), level, &decision) {
                return reason
            }
            let reason: PassedOver
            if standing.isFull {
                reason = .full
                if level == .best { shortage.full += 1 }
            } else if level != .tried, !ask.tried.isEmpty, ask.tried.contains(row.serial) {
                reason = .tried
            } else if level == .best, standing.leavesAlone(ask.scope, at: now) {
                reason = .nearlyExhausted
            } else {
                return nil
            }
            if level == .best { decision.note(row.serial, reason, scope: ask.scope) }
            return reason
        }
    }

    private mutating func rests(
        _ standing: Standing, _ scope: LimitScope, _ now: UInt64, _ level: Level, _ decision: inout Decision
    ) -> PassedOver? {
        guard case .no(let until) = standing.admission(scope, at: now) else { return nil }
        if let reason = lacksCredential(standing, scope, now, level, &decision) { return reason }
        let whole = standing.health(.account)
        let isWhole = scope == .account || whole.admission(at: now) != .yes
        let health = isWhole ? whole : standing.health(scope)
        let reason: PassedOver
        switch health.phase {
        case .probing: reason = .probing
        case .disabled: reason = .disabled
        case .needsOperator: reason = .needsOperator
        case .cooling, .healthy: reason = .cooling
        }
        if level == .best {
            if reason == .probing { shortage.probing += 1 } else { shortage.cooling += 1 }
            shortage.soonest = min(shortage.soonest, until)
            decision.note(
                standing.serial, reason, health: health, scope: isWhole ? .account : scope, wait: until - now)
        }
        return reason
    }

    private mutating func lacksCredential(
        _ standing: Standing, _ scope: LimitScope, _ now: UInt64, _ level: Level, _ decision: inout Decision
    ) -> PassedOver? {
        let reason: PassedOver
        var wait: UInt64 = 0
        switch GrantWord(bits: standing.grant).verdict(at: now) {
        case .ready: return nil
        case .missing:
            reason = .noCredential
            if level == .best { shortage.withoutCredential += 1 }
        case .comes(let at):
            reason = .refreshing
            wait = at > now ? at - now : 0
            if level == .best {
                if wait > 0 { shortage.cooling += 1 } else { shortage.refreshing += 1 }
                shortage.soonest = min(shortage.soonest, max(at, now + GrantWord.lookAgain))
            }
        }
        if level == .best { decision.note(standing.serial, reason, scope: scope, wait: wait) }
        return reason
    }

    /// Takes a place of an account that can take the request; nil if somebody was a moment earlier.
    private func take(_ row: Route.Row, _ ask: Ask, _ now: () -> UInt64, _ decision: inout Decision) -> Chosen? {
        row.standing._withUnsafeGuaranteedRef { standing in
            let isProbe = !standing.isHealthy(ask.scope) && standing.admission(ask.scope, at: now()) != .yes
            guard let started = standing.take() else {
                decision.note(row.serial, .taken, scope: ask.scope)
                return nil
            }
            guard !isProbe || standing.startProbe(ask.scope, at: now()) else {
                standing.giveBack()
                decision.note(row.serial, .probing, scope: ask.scope)
                return nil
            }
            standing.spend(ask.scope)
            return Chosen(row: row, isProbe: isProbe, started: started)
        }
    }

    private mutating func renewed(
        _ route: Route, _ ask: Ask, _ now: () -> UInt64, _ decision: inout Decision
    ) -> Chosen? {
        guard let place = route.place(of: ask.renewed) else { return nil }
        let row = route.rows[place]
        guard verdict(row, ask, .nearlyExhausted, now, &decision) == nil, let chosen = take(row, ask, now, &decision) else { return nil }
        decision.chosen = row.serial
        decision.why = .refreshed
        return chosen
    }

    private mutating func bound(
        _ route: Route, _ ask: Ask, _ now: () -> UInt64, _ decision: inout Decision
    ) -> Chosen? {
        guard let place = route.place(of: ask.bound) else {
            decision.gaveWay = PassedOver.otherGroups.rawValue
            return nil
        }
        let row = route.rows[place]
        var reason = verdict(row, ask, .best, now, &decision)
        if reason == nil, route.rows.count > 1,
            row.standing._withUnsafeGuaranteedRef({ $0.isMuchSlower(than: peers[ask.scope]) })
        {
            reason = .slow
            decision.note(row.serial, .slow, scope: ask.scope)
        }
        if reason == nil, let chosen = take(row, ask, now, &decision) {
            decision.chosen = row.serial
            decision.why = .sticky
            return chosen
        }
        decision.gaveWay = (reason ?? .taken).rawValue
        return nil
    }

    private func why(_ route: Route) -> Why {
        if route.rows.count == 1 { return route.isOwn ? .ownAccount : .onlyOne }
        return strategy == .leastLoaded ? .leastLoaded : .turn
    }

    // MARK: A tier

    private mutating func search(
        _ route: Route, _ index: Int, _ ask: Ask, _ level: Level, _ now: () -> UInt64, _ decision: inout Decision
    ) -> Chosen? {
        if route.tiers[index].range.count > Self.smallTier {
            return searchLarge(route, index, ask, level, now, &decision)
        }
        // The next turns, each member once; then those whose turns are too far off to meet. All of them, so that
        // the trail can say of each why it was not this one.
        var best: (row: Int, turn: Int)?
        var seen: UInt64 = 0
        var able: UInt64 = 0
        let range = route.tiers[index].range
        let cursor = route.tiers[index].cursor
        let turns = route.tiers[index].slots.count
        let near = min(turns, Self.smallTier)
        for step in 0..<(near + range.count) {
            let place =
                step < near ? Int(route.tiers[index].slots[(cursor + step) % turns]) : range.lowerBound + step - near
            let bit = UInt64(1) << UInt64(place - range.lowerBound)
            if seen & bit != 0 { continue }
            seen |= bit
            guard verdict(route.rows[place], ask, level, now, &decision) == nil else { continue }
            able |= bit
            if best.map({ isLess(route.rows[place], route.rows[$0.row]) }) ?? true { best = (place, min(step, near - 1)) }
        }
        guard let best else { return nil }
        if let chosen = take(route.rows[best.row], ask, now, &decision) {
            route.tiers[index].cursor = (cursor + best.turn + 1) % turns
            able &= ~(1 << UInt64(best.row - range.lowerBound))
            while able != 0 {
                decision.note(route.rows[range.lowerBound + able.trailingZeroBitCount].serial, .notItsTurn, scope: ask.scope)
                able &= able - 1
            }
            return chosen
        }
        return searchAll(route, index, ask, level, now, &decision)
    }

    private mutating func searchLarge(
        _ route: Route, _ index: Int, _ ask: Ask, _ level: Level, _ now: () -> UInt64, _ decision: inout Decision
    ) -> Chosen? {
        if let end = route.tiers[index].restsUntil(ask.scope, changes.count), now() < end {
            let count = route.tiers[index].range.count
            if level == .best {
                shortage.cooling += count
                shortage.soonest = min(shortage.soonest, end)
                decision.count(.cooling, count)
            }
            return nil
        }
        let before = (decision, shortage)
        let enough = strategy == .leastLoaded ? Self.fewEnough : 1
        var best: (row: Int, turn: Int)?
        var found = 0
        let cursor = route.tiers[index].cursor
        let turns = route.tiers[index].slots.count
        for step in 0..<Self.smallTier where found < enough {
            let place = Int(route.tiers[index].slots[(cursor + step) % turns])
            guard verdict(route.rows[place], ask, level, now, &decision) == nil else { continue }
            found += 1
            if best.map({ isLess(route.rows[place], route.rows[$0.row]) }) ?? true { best = (place, step) }
        }
        if let best, let chosen = take(route.rows[best.row], ask, now, &decision) {
            route.tiers[index].cursor = (cursor + best.turn + 1) % turns
            return chosen
        }
        (decision, shortage) = before  // all are looked at again, and noted once
        return searchAll(route, index, ask, level, now, &decision)
    }

    /// The whole tier, one after the other, beginning where the turns are.
    private mutating func searchAll(
        _ route: Route, _ index: Int, _ ask: Ask, _ level: Level, _ now: () -> UInt64, _ decision: inout Decision
    ) -> Chosen? {
        let range = route.tiers[index].range
        let since = changes.count
        let resting = shortage.cooling
        let earlier = shortage.soonest
        shortage.soonest = .max
        defer { shortage.soonest = min(shortage.soonest, earlier) }
        let start = route.tiers[index].cursor
        for step in 0..<range.count {
            let row = route.rows[range.lowerBound + (start + step) % range.count]
            guard verdict(row, ask, level, now, &decision) == nil, let chosen = take(row, ask, now, &decision)
            else { continue }
            route.tiers[index].cursor = (start + 1) % route.tiers[index].slots.count
            return chosen
        }
        if level == .best, shortage.cooling - resting == range.count {
            route.tiers[index].rest(ask.scope, until: shortage.soonest, since: since)
        }
        return nil
    }

    /// Fewer requests in flight for its weight, compared without division.
    private func isLess(_ a: Route.Row, _ b: Route.Row) -> Bool {
        guard strategy == .leastLoaded else { return false }
        let loadA = a.standing._withUnsafeGuaranteedRef { $0.load }
        let loadB = b.standing._withUnsafeGuaranteedRef { $0.load }
        return loadA * b.weight < loadB * a.weight
    }
}

/// What the faster accounts need, by family; shared.
final class PeerPaces: Sendable {
    private let words: [6 of Atomic<UInt64>]
    init() { words = InlineArray { _ in Atomic(0) } }

    subscript(scope: LimitScope) -> PeerPace { PeerPace(bits: words[Int(scope.rawValue)].load(ordering: .relaxed)) }

    func observed(_ milliseconds: Double, _ scope: LimitScope) {
        var pace = self[scope]
        pace.observed(milliseconds)
        words[Int(scope.rawValue)].store(pace.bits, ordering: .relaxed)
    }
}

/// Counts what makes somebody usable before its time has come; shared.
final class Changes: Sendable {
    private let number = Atomic<UInt64>(0)
    var count: UInt64 { number.load(ordering: .relaxed) }
    func happened() { number.wrappingAdd(1, ordering: .relaxed) }
}
