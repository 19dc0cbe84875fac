import Testing

@testable import GatewayHost

@Suite struct WorkQueueTests {
    @Test func whatRunsAtTheEndIsWaitedForAndWhatWaitsIsDropped() {
        let queue = WorkQueue("test-queue")
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
        let queue = WorkQueue("test-queue")
        let last = Awaited<Bool>()
        let order = Locked<[Int]>([])
        for index in 0..<WorkQueue.waitingLimit {
            #expect(
                queue.submit {
                    order.withLock { $0.append(index) }
                    if index == WorkQueue.waitingLimit - 1 { last.give(true) }
                })
        }
        _ = last.take()
        #expect(order.withLock(\.self) == Array(0..<WorkQueue.waitingLimit))
        queue.close()
        queue.close()
    }
}
