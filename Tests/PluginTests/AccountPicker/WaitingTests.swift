// Waiting for a place: fair between tenants, bounded, and nobody who waits is forgotten.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct WaitingTests {
    private func tenant(_ number: UInt64) -> SipTag { SipTag(low: number, high: 0) }

    private func waiter(_ number: UInt64, _ serials: [UInt32] = [1], tried: Tried = Tried()) -> WaitingLine.Waiter {
        WaitingLine.Waiter(number: number, audience: Audience(serials), scope: .opus, tried: tried, wake: {})
    }

    private func hand(_ line: inout WaitingLine, _ serial: UInt32 = 1) -> UInt64? {
        line.hand(serial, started: { 0 }, admits: { _ in true })?.number
    }

    @Test func tenantsTakeTurns() {
        var line = WaitingLine(limit: 100)
        for number in UInt64(0)..<6 { _ = line.join(tenant(1), waiter(number)) }
        for (owner, number) in [(2, 10), (3, 20), (3, 21)] as [(UInt64, UInt64)] {
            _ = line.join(tenant(owner), waiter(number))
        }
        let order = (0..<9).compactMap { _ in hand(&line) }
        #expect(order == [0, 10, 20, 1, 21, 2, 3, 4, 5])
        #expect(line.count == 0)
    }

    @Test func itIsBoundedAndNobodyFillsIt() {
        var line = WaitingLine(limit: 10)
        var joined = 0
        for number in UInt64(0)..<10 where line.join(tenant(1), waiter(number)) { joined += 1 }
        #expect(joined == 5)
        for number in UInt64(10)..<16 where line.join(tenant(number), waiter(number)) { joined += 1 }
        #expect(joined == 10 && line.count == 10)
    }

    @Test func aPlaceGoesToSomebodyWhoMayUseIt() {
        var tried = Tried()
        tried.insert(1)
        var line = WaitingLine(limit: 10)
        _ = line.join(tenant(1), waiter(1, [2, 70]))
        _ = line.join(tenant(2), waiter(2, [1], tried: tried))
        _ = line.join(tenant(3), waiter(3, [1]))
        let unwell = line.hand(1, started: { 0 }, admits: { $0 != .opus })
        #expect(unwell == nil, "not well for what they ask")
        let order = [1, 1, 71, 70].map { hand(&line, $0) }
        #expect(order == [3, nil, nil, 1] && line.count == 1)
    }

    @Test func whoLeavesTakesAlongWhatItWasHanded() {
        var line = WaitingLine(limit: 10)
        for number in UInt64(1)...3 { _ = line.join(tenant(1), waiter(number)) }
        let early = (line.leave(2, tenant(1)), line.take(1))
        #expect(early == (nil, nil) && line.count == 2)
        let first = line.hand(1, started: { 7 }, admits: { _ in true })?.number
        let left = [line.leave(1, tenant(1)), line.leave(1, tenant(1)), line.leave(99, tenant(5))]
        #expect(first == 1 && left == [Handed(serial: 1, started: 7), nil, nil])
        let second = (hand(&line), line.take(3))
        #expect(second == (3, Handed(serial: 1, started: 0)) && line.count == 0)
    }

    @Test func aPlaceGoesStraightToWhoWaits() {
        let pool = AccountPool(workers: 1, key: (1, 2))
        let standing = pool.standing("a", concurrency: 1)
        let other = pool.standing("b", concurrency: 1)
        #expect(standing.take() != nil && other.take() != nil)
        #expect(pool.room.join(tenant(1), waiter(1, [standing.serial])))
        #expect(pool.room.join(tenant(2), waiter(2, [standing.serial])))
        pool.room.giveBack(other, now: { 0 })
        #expect(other.load == 0 && pool.room.waiting == 2)
        pool.room.giveBack(standing, now: { 0 })
        #expect(standing.load == 1 && pool.room.waiting == 1 && standing.take() == nil)
        #expect(pool.room.take(1)?.serial == standing.serial)
        standing.limit = 5
        pool.room.offer(standing, now: 0)
        #expect(standing.load == 2 && pool.room.isEmpty, "as many as wait, not as many as fit")
        #expect(pool.room.leave(2, tenant(2))?.serial == standing.serial)
    }

    @Test func whoIsNotWellIsHandedToNobody() {
        let pool = AccountPool(workers: 1, key: (1, 2))
        let standing = pool.standing("a", concurrency: 1)
        #expect(standing.take() != nil)
        #expect(pool.room.join(tenant(1), waiter(1, [standing.serial])))
        standing.change(.opus) { $0.failed(.overloaded, at: 0, asked: nil, cap: 60_000, chance: 0) }
        pool.room.giveBack(standing, now: { 0 })
        #expect(standing.load == 0 && pool.room.waiting == 1)
        pool.reset(standing, now: 0)
        #expect(standing.load == 1 && pool.room.isEmpty)
    }

    /// Threads that take, wait and give back as fast as they can: if a wake-up were lost, one would wait for ever.
    @Test(.timeLimit(.minutes(1))) func noWakeUpIsLost() async {
        let pool = AccountPool(workers: 1, key: (1, 2))
        let standing = pool.standing("a", concurrency: 2)
        let most = Locked(0)
        await withTaskGroup(of: Void.self) { group in
            for thread in UInt64(0)..<6 {
                group.addTask {
                    for _ in 0..<2_000 {
                        await hold(pool, standing, tenant: thread)
                        most.withLock { $0 = max($0, standing.load) }
                        pool.room.giveBack(standing, now: { 0 })
                    }
                }
            }
        }
        #expect(standing.load == 0 && pool.room.isEmpty)
        // A moment of one too many is how a full account is found out; a place is not held then.
        #expect(most.withLock { $0 } <= 8)
    }

    /// Takes a place, in line if there is none.
    private func hold(_ pool: AccountPool, _ standing: Standing, tenant number: UInt64) async {
        if standing.take() != nil { return }
        let ticket = pool.room.newNumber()
        #expect(pool.room.join(tenant(number), waiter(ticket, [standing.serial])))
        if standing.take() != nil {
            // A second one may have been handed over meanwhile.
            if pool.room.leave(ticket, tenant(number)) != nil { pool.room.giveBack(standing, now: { 0 }) }
            return
        }
        while pool.room.take(ticket) == nil { await Task.yield() }
    }
}
