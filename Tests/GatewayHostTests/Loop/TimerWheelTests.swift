// The timer wheel as the value it is: time is what the test says.

import Testing

@testable import GatewayHost

private final class Silent: TimerHandler {
    func timerFired(_ timer: LoopTimer) {}
}

/// The wheel with a clock that the test turns.
@Suite struct TimerWheelTests {
    private static let tick: UInt64 = 1 << TimerWheel.tickShift
    private let handler = Silent()

    private func fired(_ wheel: inout TimerWheel, _ now: Instant) -> [LoopTimer] {
        wheel.advance(to: now)
        var timers: [LoopTimer] = []
        while let timer = wheel.nextDue(now) { timers.append(timer) }
        return timers
    }

    @Test(arguments: [1, 4, 5, 200, 268, 269, 5_000, 17_000, 18_000, 300_000, 1_100_000, 80_000_000, 200_000_000])
    func aTimerFiresWithinATickAfterItsDeadline(milliseconds: Int) {
        let start = Instant(nanoseconds: 123_456_789_000)
        var wheel = TimerWheel(now: start)
        let timer = LoopTimer(handler)
        let deadline = start.adding(milliseconds: milliseconds)
        wheel.arm(timer, at: deadline)
        var looks = 0
        while timer.isArmed {
            guard let look = wheel.nextLook() else {
                Issue.record("an armed timer is forgotten")
                return
            }
            let all = fired(&wheel, look)
            if look < deadline {
                #expect(all.isEmpty)
            } else {
                #expect(all.count == 1 && look.nanoseconds - deadline.nanoseconds < Self.tick)
            }
            looks += 1
        }
        #expect(looks <= 6 + milliseconds / 60_000_000, "few looks in between")
        #expect(wheel.nextLook() == nil)
    }

    @Test func movingADeadlineAwayDoesNotTouchTheWheel() {
        let start = Instant(nanoseconds: 0)
        var wheel = TimerWheel(now: start)
        let timer = LoopTimer(handler)
        wheel.arm(timer, at: start.adding(milliseconds: 100))
        let look = wheel.nextLook()
        for step in 1...1000 { wheel.arm(timer, at: start.adding(milliseconds: 100 + step)) }
        #expect(wheel.nextLook() == look)
        #expect(fired(&wheel, start.adding(milliseconds: 1099)).isEmpty)
        #expect(fired(&wheel, start.adding(milliseconds: 1105)).count == 1)
    }

    @Test func movingADeadlineCloserIsHeeded() {
        let start = Instant(nanoseconds: 7)
        var wheel = TimerWheel(now: start)
        let timer = LoopTimer(handler)
        wheel.arm(timer, at: start.adding(seconds: 300))
        wheel.arm(timer, at: start.adding(milliseconds: 10))
        #expect(fired(&wheel, start.adding(milliseconds: 15)).count == 1)
    }

    @Test func aDisarmedTimerDoesNotFireAndCanBeArmedAgain() {
        let start = Instant(nanoseconds: 7)
        var wheel = TimerWheel(now: start)
        let timer = LoopTimer(handler)
        wheel.arm(timer, at: start.adding(milliseconds: 10))
        wheel.disarm(timer)
        #expect(!timer.isArmed)
        wheel.arm(timer, at: start.adding(milliseconds: 50))
        #expect(fired(&wheel, start.adding(milliseconds: 49)).isEmpty)
        #expect(fired(&wheel, start.adding(milliseconds: 55)) == [timer])
        #expect(fired(&wheel, start.adding(seconds: 10)).isEmpty)
    }

    @Test func aTimerThatDiesLeavesTheWheel() {
        let start = Instant(nanoseconds: 7)
        var wheel = TimerWheel(now: start)
        do {
            let timer = LoopTimer(handler)
            wheel.arm(timer, at: start.adding(milliseconds: 10))
        }
        #expect(fired(&wheel, start.adding(seconds: 1)).isEmpty)
    }

    @Test func aTimerMayOutliveItsWheel() {
        let timer = LoopTimer(handler)
        do {
            var wheel = TimerWheel(now: Instant(nanoseconds: 7))
            wheel.arm(timer, at: Instant(nanoseconds: 100))
        }
        var other = TimerWheel(now: Instant(nanoseconds: 7))
        other.arm(timer, at: Instant(nanoseconds: 100))
        #expect(fired(&other, Instant(nanoseconds: 2 * Self.tick)).count == 1)
    }

    @Test func aDueTimerDisarmedByAnotherDoesNotFire() {
        let start = Instant(nanoseconds: 7)
        var wheel = TimerWheel(now: start)
        let timers = (0..<3).map { _ in LoopTimer(handler) }
        for timer in timers { wheel.arm(timer, at: start.adding(milliseconds: 10)) }
        let now = start.adding(milliseconds: 20)
        wheel.advance(to: now)
        #expect(wheel.nextDue(now) === timers[0])
        wheel.disarm(timers[1])
        wheel.arm(timers[2], at: start.adding(milliseconds: 40))
        #expect(wheel.nextDue(now) == nil)
        #expect(fired(&wheel, start.adding(milliseconds: 45)) == [timers[2]])
    }

    @Test func aPastDeadlineFiresAtTheNextTick() {
        let start = Instant(nanoseconds: 50 * Self.tick)
        var wheel = TimerWheel(now: start)
        let timer = LoopTimer(handler)
        wheel.arm(timer, at: Instant(nanoseconds: 3))
        #expect(fired(&wheel, start).isEmpty)
        #expect(wheel.nextLook() == Instant(nanoseconds: 51 * Self.tick))
        #expect(fired(&wheel, Instant(nanoseconds: 51 * Self.tick)) == [timer])
    }

    /// Against a plain list: at every moment exactly the timers that are due have fired, give or take a tick.
    @Test(arguments: 1...12)
    func manyTimersAgainstAList(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var now = Instant(nanoseconds: UInt64.random(in: 0...1 << 50, using: &random))
        var wheel = TimerWheel(now: now)
        let timers = (0..<100).map { _ in LoopTimer(handler) }
        var deadlines = [Instant](repeating: .distantFuture, count: timers.count)
        for _ in 0..<800 {
            let which = Int.random(in: 0..<timers.count, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                wheel.disarm(timers[which])
                deadlines[which] = .distantFuture
            case 1:
                let reach = UInt64(1) << UInt64.random(in: 10...46, using: &random)
                now = now.adding(nanoseconds: Int(UInt64.random(in: 0...reach, using: &random)))
                let all = fired(&wheel, now)
                for timer in all {
                    let index = timers.firstIndex { $0 === timer }!
                    #expect(deadlines[index] <= now, "seed \(seed): too early")
                    deadlines[index] = .distantFuture
                }
                for deadline in deadlines where deadline != .distantFuture {
                    #expect(
                        deadline.nanoseconds + 2 * Self.tick > now.nanoseconds, "seed \(seed): missed")
                }
            default:
                let reach = UInt64(1) << UInt64.random(in: 10...50, using: &random)
                let deadline = now.adding(nanoseconds: Int(UInt64.random(in: 0...reach, using: &random)))
                wheel.arm(timers[which], at: deadline)
                deadlines[which] = deadline
            }
            if let soonest = deadlines.min(), soonest != .distantFuture {
                guard let look = wheel.nextLook() else {
                    Issue.record("seed \(seed): nothing to look at")
                    return
                }
                let latest = max(soonest.nanoseconds, now.nanoseconds) + 2 * Self.tick
                #expect(look.nanoseconds <= latest, "seed \(seed): would sleep too long")
            }
        }
    }
}

extension LoopTimer: Equatable {
    public static func == (a: LoopTimer, b: LoopTimer) -> Bool { a === b }
}
