// Who waits for a place, and whose turn it is: a line for each bucket of places, first come first served.
//
//     join ──► first: looks ──► wait ──► woken, its time to look ──► looks ──► …
//         └──► behind, waits ──► becomes first: woken ──► looks         └─ granted, gives up, gone ─► leave
//
// 1. Only the first of a line looks for a place; whoever is new goes behind. So nobody gets ahead, and lines do not know
//    of each other: no key can keep another one waiting.
// 2. Whoever leaves at the head wakes the next, whatever it leaves for: of several free places each is found.
// 3. A place that is given back while the first one looks is remembered, and it looks again.
//
// Kind: pure value.

struct WaitingLine {
    typealias Wake = @Sendable () -> Void

    private struct Waiter {
        let number: UInt64
        /// Nil: it looks now.
        var wake: Wake?
        var missed = false
    }

    enum Joined: Equatable {
        /// It is the first and looks for a place now.
        case first
        case behind
        /// So many wait already.
        case full(Int)
    }

    /// Requests that wait at all: each holds a connection, and perhaps its body.
    private let limit: Int
    /// By bucket; the longest waiting first.
    private var lines: [[UInt8]: [Waiter]] = [:]
    private(set) var count = 0

    init(limit: Int) { self.limit = limit }

    func isEmpty(_ bucket: [UInt8]) -> Bool { lines[bucket] == nil }

    /// - Parameter most: that may wait in this line.
    mutating func join(_ bucket: [UInt8], _ number: UInt64, most: Int, wake: @escaping Wake) -> Joined {
        let ahead = lines[bucket]?.count ?? 0
        guard ahead < most, count < limit else { return .full(ahead) }
        count += 1
        lines[bucket, default: []].append(Waiter(number: number, wake: ahead == 0 ? nil : wake))
        return ahead == 0 ? .first : .behind
    }

    /// It looks now, because it was woken or by its own clock. False if others are before it.
    mutating func look(_ bucket: [UInt8], _ number: UInt64) -> Bool {
        guard lines[bucket]?.first?.number == number else { return false }
        lines[bucket]![0].wake = nil
        return true
    }

    /// It found no place and goes on waiting. False: one was given back meanwhile, so it looks again.
    mutating func wait(_ bucket: [UInt8], _ number: UInt64, wake: @escaping Wake) -> Bool {
        guard let place = lines[bucket]?.firstIndex(where: { $0.number == number }) else { return false }
        if lines[bucket]![place].missed {
            lines[bucket]![place].missed = false
            return false
        }
        lines[bucket]![place].wake = wake
        return true
    }

    /// It waits no longer.
    /// - Returns: whom to wake.
    mutating func leave(_ bucket: [UInt8], _ number: UInt64) -> Wake? {
        guard let place = lines[bucket]?.firstIndex(where: { $0.number == number }) else { return nil }
        lines[bucket]!.remove(at: place)
        count -= 1
        if lines[bucket]!.isEmpty { lines[bucket] = nil }
        return place == 0 ? wakeFirst(bucket) : nil
    }

    /// A place was given back.
    /// - Returns: whom to wake.
    mutating func placeIsFree(_ bucket: [UInt8]) -> Wake? { wakeFirst(bucket) }

    private mutating func wakeFirst(_ bucket: [UInt8]) -> Wake? {
        guard let first = lines[bucket]?.first else { return nil }
        if first.wake == nil { lines[bucket]![0].missed = true }
        lines[bucket]![0].wake = nil
        return first.wake
    }
}
