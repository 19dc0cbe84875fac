// gw.limiter/1 as simply as it can be written: everything that was ever granted is remembered, and each question adds
// it up anew. Slow, and meant to be obviously right.
//
// Kind: value.

import PluginABI

@testable import GatewayHost

struct LimiterReference {
    struct Demand {
        var kind: gw_demand_kind
        var key: String
        var cost: Int64
        var limit: Int64
        /// Milliseconds, of rates and windows.
        var length: UInt64 = 0
        /// Of budgets.
        var period = 0..<UInt64.max
        /// nil: unknown.
        var before: Int64? = 0
        var beforeAt: UInt64?

        /// One of every kind, by chance, for whoever is held against the reference.
        /// - Parameter wall: milliseconds since 1970.
        static func any(_ key: String, _ wall: UInt64, _ random: inout SplitMix) -> Demand {
            let cost = Int64.random(in: 0...6, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: return .init(kind: GW_DEMAND_RATE, key: key, cost: cost, limit: 7, length: 60_000)
            case 1: return .init(kind: GW_DEMAND_LEASE, key: key, cost: cost, limit: .random(in: 5...9, using: &random))
            case 2:
                return .init(
                    kind: GW_DEMAND_WINDOW, key: key, cost: cost, limit: .random(in: 5...30, using: &random),
                    length: [60_000, 777].randomElement(using: &random)!)
            case 3:
                let before: Int64? = Bool.random(using: &random) ? nil : .random(in: 0...5, using: &random)
                let period = BudgetPeriod.fixed(300_000, now: wall)
                return .init(
                    kind: GW_DEMAND_BUDGET, key: key, cost: cost, limit: .random(in: 5...60, using: &random),
                    period: period.start..<period.end,
                    before: before, beforeAt: before == nil || before == 0 ? nil : wall - .random(in: 0...100_000, using: &random))
            default:
                return .init(kind: GW_DEMAND_BUDGET, key: key, cost: cost, limit: .random(in: 50...500, using: &random))
            }
        }
    }

    struct Grant: Equatable {
        var remaining: Int64 = 0
        var reset: UInt64 = 0
        var retry: UInt64 = 0
        var spent: Int64 = 0
    }

    enum Answer: Equatable {
        case granted([Grant])
        case refused(Int, [Grant])
        case unknown(Int)
    }

    struct Entry {
        let number: Int
        var amount: Int64
        var isSettled: Bool
        /// The period it counts in, by its start; or the slot.
        let place: UInt64
        /// Milliseconds of the monotonic clock.
        let time: UInt64
    }

    private struct Name: Hashable {
        var kind: Int32
        var key: String
        var length: UInt64
    }

    private var entries: [Name: [Entry]] = [:]
    private var known: [Name: (start: UInt64, before: Int64)] = [:]
    /// Of rates: units that are in use, times the length in nanoseconds; and at which time.
    private var levels: [Name: (level: Int, at: UInt64)] = [:]
    private var count = 0

    /// - Returns: the answer, and a number for each reservation and lease, by which it is settled or given back.
    mutating func take(_ demands: [Demand], monotonic: UInt64, wall: UInt64) -> (Answer, [Int]) {
        for (index, demand) in demands.enumerated() where demand.kind == GW_DEMAND_BUDGET {
            if !enter(demand) { return (.unknown(index), []) }
        }
        let old = self
        var grants: [Grant] = []
        var numbers: [Int] = []
        for (index, demand) in demands.enumerated() {
            let (isGranted, grant) = decide(demand, monotonic, wall, keeping: true)
            if !isGranted {
                self = old
                return (.refused(index, demands.map { decide($0, monotonic, wall, keeping: false).1 }), [])
            }
            grants.append(grant)
            numbers.append(count)
        }
        return (.granted(grants), numbers)
    }

    mutating func settle(_ number: Int, _ spent: Int64) {
        for name in entries.keys {
            guard let place = entries[name]!.firstIndex(where: { $0.number == number }) else { continue }
            entries[name]![place].amount = spent
            entries[name]![place].isSettled = true
        }
    }

    mutating func release(_ number: Int) {
        for name in entries.keys { entries[name]!.removeAll { $0.number == number } }
    }

    private func name(_ demand: Demand) -> Name {
        let isEndless = demand.period.upperBound == .max
        let length = demand.kind == GW_DEMAND_BUDGET ? (isEndless ? 0 : demand.period.upperBound - demand.period.lowerBound) : demand.length
        return Name(kind: demand.kind.rawValue, key: demand.key, length: demand.kind == GW_DEMAND_LEASE ? 0 : length)
    }

    private mutating func enter(_ demand: Demand) -> Bool {
        let name = name(demand)
        let start = demand.period.lowerBound
        if let known = known[name] {
            if known.start != start { self.known[name] = (start, 0) }
            return true
        }
        guard let before = demand.before else { return false }
        if let time = demand.beforeAt, !demand.period.contains(time) { return false }
        known[name] = (start, before)
        return true
    }

    private mutating func decide(_ demand: Demand, _ monotonic: UInt64, _ wall: UInt64, keeping: Bool) -> (Bool, Grant) {
        let name = name(demand)
        if demand.kind == GW_DEMAND_RATE { return rate(name, demand, monotonic, keeping) }
        let slot = (demand.length + 19) / 20
        let place: UInt64 =
            demand.kind == GW_DEMAND_WINDOW ? monotonic / slot : demand.kind == GW_DEMAND_BUDGET ? demand.period.lowerBound : 0
        let counted = entries[name, default: []].filter { entry in
            switch demand.kind {
            case GW_DEMAND_LEASE: !entry.isSettled
            case GW_DEMAND_BUDGET: entry.place == place
            default: (entry.place + 21) * slot > monotonic
            }
        }
        let before = demand.kind == GW_DEMAND_BUDGET ? known[name]!.before : 0
        let used = counted.reduce(before) { $0 + $1.amount }
        let isGranted = used + demand.cost <= demand.limit
        count += 1
        var all = counted
        if isGranted, keeping {
            let entry = Entry(number: count, amount: demand.cost, isSettled: false, place: place, time: monotonic)
            entries[name, default: []].append(entry)
            all.append(entry)
        }
        let after = all.reduce(before) { $0 + $1.amount }
        var grant = Grant(remaining: max(0, demand.limit - after))
        if demand.kind == GW_DEMAND_LEASE { return (isGranted, grant) }
        grant.spent = after - all.filter { !$0.isSettled }.reduce(0) { $0 + $1.amount }
        let mayPass = !isGranted && demand.cost <= demand.limit
        if demand.kind == GW_DEMAND_BUDGET {
            grant.reset = demand.period.upperBound == .max ? 0 : demand.period.upperBound - wall
            grant.retry = mayPass ? grant.reset : 0
            return (isGranted, grant)
        }
        func wait(_ target: Int64) -> UInt64 {
            // Slot by slot, until few enough are left.
            var time = monotonic
            while all.filter({ ($0.place + 21) * slot > time }).reduce(0, { $0 + $1.amount }) > target {
                time = (time / slot + 1) * slot
            }
            return time - monotonic
        }
        grant.reset = wait(0)
        grant.retry = mayPass ? wait(demand.limit - demand.cost) : 0
        return (isGranted, grant)
    }

    /// A bucket that drains evenly: `limit` units in `length`.
    private mutating func rate(_ name: Name, _ demand: Demand, _ monotonic: UInt64, _ keeping: Bool) -> (Bool, Grant) {
        let length = Int(demand.length) * 1_000_000
        let limit = Int(demand.limit)
        var (level, at) = levels[name] ?? (0, monotonic)
        level = max(0, level - Int(monotonic - at) * 1_000_000 * limit)
        let wanted = level + Int(demand.cost) * length
        let isGranted = wanted <= limit * length
        if isGranted, keeping { level = wanted }
        if keeping || !isGranted { levels[name] = (level, monotonic) }
        func milliseconds(_ units: Int) -> UInt64 {
            let nanoseconds = (units + limit - 1) / limit
            return UInt64((nanoseconds + 999_999) / 1_000_000)
        }
        let retry = isGranted || demand.cost > demand.limit ? 0 : milliseconds(wanted - limit * length)
        return (isGranted, Grant(remaining: Int64(max(0, limit * length - level) / length), reset: milliseconds(level), retry: retry))
    }
}
