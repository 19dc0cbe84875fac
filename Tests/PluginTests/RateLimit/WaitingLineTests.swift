// Waiting for places: first come first served, bounded, apart for each bucket, and no wake-up is lost.

import PluginKit
import Testing

@testable import RateLimitCore

@Suite struct RateLimitWaitingLineTests {
    /// Who was woken, in order.
    private final class Bell: Sendable {
        private let rung = Locked<[UInt64]>([])
        func wake(_ number: UInt64) -> WaitingLine.Wake { { self.rung.withLock { $0.append(number) } } }
        func take() -> [UInt64] {
            rung.withLock { rung in
                defer { rung = [] }
                return rung
            }
        }
    }

    private let bell = Bell()
    private let key: [UInt8] = [1]

    @Test func onlyTheFirstLooksAndEachWakesTheNext() {
        var line = WaitingLine(limit: 10)
        let joined = (1...3).map { line.join(key, $0, most: 10, wake: bell.wake($0)) }
        #expect(joined == [.first, .behind, .behind] && line.count == 3)
        let looks = [line.look(key, 2), line.look(key, 1)]
        #expect(looks == [false, true])
        line.leave(key, 1)?()
        #expect(bell.take() == [2])
        let second = line.look(key, 2)
        #expect(second)
        line.leave(key, 2)?()
        #expect(bell.take() == [3])
        let last = line.leave(key, 3)
        #expect(last == nil && line.count == 0 && line.isEmpty(key))
    }

    @Test func aPlaceThatComesFreeWhileTheFirstLooksIsNotMissed() {
        var line = WaitingLine(limit: 10)
        for number in UInt64(1)...2 { _ = line.join(key, number, most: 10, wake: bell.wake(number)) }
        line.placeIsFree(key)?()
        #expect(bell.take() == [])
        let missed = line.wait(key, 1, wake: bell.wake(1))
        let waits = line.wait(key, 1, wake: bell.wake(1))
        #expect(!missed && waits)
        line.placeIsFree(key)?()
        #expect(bell.take() == [1])
        // Nobody else is told of it.
        line.placeIsFree(key)?()
        #expect(bell.take() == [])
    }

    @Test func whoLeavesFromTheMiddleWakesNobody() {
        var line = WaitingLine(limit: 10)
        for number in UInt64(1)...3 { _ = line.join(key, number, most: 10, wake: bell.wake(number)) }
        line.leave(key, 2)?()
        line.leave(key, 2)?()
        #expect(bell.take() == [] && line.count == 2)
        line.leave(key, 1)?()
        #expect(bell.take() == [3])
    }

    @Test func itIsBoundedForEachAndInAll() {
        var line = WaitingLine(limit: 5)
        let mine = (1...4).map { line.join(key, $0, most: 3, wake: {}) }
        #expect(mine == [.first, .behind, .behind, .full(3)])
        let others = (5...7).map { line.join([2], $0, most: 3, wake: {}) }
        #expect(others == [.first, .behind, .full(2)])
        let third = line.join([3], 8, most: 3, wake: {})
        #expect(third == .full(0) && line.count == 5)
    }

    /// Requests come, end and leave at random: whoever gets a place is the one who waited longest, and nobody waits while a
    /// place is free.
    @Test func atRandom() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Generator(state: seed)
        var line = WaitingLine(limit: 1000)
        let limit = 3
        var (held, waiting, next) = (0, [UInt64](), UInt64(0))
        func look(_ number: UInt64) {
            // Woken, or the first to come: it takes a place or goes on waiting.
            guard line.look(key, number) else { return }
            while true {
                if held < limit {
                    #expect(waiting.first == number, "seed \(seed): \(number) got past \(waiting)")
                    waiting.removeAll { $0 == number }
                    held += 1
                    line.leave(key, number)?()
                    break
                }
                if line.wait(key, number, wake: bell.wake(number)) { break }
            }
            for woken in bell.take() { look(woken) }
        }
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                next += 1
                if line.isEmpty(key), held < limit {
                    held += 1
                } else {
                    let joined = line.join(key, next, most: 50, wake: bell.wake(next))
                    if case .full = joined { continue }
                    waiting.append(next)
                    if joined == .first { look(next) }
                }
            case 2, 3:
                if held == 0 { continue }
                held -= 1
                line.placeIsFree(key)?()
                for woken in bell.take() { look(woken) }
            default:
                guard let number = waiting.randomElement(using: &random), Int.random(in: 0..<4, using: &random) == 0 else { continue }
                waiting.removeAll { $0 == number }
                line.leave(key, number)?()
                for woken in bell.take() { look(woken) }
            }
            #expect(held == limit || waiting.isEmpty, "seed \(seed): \(waiting) wait with \(held) of \(limit) held")
            #expect(line.count == waiting.count)
        }
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var value = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
            return value ^ (value >> 31)
        }
    }
}
