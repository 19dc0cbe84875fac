import CLinux
import PluginABI
import Testing

@testable import GatewayHost

@Suite struct LimiterStoreTests {
    private typealias Demand = LimiterStore.Demand
    private let time = LimiterStore.Time(monotonicNanoseconds: 1_000_000_000_000, wallMilliseconds: 1_700_000_000_000)

    private func take(
        _ store: LimiterStore, _ demands: [Demand], at time: LimiterStore.Time? = nil, held: inout [(LimiterNode, Int)]
    ) -> (LimiterStore.Outcome, [gw_grant]) {
        var copies = demands
        var grants = [gw_grant](repeating: gw_grant(), count: demands.count)
        var taken: [(LimiterNode, Int)] = []
        let outcome = copies.withUnsafeMutableBufferPointer { copies in
            grants.withUnsafeMutableBufferPointer { grants in
                store.take(copies, namespace: 1, time: time ?? self.time, grants: grants) { taken.append(($0, $1)) }
            }
        }
        held += taken
        return (outcome, grants)
    }

    private func rate(_ key: StaticString, _ cost: Int64, of limit: Int64) -> Demand {
        Demand(kind: GW_DEMAND_RATE, key: Bytes(key), cost: cost, limit: limit, periodMilliseconds: 60_000)
    }
    private func lease(_ key: StaticString, _ cost: Int64, of limit: Int64) -> Demand {
        Demand(kind: GW_DEMAND_LEASE, key: Bytes(key), cost: cost, limit: limit, periodMilliseconds: 5)
    }
    private func budget(_ key: StaticString, _ cost: Int64, of limit: Int64) -> Demand {
        Demand(kind: GW_DEMAND_BUDGET, key: Bytes(key), cost: cost, limit: limit)
    }

    @Test func allOrNothing() {
        let store = LimiterStore()
        var held: [(LimiterNode, Int)] = []
        #expect(take(store, [lease("l", 1, of: 1)], held: &held).0 == .granted)
        let (outcome, grants) = take(store, [rate("r", 5, of: 10), budget("b", 5, of: 10), lease("l", 1, of: 1)], held: &held)
        #expect(outcome == .refused(first: 2))
        #expect(grants[0].remaining == 10 && grants[1].remaining == 10 && grants[2].remaining == 0)
        store.release(lease: 1, of: held[0].0)
        let again = take(store, [rate("r", 5, of: 10), budget("b", 5, of: 10), lease("l", 1, of: 1)], held: &held)
        #expect(again.0 == .granted && again.1.map(\.remaining) == [5, 5, 0])
        #expect(held.count == 3)
        store.settle(reserved: 5, in: 0, spent: 2, of: held[1].0)
        #expect(take(store, [budget("b", 0, of: 10)], held: &held).1[0].remaining == 8)
    }

    @Test func whatIsSpentAloneIsToldAnewEachTimeThatRedisIsAway() {
        let store = LimiterStore()
        var held: [(LimiterNode, Int)] = []
        func budget(_ cost: Int64, absence: UInt64, before: BudgetWindow.Before = .unknown) -> Demand {
            var demand = Demand(kind: GW_DEMAND_BUDGET, key: Bytes("b"), cost: cost, limit: 100, before: before)
            demand.absence = absence
            return demand
        }
        let told = BudgetWindow.Before.spent(40, at: time.wallMilliseconds)
        #expect(take(store, [budget(10, absence: 1)], held: &held).0 == .unknown(first: 0))
        #expect(take(store, [budget(10, absence: 1, before: told)], held: &held).1[0].remaining == 50)
        #expect(take(store, [budget(10, absence: 1)], held: &held).1[0].remaining == 40)
        // It was away again: what runs from the last time is still reserved.
        #expect(take(store, [budget(10, absence: 2)], held: &held).0 == .unknown(first: 0))
        let later = BudgetWindow.Before.spent(60, at: time.wallMilliseconds)
        let (outcome, grants) = take(store, [budget(10, absence: 2, before: later)], held: &held)
        #expect(outcome == .granted && grants[0].spent == 60 && grants[0].remaining == 10)
        store.settle(reserved: 10, in: 0, spent: 3, of: held[0].0)
        #expect(take(store, [budget(0, absence: 2)], held: &held).1[0].remaining == 17)
    }

    @Test func oneKeyTwiceInOneTakeCountsTwice() {
        let store = LimiterStore()
        var held: [(LimiterNode, Int)] = []
        #expect(take(store, [rate("r", 6, of: 10), rate("r", 6, of: 10)], held: &held).0 == .refused(first: 1))
        #expect(take(store, [rate("r", 5, of: 10), rate("r", 5, of: 10)], held: &held).0 == .granted)
    }

    @Test func namesOfInstancesDoNotShareKeys() {
        #expect(StoreNamespace.number(of: "one") == StoreNamespace.number(of: "one"))
        #expect(StoreNamespace.number(of: "one") != StoreNamespace.number(of: "two"))
    }

    @Test func idleKeysMakeRoomForNewOnes() {
        let store = LimiterStore(keysPerShard: 32)
        var later = time
        var full = 0
        for name in 0..<10_000 {
            later.monotonicNanoseconds += 100_000_000
            let outcome = "\(name)".utf8CString.withUnsafeBytes { raw -> LimiterStore.Outcome in
                var demand = Demand(
                    kind: GW_DEMAND_RATE, key: Bytes(UnsafeRawBufferPointer(rebasing: raw.dropLast())), cost: 1, limit: 1,
                    periodMilliseconds: 60_000)
                var grant = gw_grant()
                return withUnsafeMutablePointer(to: &demand) { demand in
                    withUnsafeMutablePointer(to: &grant) { grant in
                        store.take(
                            UnsafeMutableBufferPointer(start: demand, count: 1), namespace: 1, time: later,
                            grants: UnsafeMutableBufferPointer(start: grant, count: 1)
                        ) { _, _ in }
                    }
                }
            }
            if outcome == .full { full += 1 }
        }
        #expect(full == 0)
        #expect(store.keyCount <= 32 * LimiterStore.shardCount)
    }

    /// Four threads take and give back places of one lease; never more than the limit are held.
    @Test func leasesAreExactUnderContention() {
        let contest = LeaseContest()
        contest.run(threads: 4, rounds: 20_000)
        #expect(contest.mostHeld <= LeaseContest.limit)
        #expect(contest.mostHeld > 0)
        #expect(contest.remainingAfterwards == LeaseContest.limit)
    }
}

private final class LeaseContest: @unchecked Sendable {
    static let limit: Int64 = 2
    private let store = LimiterStore()
    private let held = Locked((now: Int64(0), most: Int64(0)))
    private var rounds = 0

    var mostHeld: Int64 { held.withLock(\.most) }

    func run(threads count: Int, rounds: Int) {
        self.rounds = rounds
        var threads = [pthread_t](repeating: pthread_t(), count: count)
        for index in 0..<count {
            pthread_create(&threads[index], nil, contestMain, Unmanaged.passUnretained(self).toOpaque())
        }
        for thread in threads { pthread_join(thread, nil) }
    }

    fileprivate func compete() {
        for _ in 0..<rounds {
            guard let node = take(1) else { continue }
            held.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            held.withLock { $0.now -= 1 }
            store.release(lease: 1, of: node)
        }
    }

    var remainingAfterwards: Int64 {
        guard let node = take(LeaseContest.limit) else { return -1 }
        store.release(lease: LeaseContest.limit, of: node)
        return LeaseContest.limit
    }

    private func take(_ cost: Int64) -> LimiterNode? {
        var demand = LimiterStore.Demand(
            kind: GW_DEMAND_LEASE, key: Bytes("l"), cost: cost, limit: LeaseContest.limit, periodMilliseconds: 0)
        var grant = gw_grant()
        var node: LimiterNode?
        withUnsafeMutablePointer(to: &demand) { demand in
            withUnsafeMutablePointer(to: &grant) { grant in
                _ = store.take(
                    UnsafeMutableBufferPointer(start: demand, count: 1), namespace: 1,
                    time: LimiterStore.Time(monotonicNanoseconds: 1, wallMilliseconds: 1),
                    grants: UnsafeMutableBufferPointer(start: grant, count: 1)
                ) { taken, _ in node = taken }
            }
        }
        return node
    }
}

private func contestMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    Unmanaged<LeaseContest>.fromOpaque(argument!).takeUnretainedValue().compete()
    return nil
}
