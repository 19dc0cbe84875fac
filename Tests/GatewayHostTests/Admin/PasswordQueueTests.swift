import Testing

@testable import GatewayHost

@Suite struct PasswordQueueTests {
    @Test func whatRunsAtTheEndIsWaitedForAndWhatWaitsIsDropped() {
        let queue = PasswordQueue()
        let started = Awaited<Bool>()
        let go = Awaited<Bool>()
        let done = Locked<[String]>([])
        #expect(
            queue.submit {
                started.give(true)
                _ = go.take()
                done.withLock { $0.append("running") }
            })
        _ = started.take()
        #expect(queue.submit { done.withLock { $0.append("waiting") } })
        BackgroundThread.start("test") {
            while queue.submit({}) {}
            go.give(true)
        }
        queue.close()
        #expect(done.withLock(\.self) == ["running"])
        #expect(!queue.submit {})
    }

    @Test func manyAreDoneOneAfterTheOther() {
        let queue = PasswordQueue()
        let last = Awaited<Bool>()
        let order = Locked<[Int]>([])
        for index in 0..<PasswordQueue.waitingLimit {
            #expect(
                queue.submit {
                    order.withLock { $0.append(index) }
                    if index == PasswordQueue.waitingLimit - 1 { last.give(true) }
                })
        }
        _ = last.take()
        #expect(order.withLock(\.self) == Array(0..<PasswordQueue.waitingLimit))
        queue.close()
        queue.close()
    }
}
