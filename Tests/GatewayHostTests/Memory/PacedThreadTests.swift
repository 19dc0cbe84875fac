import Testing

@testable import GatewayHost

@Suite struct PacedThreadTests {
    @Test func itIsToldOnceAndWaitedFor() {
        let rounds = Locked<[Bool]>([])
        let thread = PacedThread("test")
        let second = Monitor(false)
        thread.start {
            while true {
                let isLast = thread.pause(milliseconds: 1)
                let count = rounds.withLock {
                    $0.append(isLast)
                    return $0.count
                }
                if count == 2 { second.change { $0 = true } }
                if isLast { return }
            }
        }
        second.wait(until: { $0 }, then: { _ in })
        thread.stop()
        // What it did last was done before `stop` came back.
        #expect(rounds.withLock { $0.last } == true)
        #expect(rounds.withLock { $0.filter(\.self).count } == 1)
    }

    @Test func aPauseIsCutShort() {
        let thread = PacedThread("test")
        let isPausing = Monitor(false)
        thread.start {
            isPausing.change { $0 = true }
            // Far longer than a test may take.
            _ = thread.pause(milliseconds: 3_600_000)
        }
        isPausing.wait(until: { $0 }, then: { _ in })
        thread.stop()
    }

    @Test func oneThatWasNeverStartedIsStopped() {
        PacedThread("test").stop()
    }

    @Test func aWaitEndsWithItsTime() {
        let value = Monitor(1)
        #expect(value.wait(1, until: { $0 == 2 }, then: { $0 }) == 1)
        value.change { $0 = 2 }
        #expect(value.wait(3_600_000, until: { $0 == 2 }, then: { $0 }) == 2)
    }
}
