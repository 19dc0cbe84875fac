import CLinux
import PluginABI
import Testing

@testable import GatewayHost

@Suite struct OperationTests {
    private func driver(_ mode: String) throws -> (ChainDriver, Probe) {
        let probe = Probe()
        let driver = try ChainDriver(try Fixture.build("operations.c"), probe.config("\"mode\":\"\(mode)\""))
        driver.begin()
        return (driver, probe)
    }

    private func operation(_ probe: Probe) -> gw_op { gw_op(bitPattern: probe[2]) }

    @Test func aSignalEndsTheSuspensionOnce() throws {
        let (driver, probe) = try driver("expect")
        #expect(driver.call(.request, 0) == GW_SUSPEND)
        #expect(driver.suspend(0))
        #expect(hostSignal(operation(probe)) == GW_OK)
        #expect(hostSignal(operation(probe)) == GW_E_ABSENT)
        #expect(probe[0] == 0)
        #expect(driver.awaitVerdict(of: 0) == GW_CONTINUE)
        #expect(probe[0] == 1 && probe[1] == 0 && probe[7] == 7)
        #expect(hostSignal(operation(probe)) == GW_E_ABSENT)
        driver.complete()
        #expect(probe[0] == 1 && probe[5] == 1)
    }

    @Test func aSignalFromAnotherThreadEndsItOnTheLoop() throws {
        let (driver, probe) = try driver("expect")
        #expect(driver.call(.request, 0) == GW_SUSPEND)
        #expect(driver.suspend(0))
        let signaller = Signaller(operation(probe))
        signaller.start()
        #expect(driver.awaitVerdict(of: 0) == GW_CONTINUE)
        signaller.join()
        #expect(signaller.result == GW_OK)
        #expect(probe[4] == Int64(gwl_gettid()))
        driver.complete()
    }

    @Test func aLateSignalIsHarmless() throws {
        let (driver, probe) = try driver("expect")
        _ = driver.call(.request, 0)
        #expect(driver.suspend(0))
        driver.complete()
        #expect(probe[0] == 1 && probe[1] == Int64(GW_E_CANCELLED.rawValue))
        #expect(hostSignal(operation(probe)) == GW_E_ABSENT)
        driver.turn()
        #expect(probe[0] == 1)
    }

    /// The signal is on its way when the exchange ends.
    @Test func anOperationEndsOnceWhenSignalAndEndMeet() throws {
        let (driver, probe) = try driver("expect")
        _ = driver.call(.request, 0)
        #expect(driver.suspend(0))
        #expect(hostSignal(operation(probe)) == GW_OK)
        driver.complete()
        #expect(probe[0] == 1)
        driver.turn()
        #expect(probe[0] == 1 && probe[5] == 1 && probe[6] == 1)
    }

    @Test func inventedNumbersAreRefused() {
        for number: gw_op in [0, 1, .max, 0xff00_0000_0000_0000, 0x01ff_ffff_ffff_ffff] {
            #expect(hostSignal(number) == GW_E_ABSENT)
        }
    }

    /// Its loop ended with the operation pending, and another loop took the board.
    @Test func aNumberOfAnEndedLoopStaysStale() throws {
        var numbers: [gw_op] = []
        for _ in 0..<3 {
            let (driver, probe) = try driver("expect")
            _ = driver.call(.request, 0)
            numbers.append(operation(probe))
        }
        for number in numbers { #expect(hostSignal(number) == GW_E_ABSENT) }
    }

    @Test func aTimerEndsIt() throws {
        let (driver, probe) = try driver("timer")
        #expect(driver.run(.request) == GW_CONTINUE)
        #expect(probe[0] == 1 && probe[1] == 0)
        driver.complete()
    }

    @Test func aResultNeverArrivesInsideTheCall() throws {
        let (driver, probe) = try driver("inside")
        #expect(driver.run(.request) == GW_CONTINUE)
        #expect(probe[9] == 0 && probe[0] == 1)
        driver.complete()
    }

    @Test func theCallbacksVerdictIsTheHooks() throws {
        let (driver, _) = try driver("refuse")
        #expect(driver.run(.request) == GW_RESPOND)
        #expect(driver.exchange.staged?.status == 429)
        #expect(driver.exchange.staged?.origin == 0)
        driver.complete()
    }

    @Test func toSuspendWithNothingPendingFails() throws {
        let (driver, _) = try driver("nothing")
        #expect(driver.run(.request) == GW_FAIL)
        driver.complete()
    }

    @Test func toGoOnWaitingWithNothingPendingFails() throws {
        let (driver, probe) = try driver("goes on with nothing")
        #expect(driver.run(.request) == GW_FAIL)
        #expect(probe[0] == 1)
        driver.complete()
    }

    @Test func suspendInACallbackWaitsForWhatRemains() throws {
        let (driver, probe) = try driver("goes on")
        #expect(driver.call(.request, 0) == GW_SUSPEND)
        #expect(driver.suspend(0))
        driver.turn()
        #expect(probe[0] == 1)
        #expect(driver.exchange.scopes[0].suspended)
        #expect(hostSignal(operation(probe)) == GW_OK)
        #expect(driver.awaitVerdict(of: 0) == GW_CONTINUE)
        driver.complete()
    }

    @Test func aCallbackMayStartTheNextOperation() throws {
        let (driver, probe) = try driver("starts again")
        #expect(driver.run(.request) == GW_CONTINUE)
        #expect(probe[0] == 2 && probe[8] == 1)
        driver.complete()
    }

    @Test func aCancelledOperationEndsLaterAndOnce() throws {
        let (driver, probe) = try driver("cancel")
        #expect(driver.run(.request) == GW_CONTINUE)
        #expect(probe[0] == 1 && probe[1] == Int64(GW_E_CANCELLED.rawValue))
        #expect(hostSignal(operation(probe)) == GW_E_ABSENT)
        driver.complete()
    }

    /// It was started in on_request; on_body is suspended on another one.
    @Test func aLateOperationCannotResumeALaterHook() throws {
        let (driver, probe) = try driver("expect and continue")
        #expect(driver.call(.request, 0) == GW_CONTINUE)
        #expect(driver.call(.body, 0) == GW_SUSPEND)
        #expect(driver.suspend(0))
        #expect(hostSignal(operation(probe)) == GW_OK)
        driver.turn()
        #expect(probe[0] == 1)
        #expect(driver.exchange.scopes[0].suspended)
        #expect(driver.resumed.isEmpty)
        #expect(hostSignal(gw_op(bitPattern: probe[10])) == GW_OK)
        #expect(driver.awaitVerdict(of: 0) == GW_CONTINUE)
        driver.complete()
    }

    @Test func theEndOfTheExchangeEndsEveryOperationBeforeOnComplete() throws {
        let (driver, probe) = try driver("many")
        #expect(driver.call(.request, 0) == GW_CONTINUE)
        #expect(probe[2] == Int64(OperationTable.exchangeLimit))
        driver.complete()
        #expect(probe[0] == probe[2] && probe[6] == probe[2])
        #expect(probe[1] == Int64(GW_E_CANCELLED.rawValue))
        #expect(probe[5] == 1)
        #expect(driver.place.operations.pendingCount == 0)
    }

    @Test func nothingCanBeStartedWhenTheExchangeIsOver() throws {
        let (driver, probe) = try driver("endless")
        _ = driver.call(.request, 0)
        #expect(driver.suspend(0))
        driver.complete()
        #expect(probe[0] == 1 && probe[8] == 0 && probe[11] == 0)
    }

    @Test func aSuspensionThatIsCutShortCancelsItsOperations() throws {
        let (driver, probe) = try driver("expect")
        _ = driver.call(.request, 0)
        #expect(driver.suspend(0))
        driver.place.operations.cancelAll(of: driver.exchange, entry: 0)
        #expect(probe[0] == 1 && probe[1] == Int64(GW_E_CANCELLED.rawValue))
        #expect(driver.resumed.isEmpty)
        driver.complete()
        #expect(probe[0] == 1 && probe[5] == 1)
    }

    @Test func backgroundOperationsOutliveTheExchangeAndEndWithTheWorker() throws {
        let (driver, probe) = try driver("background")
        #expect(driver.run(.request) == GW_CONTINUE)
        driver.complete()
        #expect(probe[0] == 0)
        driver.retire()
        #expect(probe[0] == 1 && probe[1] == Int64(GW_E_CANCELLED.rawValue))
    }

    @Test func aHundredThousandOperationsReuseTheirSlots() throws {
        let (driver, probe) = try driver("now")
        for _ in 0..<20_000 {
            #expect(driver.run(.request) == GW_CONTINUE)
            driver.complete()
            driver.begin()
        }
        #expect(probe[0] == 20_000)
        #expect(driver.place.operations.pendingCount == 0)
        driver.complete()
    }
}

/// Signals from a thread of its own.
final class Signaller: @unchecked Sendable {
    let operation: gw_op
    private(set) var result = GW_E_INTERNAL
    private var thread = pthread_t()

    init(_ operation: gw_op) { self.operation = operation }

    func start() {
        pthread_create(&thread, nil, signallerMain, Unmanaged.passUnretained(self).toOpaque())
    }

    func join() { pthread_join(thread, nil) }

    fileprivate func run() { result = hostSignal(operation) }
}

private func signallerMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    Unmanaged<Signaller>.fromOpaque(argument!).takeUnretainedValue().run()
    return nil
}
