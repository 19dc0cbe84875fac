// When gathered bytes leave: after the events of the turn, in the order of asking, whoever was removed meanwhile.

import CLinux
import Testing

@testable import GatewayHost

/// Asks for its turn to send when it is ready, and logs both.
private final class Gatherer: LoopHandler, TurnSender, TurnHandler {
    let loop: EventLoop
    let log: NumberLog
    let number: Int
    let leaves: Bool
    var registration = Registration.none

    init(_ loop: EventLoop, _ log: NumberLog, _ number: Int, leaves: Bool = false) {
        (self.loop, self.log, self.number, self.leaves) = (loop, log, number, leaves)
    }

    func ready(_ readiness: Readiness) {
        log.add(number)
        loop.sendAtEndOfTurn(self)
        if leaves { return loop.remove(registration) }
        loop.atEndOfTurn(self)
        loop.stop()
    }
    func sendGathered() { log.add(10 + number) }
    func turnEnded() { log.add(20 + number) }
    deinit { log.add(30 + number) }
}

@Suite struct SendQueueTests {
    /// Descriptors with a byte to read.
    private static func readable(_ count: Int) -> [Int32] {
        (0..<count).map { _ in
            let descriptor = eventfd(1, Int32(EFD_NONBLOCK))
            precondition(descriptor >= 0)
            return descriptor
        }
    }

    @Test func sendsFollowTheEventsOfTheTurnAndComeBeforeItsEnd() throws {
        let loop = try EventLoop(index: 0)
        let log = NumberLog()
        let descriptors = Self.readable(2)
        defer { for descriptor in descriptors { close(descriptor) } }
        let gatherers = [Gatherer(loop, log, 1), Gatherer(loop, log, 2)]
        for (gatherer, descriptor) in zip(gatherers, descriptors) {
            gatherer.registration = try loop.add(descriptor, .read, gatherer)
        }
        loop.run()
        for gatherer in gatherers { loop.remove(gatherer.registration) }
        #expect(log.values == [1, 2, 11, 12, 21, 22] || log.values == [2, 1, 12, 11, 22, 21])
    }

    @Test func aSenderThatWasRemovedAndDroppedStillSends() throws {
        let loop = try EventLoop(index: 0)
        let log = NumberLog()
        let descriptors = Self.readable(1)
        defer { for descriptor in descriptors { close(descriptor) } }
        do {
            let leaving = Gatherer(loop, log, 3, leaves: true)
            leaving.registration = try loop.add(descriptors[0], .read, leaving)
        }
        loop.stop()
        loop.run()
        #expect(log.values == [3, 13, 33])
    }

    @Test func theQueueKeepsItsOrderWhileItGrows() {
        final class Numbered: TurnSender {
            let log: NumberLog
            let number: Int
            init(_ log: NumberLog, _ number: Int) { (self.log, self.number) = (log, number) }
            func sendGathered() { log.add(number) }
        }
        let log = NumberLog()
        let senders = (0..<10).map { Numbered(log, $0) }
        var queue = SendQueue(capacity: 2)
        for sender in senders[..<3] { queue.append(sender) }
        queue.next()?.send()
        for sender in senders[3...] { queue.append(sender) }
        while let next = queue.next() { next.send() }
        #expect(log.values == Array(0..<10))
        let left = queue.count
        #expect(left == 0)
        withExtendedLifetime(senders) {}
    }
}
