// Who may get what: the accounts that are configured, and which of them a kind of request may use.
//
//     Member     an account as the choice sees it: what is constant of it, and its Standing
//     Roster     all members; a change of any account makes a new one
//     Route      the members for one kind of request (groups, own account, model), in tiers: the first
//                group before the second, in it the smaller priority first
//
// A key names ids of groups and of accounts in order; a key that names nothing has every account that is
// not dedicated. A dedicated account serves only keys that name it by its own id, and a key that names
// nothing but an account uses no other.
//
// Kind: Member and Roster are constant and shared; a Route is made once for its kind by the worker that
// first meets it, and confined to it because of its cursors.

import PluginKit

struct Member: Sendable {
    let standing: Standing
    /// For people.
    var label = ""
    /// Smaller comes first.
    var priority = 50
    var weight = 1
    var groups: [String] = []
    var isDedicated = false
    var isEnabled = true
    var models = ModelPatterns.all
}

/// Serials that a request may be handed; constant, so that any worker may look.
final class Audience: Sendable {
    private let words: [UInt64]

    init(_ serials: [UInt32]) {
        var words = Array(repeating: UInt64(0), count: Int(serials.max() ?? 0) / 64 + 1)
        for serial in serials { words[Int(serial) / 64] |= 1 << UInt64(serial % 64) }
        self.words = words
    }

    func contains(_ serial: UInt32) -> Bool {
        Int(serial) / 64 < words.count && words[Int(serial) / 64] & 1 << UInt64(serial % 64) != 0
    }
}

/// Where each serial stands in a list; constant. Serials are counted from 1, so an array of them is short and a look at
/// it is one load.
struct Places: Sendable {
    private let places: [Int32]

    /// Of serials that occur twice, the first place counts.
    init(_ serials: [UInt32]) {
        var places = Array(repeating: Int32(-1), count: Int(serials.max() ?? 0) + 1)
        for (place, serial) in serials.enumerated().reversed() { places[Int(serial)] = Int32(place) }
        self.places = places
    }

    @inline(__always)
    subscript(serial: UInt32) -> Int? {
        guard Int(serial) < places.count, places[Int(serial)] >= 0 else { return nil }
        return Int(places[Int(serial)])
    }
}

final class Roster: Sendable {
    let members: [Member]
    /// The rules about models that some member has; without any the model need not be looked at.
    private let modelRules: [ModelPatterns]
    private let places: Places

    init(_ members: [Member]) {
        self.members = members
        modelRules = Array(Set(members.lazy.map(\.models).filter { !$0.allowEverything }))
        places = Places(members.map(\.standing.serial))
    }

    @inline(__always)
    func place(of serial: UInt32) -> Int? { places[serial] }

    /// Equal for models that the same members serve, so that there are as many kinds as the operator made,
    /// whatever clients ask for.
    func kind(ofModel model: Bytes) -> UInt64 {
        var kind: UInt64 = 0xcbf2_9ce4_8422_2325
        if model.isAbsent { return 0 }
        for rule in modelRules { kind = (kind ^ (rule.allow(model) ? 1 : 2)) &* 0x100_0000_01b3 }
        return kind
    }

    var hasModelRules: Bool { !modelRules.isEmpty }

    /// The members for requests of one kind.
    /// - Parameter wanted: ids of groups and accounts, in order; nil: all that are not dedicated.
    func route(_ wanted: [String]?, model: Bytes, strategy: SelectionStrategy, start: Int = 0) -> Route {
        var isTaken = Array(repeating: false, count: members.count)
        var tiers: [[Int]] = []
        var counts = Array(repeating: 0, count: PassedOver.count)
        func usable(_ place: Int) -> Bool {
            members[place].isEnabled && (model.isAbsent || members[place].models.allow(model))
        }
        func addTiers(_ isWanted: (Member) -> Bool) {
            let fresh = members.indices.filter { usable($0) && !isTaken[$0] && isWanted(members[$0]) }
            for place in fresh { isTaken[place] = true }
            for priority in Set(fresh.map { members[$0].priority }).sorted() {
                tiers.append(fresh.filter { members[$0].priority == priority })
            }
        }
        if let wanted {
            for word in wanted {
                addTiers { $0.standing.id == word || !$0.isDedicated && $0.groups.contains(word) }
            }
        } else {
            addTiers { !$0.isDedicated }
        }
        let isOwn = wanted.map { words in words.count == 1 && members.contains { $0.standing.id == words[0] } } ?? false
        for place in members.indices where !isTaken[place] {
            let member = members[place]
            let reason: PassedOver =
                if !member.isEnabled {
                    .switchedOff
                } else if !usable(place) {
                    .otherModels
                } else {
                    member.isDedicated ? .dedicated : .otherGroups
                }
            counts[Int(reason.rawValue)] += 1
        }
        return Route(self, tiers: tiers, counts: counts, isOwn: isOwn, strategy: strategy, start: start)
    }
}

final class Route {
    /// An account as every request looks at it, without a reference to count.
    struct Row {
        let standing: Unmanaged<Standing>
        let place: Int32
        let serial: UInt32
        let weight: Int
    }

    struct Tier {
        /// Of its members in `rows`.
        let range: Range<Int>
        /// Places in `rows`, each as often as its weight, spread evenly; whose turn it is goes around here.
        let slots: [Int32]
        var cursor: Int
        /// When everybody was found to rest, by scope: until when, and at which count of changes.
        private var rests = InlineArray<6, (until: UInt64, since: UInt64)>(repeating: (0, 0))

        fileprivate init(range: Range<Int>, slots: [Int32], start: Int) {
            self.range = range
            self.slots = slots
            cursor = start % max(slots.count, 1)
        }

        mutating func rest(_ scope: LimitScope, until: UInt64, since: UInt64) {
            rests[Int(scope.rawValue)] = (until, since)
        }

        /// Nobody can be used before then; nil if that is not known, or not any more.
        func restsUntil(_ scope: LimitScope, _ changes: UInt64) -> UInt64? {
            let rest = rests[Int(scope.rawValue)]
            return rest.until > 0 && rest.since == changes ? rest.until : nil
        }
    }

    /// More would be finer shares than anybody notices.
    private static let slotLimit = 4096

    let roster: Roster
    let rows: [Row]
    var tiers: [Tier]
    /// Whom a place that becomes free may be handed to.
    let audience: Audience
    private let places: Places
    /// Members left out for good, by PassedOver.
    let counts: [Int]
    let leavesSomeOut: Bool
    /// The key names this one account and nothing else.
    let isOwn: Bool

    fileprivate init(
        _ roster: Roster, tiers: [[Int]], counts: [Int], isOwn: Bool, strategy: SelectionStrategy, start: Int
    ) {
        self.roster = roster
        self.counts = counts
        leavesSomeOut = counts.contains { $0 > 0 }
        self.isOwn = isOwn
        var rows: [Row] = []
        var made: [Tier] = []
        for places in tiers {
            let first = rows.count
            rows += places.map { place in
                let member = roster.members[place]
                return Row(
                    standing: .passUnretained(member.standing), place: Int32(place), serial: member.standing.serial,
                    weight: member.weight)
            }
            let weights = strategy == .roundRobin ? places.map { _ in 1 } : places.map { roster.members[$0].weight }
            let slots = Self.slots(weights).map { Int32(first) + $0 }
            made.append(Tier(range: first..<rows.count, slots: slots, start: start))
        }
        self.rows = rows
        self.tiers = made
        places = Places(rows.map(\.serial))
        audience = Audience(rows.map(\.serial))
    }

    /// In `rows`.
    @inline(__always)
    func place(of serial: UInt32) -> Int? { places[serial] }

    /// Turns by weight: of each member as many as its weight, at even distances, equals side by side.
    static func slots(_ weights: [Int]) -> [Int32] {
        let total = weights.reduce(0, +)
        let limit = max(slotLimit, weights.count)
        // Beyond the limit all shrink alike, but nobody to nothing.
        let shrunk = total <= limit ? weights : weights.map { max(1, $0 * limit / total) }
        if shrunk.allSatisfy({ $0 == shrunk[0] }) { return weights.indices.map(Int32.init) }
        var turns: [(at: Double, member: Int32)] = []
        for (index, weight) in shrunk.enumerated() {
            let offset = (Double(index) + 0.5) / Double(shrunk.count)
            for turn in 0..<weight { turns.append(((Double(turn) + offset) / Double(weight), Int32(index))) }
        }
        return turns.sorted { ($0.at, $0.member) < ($1.at, $1.member) }.map(\.member)
    }
}
