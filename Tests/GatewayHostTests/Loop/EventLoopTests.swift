// What a loop promises: readiness, stale registrations, timers, mail from other threads, ends of turns.
// Every test turns its own loop on its own thread and ends when the event it waits for has come.

import CLinux
import Synchronization
import Testing

@testable import GatewayHost

/// Records what a loop tells it, and runs a closure for each event.
private final class Recorder: LoopHandler, TimerHandler, TurnHandler, NumberHandler {
    var readiness: [Readiness] = []
    var numbers: [UInt64] = []
    var turnsEnded = 0
    var onReady: (Readiness) -> Void = { _ in }
    var onTimer: () -> Void = {}
    var onTurnEnd: () -> Void = {}
    var onNumber: (UInt64) -> Void = { _ in }

    /// Drops the closures, which hold the loop and often the recorder itself.
    func forget() {
        onReady = { _ in }
        onTimer = {}
        onTurnEnd = {}
        onNumber = { _ in }
    }

    func ready(_ readiness: Readiness) {
        self.readiness.append(readiness)
        onReady(readiness)
    }
    func timerFired(_ timer: LoopTimer) { onTimer() }
    func turnEnded() {
        turnsEnded += 1
        onTurnEnd()
    }
    func numberArrived(_ number: UInt64) {
        numbers.append(number)
        onNumber(number)
    }
}

private func makePipe() -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    precondition(pipe(&ends) == 0)
    return (ends[0], ends[1])
}

private func send(_ count: Int, to descriptor: Int32) {
    precondition(write(descriptor, [UInt8](repeating: 1, count: count), count) == count)
}

@Suite struct EventLoopTests {
    @Test func submittedWorkRunsBeforeTheLoopStops() throws {
        let loop = try EventLoop(index: 0)
        let log = NumberLog()
        loop.submit { log.add(1) }
        loop.stop()
        loop.run()
        #expect(log.values == [1])
    }

    @Test func aReadyDescriptorIsReportedAgainUntilItIsRead() throws {
        let loop = try EventLoop(index: 0)
        let (input, output) = makePipe()
        defer { close(input); close(output) }
        let recorder = Recorder()
        defer { recorder.forget() }
        let registration = try loop.add(input, .read, recorder)
        send(2, to: output)
        recorder.onReady = { _ in
            var byte: UInt8 = 0
            read(input, &byte, 1)
            if recorder.readiness.count == 2 { loop.stop() }
        }
        loop.run()
        #expect(recorder.readiness == [.read, .read])
        loop.remove(registration)
    }

    @Test func noHandlerHearsOfARegistrationRemovedInTheSameTurn() throws {
        let loop = try EventLoop(index: 0)
        let (inputA, outputA) = makePipe()
        let (inputB, outputB) = makePipe()
        defer { for fd in [inputA, outputA, inputB, outputB] { close(fd) } }
        let a = Recorder()
        defer { a.forget() }
        let b = Recorder()
        defer { b.forget() }
        var registrations: [Registration] = []
        // Whichever is called first removes the other; both events are of the same epoll_wait.
        let first: (Recorder, Int) -> Void = { _, other in
            loop.remove(registrations[other])
            loop.stop()
        }
        a.onReady = { _ in first(a, 1) }
        b.onReady = { _ in first(b, 0) }
        registrations = [try loop.add(inputA, .read, a), try loop.add(inputB, .read, b)]
        send(1, to: outputA)
        send(1, to: outputB)
        loop.run()
        #expect(a.readiness.count + b.readiness.count == 1)
        for registration in registrations { loop.remove(registration) }
        #expect(loop.watchedCount == 0)
    }

    @Test func aLateEventOfAReusedSlotAndDescriptorIsDropped() throws {
        let loop = try EventLoop(index: 0)
        let (inputA, outputA) = makePipe()
        let (inputB, outputB) = makePipe()
        defer { for fd in [inputA, outputA, inputB, outputB] { close(fd) } }
        let a = Recorder()
        defer { a.forget() }
        let b = Recorder()
        defer { b.forget() }
        let late = Recorder()
        defer { late.forget() }
        var stale: Registration?
        var fresh: Registration?
        let replace: (Registration, Int32) -> Void = { other, descriptor in
            guard fresh == nil else { return }
            loop.remove(other)
            stale = other
            // The same descriptor and, as the only free one, the same slot. It wants nothing, so
            // every call would be of the old registration's event.
            fresh = try? loop.add(descriptor, [], late)
            loop.submit { (loop: EventLoop) in loop.stop() }
        }
        let ra = try loop.add(inputA, .read, a)
        let rb = try loop.add(inputB, .read, b)
        a.onReady = { _ in replace(rb, inputB) }
        b.onReady = { _ in replace(ra, inputA) }
        send(1, to: outputA)
        send(1, to: outputB)
        loop.run()
        #expect(late.readiness.isEmpty)
        let staleRegistration = try #require(stale)
        let freshRegistration = try #require(fresh)
        #expect(staleRegistration.slot == freshRegistration.slot)
        #expect(staleRegistration != freshRegistration)
        loop.remove(staleRegistration)
        #expect(loop.watchedCount == 2)
        for registration in [ra, rb, freshRegistration] { loop.remove(registration) }
    }

    @Test func aHandlerMayRemoveAndDropItselfWhileItIsCalled() throws {
        final class Suicidal: LoopHandler {
            let loop: EventLoop
            var registration = Registration.none
            let log: NumberLog
            init(_ loop: EventLoop, _ log: NumberLog) {
                self.loop = loop
                self.log = log
            }
            func ready(_ readiness: Readiness) {
                loop.remove(registration)
                log.add(1)
                loop.stop()
            }
            deinit { log.add(2) }
        }
        let loop = try EventLoop(index: 0)
        let (input, output) = makePipe()
        defer { close(input); close(output) }
        let log = NumberLog()
        do {
            let handler = Suicidal(loop, log)
            handler.registration = try loop.add(input, .read, handler)
        }
        send(1, to: output)
        loop.run()
        #expect(log.values == [1, 2])
    }

    @Test func hangupIsReportedWithoutAsking() throws {
        let loop = try EventLoop(index: 0)
        let (input, output) = makePipe()
        defer { close(input) }
        let recorder = Recorder()
        defer { recorder.forget() }
        recorder.onReady = { _ in loop.stop() }
        let registration = try loop.add(input, [], recorder)
        close(output)
        loop.run()
        #expect(recorder.readiness == [.hangup])
        loop.remove(registration)
    }

    @Test func addingTwiceSaysWhat() throws {
        let loop = try EventLoop(index: 0)
        let (input, output) = makePipe()
        defer { close(input); close(output) }
        let recorder = Recorder()
        defer { recorder.forget() }
        let registration = try loop.add(input, .read, recorder)
        #expect(throws: SystemError(EEXIST, "epoll_ctl", subject: "adding descriptor \(input)")) {
            _ = try loop.add(input, .read, recorder)
        }
        loop.remove(registration)
        #expect(loop.watchedCount == 0)
    }

    @Test func aTimerFiresNotBeforeItsDeadline() throws {
        let loop = try EventLoop(index: 0)
        let recorder = Recorder()
        defer { recorder.forget() }
        let timer = LoopTimer(recorder)
        let deadline = loop.now.adding(milliseconds: 10)
        recorder.onTimer = { loop.stop() }
        loop.arm(timer, at: deadline)
        loop.run()
        #expect(loop.now >= deadline)
        #expect(!timer.isArmed)
    }

    @Test func endOfTurnComesAfterAllEventsAndAskedAgainComesNextTurn() throws {
        let loop = try EventLoop(index: 0)
        let recorder = Recorder()
        defer { recorder.forget() }
        recorder.onTurnEnd = {
            if recorder.turnsEnded == 1 {
                #expect(loop.counters.turns == 0)
                loop.atEndOfTurn(recorder)
            } else {
                #expect(loop.counters.turns == 1)
                loop.stop()
            }
        }
        loop.submit { (loop: EventLoop) in #expect(loop.counters.turns == 0) }
        loop.atEndOfTurn(recorder)
        loop.run()
        #expect(recorder.turnsEnded == 2)
    }

    @Test func numbersFromManyThreadsAllArrive() throws {
        let loop = try EventLoop(index: 0)
        let recorder = Recorder()
        defer { recorder.forget() }
        loop.numberHandler = recorder
        let mailbox = loop.mailbox
        let total = 4 * 1000
        recorder.onNumber = { _ in if recorder.numbers.count == total { loop.stop() } }
        let threads = (0..<4).map { part in
            TestThread { for number in 0..<1000 { mailbox.post(UInt64(part * 1000 + number)) } }
        }
        loop.run()
        for thread in threads { thread.join() }
        #expect(recorder.numbers.sorted() == (0..<UInt64(total)).map { $0 })
        for part in 0..<4 {
            let own = recorder.numbers.filter { $0 / 1000 == part }
            #expect(own == own.sorted(), "one thread's numbers keep their order")
        }
    }

    @Test func mailPostedFromTheLoopItselfIsReadNextTurn() throws {
        let loop = try EventLoop(index: 0)
        let recorder = Recorder()
        defer { recorder.forget() }
        loop.numberHandler = recorder
        recorder.onNumber = { number in
            if number == 3 { loop.stop() } else { loop.post(number + 1) }
        }
        loop.post(1)
        loop.run()
        #expect(recorder.numbers == [1, 2, 3])
    }

    @Test func aGroupRunsItsLoopsOnThreadsOfTheirOwn() throws {
        let group = try LoopGroup(count: 3)
        let seen = NumberLog()
        let finished = NumberLog()
        try group.start(
            prepare: { loop in seen.add(loop.index) },
            finish: { loop in finished.add(loop.index) })
        for loop in group.loops {
            loop.submit { (loop: EventLoop) in
                seen.add(10 + loop.index)
                precondition(loop.mailbox.isOnLoop)
                loop.stop()
            }
        }
        group.join()
        #expect(seen.values.sorted() == [0, 1, 2, 10, 11, 12])
        #expect(finished.values.sorted() == [0, 1, 2])
    }
}
