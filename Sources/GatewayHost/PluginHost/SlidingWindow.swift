// An amount of at most `limit` in any period, reserved before and settled after.
//
// The period is cut into slots. What was taken in a slot counts until the last moment of the slot is a period ago, so
// never more than the limit falls into any period, wherever it begins, and an amount is free again at most a
// twentieth of the period late. A reservation is settled in the slot in which it was made.
//
// Kind: object that one node of the limiter owns; protected by its shard's lock. Knows no clock.

final class SlidingWindow {
    static let slotsPerPeriod: UInt64 = 20
    /// The slots of a period, and the one that has begun to leave it.
    private static let slotCount = 21

    /// Milliseconds.
    private let period: UInt64
    private let slot: UInt64
    private var amounts = [Int64](repeating: 0, count: slotCount)
    /// That part of each that is not settled.
    private var pending = [Int64](repeating: 0, count: slotCount)
    /// The number of the newest slot, counted from the clock's zero.
    private var newest: UInt64 = 0
    /// What counts now.
    private(set) var used: Int64 = 0
    /// That part of it that is not settled.
    private(set) var reserved: Int64 = 0

    init(periodMilliseconds: UInt64) {
        period = max(1, periodMilliseconds)
        slot = SlidingWindow.slotMilliseconds(period)
    }

    /// The length of a slot: a twentieth, rounded up.
    static func slotMilliseconds(_ period: UInt64) -> UInt64 { (period + slotsPerPeriod - 1) / slotsPerPeriod }

    /// - Parameter now: milliseconds of a clock; where it goes back, time stands still here.
    /// - Returns: the decision, and the slot it counts in, for `settle` and `undo`.
    func take(cost: Int64, limit: Int64, now: UInt64, keeping: Bool = true) -> (decision: BudgetWindow.Decision, slot: UInt64) {
        move(to: now)
        let isGranted = cost <= limit && used <= limit - cost
        if isGranted, keeping {
            amounts[place(newest)] += cost
            pending[place(newest)] += cost
            used += cost
            reserved += cost
        }
        let decision = BudgetWindow.Decision(
            isGranted: isGranted, remaining: limit - min(limit, used), resetMilliseconds: wait(until: 0, now),
            retryMilliseconds: isGranted || cost > limit ? 0 : wait(until: limit - cost, now))
        return (decision, newest)
    }

    /// As before `take`, which nothing else has followed.
    func undo(_ cost: Int64) {
        amounts[place(newest)] -= cost
        pending[place(newest)] -= cost
        used -= cost
        reserved -= cost
    }

    func settle(reserved amount: Int64, in slot: UInt64, spent: Int64) {
        guard slot + UInt64(Self.slotCount) > newest, slot <= newest else { return }
        pending[place(slot)] -= amount
        reserved -= amount
        // Never overflows into nonsense: what is too large for a number is as good as the largest.
        let old = amounts[place(slot)]
        let new = BudgetWindow.sum(old - amount, spent)
        let others = used - old
        amounts[place(slot)] = min(new, .max - max(0, others))
        used = others + amounts[place(slot)]
    }

    /// Nothing counts any more.
    func isIdle(at now: UInt64) -> Bool {
        move(to: now)
        return used == 0
    }

    private func move(to now: UInt64) {
        let current = now / slot
        guard current > newest else { return }
        // Every slot that has left; after a long silence all of them.
        let steps = min(current - newest, UInt64(Self.slotCount))
        for step in 1...steps {
            let place = place(newest + step)
            used -= amounts[place]
            reserved -= pending[place]
            amounts[place] = 0
            pending[place] = 0
        }
        newest = current
    }

    /// Milliseconds until at most `target` counts.
    private func wait(until target: Int64, _ now: UInt64) -> UInt64 {
        var left = used
        var number = newest >= UInt64(Self.slotCount - 1) ? newest - UInt64(Self.slotCount - 1) : 0
        while left > target, number <= newest {
            left -= amounts[place(number)]
            number += 1
        }
        guard number > 0, left < used else { return 0 }
        // The slot before `number` is the last that has to leave: when its own end is as many slots ago.
        let leaves = (number - 1 + UInt64(Self.slotCount)) * slot
        return leaves > now ? leaves - now : 0
    }

    private func place(_ number: UInt64) -> Int { Int(number % UInt64(Self.slotCount)) }
}
