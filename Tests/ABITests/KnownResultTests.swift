// What the limiter knows when it is asked ends its operation the short way (OperationTable+Known), which nobody may notice.

import PluginABI
import Testing

@testable import GatewayHost

@Suite struct KnownResultTests {
    private func driver(returning verdict: gw_verdict) throws -> (ChainDriver, Probe) {
        let probe = Probe()
        let driver = try ChainDriver(try Fixture.build("limits.c"), probe.config())
        probe[40] = Int64(verdict.rawValue)
        driver.begin()
        return (driver, probe)
    }

    @Test func resultsComeInOrderAndNotBeforeTheHookHasReturned() throws {
        let (driver, probe) = try driver(returning: GW_SUSPEND)
        #expect(driver.call(.request, 0) == GW_SUSPEND)
        #expect(probe[0] == 0 && probe[32] == 0)
        #expect(driver.exchange.scopes[0].pendingOperations == 2)
        // One waits beside the queue, the other in it, so the runner has to look at both.
        driver.exchange.scopes[0].suspended = true
        #expect(driver.place.operations.takeKnown(of: driver.exchange.scopes) == nil)
        #expect(driver.suspend(0))
        #expect(driver.awaitVerdict(of: 0) == GW_CONTINUE)
        #expect(probe[0] == 2 && probe[1] == 1 && probe[2] == 2)
        driver.complete()
        #expect(probe[33] == 2 && driver.place.operations.pendingCount == 0)
    }

    @Test func cancelAndSignalFindAResultThatIsHereAlready() throws {
        let (driver, probe) = try driver(returning: GW_SUSPEND)
        #expect(driver.run(.request) == GW_CONTINUE)
        #expect(probe[30] == Int64(GW_E_ABSENT.rawValue) && probe[31] == 1)
        #expect(probe[20] == 0)
        driver.complete()
    }

    @Test func aHookThatWentOnIsCalledBackWhenTheTurnEnds() throws {
        let (driver, probe) = try driver(returning: GW_CONTINUE)
        #expect(driver.run(.request) == GW_CONTINUE)
        #expect(probe[0] == 0)
        driver.turn()
        #expect(probe[0] == 2 && probe[1] == 1 && probe[2] == 2)
        #expect(driver.resumed.isEmpty)
        driver.complete()
        #expect(probe[0] == 2)
    }

    @Test func theEndOfTheExchangeTellsWhatIsKnownBeforeOnComplete() throws {
        let (driver, probe) = try driver(returning: GW_CONTINUE)
        #expect(driver.run(.request) == GW_CONTINUE)
        driver.complete()
        #expect(probe[33] == 2 && probe[20] == 0)
        #expect(driver.place.operations.pendingCount == 0)
        driver.turn()
        #expect(probe[0] == 2)
    }

    @Test func aCallbackMayAskAgainAndWaitForThat() throws {
        let (driver, probe) = try driver(returning: GW_SUSPEND)
        probe[41] = 1
        #expect(driver.run(.request) == GW_CONTINUE)
        driver.complete()
        #expect(probe[0] == 3 && driver.place.operations.pendingCount == 0)
        #expect(Set([probe[1], probe[2], probe[3]]) == [1, 2, 3])
    }

    @Test func theOnlyResultEndsTheSuspensionWithoutItsDriver() throws {
        let (driver, probe) = try driver(returning: GW_SUSPEND)
        probe[42] = 1
        #expect(driver.call(.request, 0) == GW_SUSPEND)
        let scope = driver.exchange.scopes
        scope.pointee.suspended = true
        #expect(driver.place.operations.takeKnown(of: scope) == GW_CONTINUE)
        #expect(!scope.pointee.suspended && driver.resumed.isEmpty)
        #expect(driver.place.operations.takeKnown(of: scope) == nil)
        driver.complete()
        #expect(probe[33] == 1)
    }

    @Test func manyExchangesOfOneTurnDoNotMixTheirResults() throws {
        let (driver, probe) = try driver(returning: GW_CONTINUE)
        #expect(driver.run(.request) == GW_CONTINUE)
        let other = Exchange(loop: driver.loop, pool: driver.place.blocks)
        driver.worker.exchangeBegins(other)
        #expect(driver.worker.call(.request, entry: 0, exchange: other) == GW_CONTINUE)
        driver.place.operations.cancelAll(of: other)
        #expect(probe[0] == 2)
        driver.worker.exchangeEnds(other)
        other.reset()
        driver.turn()
        #expect(probe[0] == 4 && driver.place.operations.pendingCount == 0)
        driver.complete()
    }
}
