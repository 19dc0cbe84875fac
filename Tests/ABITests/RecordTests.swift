// gw.records/1: watches, the initial delivery, reading and changing, and plugins that ask at the wrong time.

import PluginABI
import Testing

@testable import GatewayHost

/// The fixture keeps its interface in a global.
@Suite(.serialized) struct RecordTests {
    private let store = MemoryRecords()

    private func host(withStore: Bool = true) -> PluginHost {
        let host = ChainDriver.makeHost()
        if withStore {
            host.records = store
            host.secrets = ReadableSecrets()
        }
        return host
    }

    private func driver(_ probe: Probe, withStore: Bool = true) throws -> ChainDriver {
        let plan = InstancePlan(plugin: try Fixture.build("records.c", "-D_GNU_SOURCE"), name: "fixture", config: probe.config())
        return try ChainDriver([plan], host: host(withStore: withStore))
    }

    private func whenReady(_ driver: ChainDriver) -> PluginFault? {
        var outcome: PluginFault??
        driver.worker.whenReady { outcome = .some($0) }
        driver.turn { outcome != nil }
        return outcome ?? PluginFault("test", "never ready")
    }

    /// Does one thing in on_body and returns the error.
    private func run(
        _ driver: ChainDriver, _ probe: Probe, _ what: Int64, expected: Int64 = 0, document: Int64 = 0, id: Int64 = 0,
        collection: Int64 = 0
    ) -> gw_error {
        (probe[30], probe[31], probe[32], probe[33], probe[34], probe[38]) = (what, expected, document, id, collection, 0)
        #expect(driver.run(.body) == GW_CONTINUE)
        #expect(probe[38] == 1)
        return gw_error(rawValue: Int32(probe[35]))
    }

    @Test func aThousandRecordsAreToldInSlicesBeforeTheWorkerIsReady() throws {
        for number in 0..<1000 { store.change("doors", "door_\(number)", "{\"name\":\"\(number)\"}") }
        let probe = Probe()
        let driver = try driver(probe)
        var isReady = false
        driver.worker.whenReady { _ in isReady = true }
        #expect(!isReady && probe[4] == 0)
        var largest: Int64 = 0
        var before: Int64 = 0
        driver.turn {
            largest = max(largest, probe[4] - before)
            before = probe[4]
            return isReady
        }
        #expect(probe[4] == 1000 && probe[5] == 1 && probe[6] == 1000)
        #expect(largest <= 256)
        #expect(probe[8] >= 1000 / 32)
        #expect(probe[0] == 0 && probe[1] == Int64(GW_E_ABSENT.rawValue) && probe[2] == Int64(GW_E_ABSENT.rawValue))
        driver.retire()
        #expect(store.subscriptionCount == 0)
    }

    @Test func changesAreToldWithSecretsOpenUntilTheWorkerStops() throws {
        let probe = Probe()
        let driver = try driver(probe)
        #expect(whenReady(driver) == nil)
        #expect(probe[4] == 0 && probe[5] == 1)
        store.change("doors", "door_1", #"{"name":"n","code":"sealed:doors:door_1:/code:open"}"#)
        store.change("doors", "door_1", nil)
        store.change("windows", "w", "{}")
        driver.turn { probe[7] == 1 }
        #expect(probe[9] <= 1 && probe[10] == 0 && probe[6] == 2)
        store.change("doors", "door_3", #"{"name":"n","code":"sealed:doors:door_3:/code:open"}"#)
        driver.turn { probe[6] == 4 }
        #expect(probe[9] >= 1)
        let told = probe[4]
        driver.worker.supersede()
        store.change("doors", "door_4", "{\"name\":\"n\"}")
        driver.turn(times: 5)
        #expect(probe[4] == told)
        driver.generation.destroy()
    }

    @Test func aRecordWhoseSecretWasMovedIsNotTold() throws {
        store.change("doors", "door_1", #"{"name":"n","code":"sealed:doors:door_2:/code:open"}"#)
        store.change("doors", "door_5", #"{"name":"n"}"#)
        let probe = Probe()
        let driver = try driver(probe)
        #expect(whenReady(driver) == nil)
        #expect(probe[4] == 1 && probe[9] == 0)
        driver.begin()
        #expect(run(driver, probe, 1) == GW_E_UNAVAILABLE)
        driver.complete()
        driver.retire()
    }

    @Test func withoutAStoreThereIsAnEmptyCollection() throws {
        let probe = Probe()
        let driver = try driver(probe, withStore: false)
        #expect(whenReady(driver) == nil)
        #expect(probe[0] == 0 && probe[4] == 0 && probe[5] == 1 && probe[8] == 1)
        driver.begin()
        #expect(run(driver, probe, 1) == GW_E_ABSENT)
        #expect(run(driver, probe, 2) == GW_E_UNAVAILABLE)
        driver.complete()
        driver.retire()
    }

    @Test func aStoreThatCannotBeReadKeepsTheWorkerFromStarting() throws {
        store.fail(.unavailable("the disk is full"))
        let driver = try driver(Probe())
        let fault = whenReady(driver)
        #expect(fault?.subject == "fixture" && fault?.sentence == "its doors cannot be read: the disk is full")
        driver.retire()
    }

    @Test func aWatchOutsideOfWorkerStartIsRefused() throws {
        let probe = Probe()
        let driver = try driver(probe)
        #expect(whenReady(driver) == nil)
        driver.begin()
        driver.run(.request)
        #expect(probe[12] == Int64(GW_E_STATE.rawValue))
        driver.complete()
        driver.retire()
    }

    @Test func recordsAreMadeReadChangedAndRemoved() throws {
        let probe = Probe()
        let driver = try driver(probe)
        #expect(whenReady(driver) == nil)
        driver.begin()
        #expect(run(driver, probe, 1) == GW_E_ABSENT)
        #expect(run(driver, probe, 2, document: 3) == GW_OK)
        #expect(probe[36] == 1)
        let stored = try #require(store["doors", "door_1"])
        #expect(String(decoding: stored.document, as: UTF8.self) == #"{"name":"n","code":"sealed:doors:door_1:/code:open","opens":3}"#)
        let change = try #require(store.changes.first)
        #expect(change.label == "n" && change.expected == .absent)
        #expect(change.audit?.actor == "plugin:fixture" && change.audit?.fields == ["/name", "/code", "/opens"])
        #expect(run(driver, probe, 1) == GW_OK)
        #expect(probe[36] == 1 && probe[37] == Int64(#"{"name":"n","code":"open","opens":3}"#.utf8.count))
        #expect(run(driver, probe, 2) == GW_E_CONFLICT)
        #expect(run(driver, probe, 2, expected: 99) == GW_E_CONFLICT)
        #expect(run(driver, probe, 2, expected: 1) == GW_OK)
        #expect(run(driver, probe, 2, expected: -1) == GW_OK)
        #expect(run(driver, probe, 3, expected: 1) == GW_E_CONFLICT)
        #expect(run(driver, probe, 3, expected: 3) == GW_OK)
        #expect(run(driver, probe, 3, expected: -1) == GW_E_ABSENT)
        #expect(store["doors", "door_1"]?.isGone == true)
        driver.complete()
        driver.retire()
    }

    @Test func whatCannotBeMeantIsRefused() throws {
        let probe = Probe()
        let driver = try driver(probe)
        #expect(whenReady(driver) == nil)
        driver.begin()
        #expect(run(driver, probe, 2, document: 1) == GW_E_ARGUMENT)
        #expect(probe[37] > 0)
        #expect(run(driver, probe, 2, document: 2) == GW_E_ARGUMENT)
        #expect(run(driver, probe, 2, id: 1) == GW_E_ARGUMENT)
        #expect(run(driver, probe, 2, id: 2) == GW_E_ARGUMENT)
        #expect(run(driver, probe, 2, expected: -7) == GW_E_ARGUMENT)
        #expect(run(driver, probe, 3, expected: 0) == GW_E_ARGUMENT)
        #expect(run(driver, probe, 2, collection: 1) == GW_E_ABSENT)
        #expect(store.changes.isEmpty)
        driver.complete()
        driver.retire()
    }

    @Test func theEndOfTheExchangeEndsWhatIsAskedOfTheStore() throws {
        let probe = Probe()
        let driver = try driver(probe)
        #expect(whenReady(driver) == nil)
        driver.begin()
        probe[30] = 1
        #expect(driver.call(.body, 0) == GW_SUSPEND)
        driver.complete()
        #expect(probe[38] == 1 && probe[35] == Int64(GW_E_CANCELLED.rawValue))
        driver.turn()
        #expect(probe[38] == 1)
        driver.retire()
    }

    @Test func aWatcherMayChangeRecords() throws {
        let probe = Probe()
        probe[50] = 1
        let driver = try driver(probe)
        driver.turn { probe[38] == 1 && probe[4] == 1 }
        #expect(probe[11] == 1 && probe[35] == 0 && store["doors", "made"] != nil)
        driver.retire()
    }

    @Test func whoRefersToAResourceReadsItAndDoesNotChangeIt() throws {
        store.change("houses", "door_1", #"{"name":"h","code":"sealed:houses:door_1:/code:open"}"#)
        let reference = #"-DREFERENCE='"\"house\":{\"type\":\"string\",\"x-reference\":\"houses\"},"'"#
        let (doors, houses) = (Probe(), Probe())
        let driver = try ChainDriver(
            [
                InstancePlan(plugin: try Fixture.build("records.c", "-D_GNU_SOURCE", reference), name: "doors", config: doors.config()),
                InstancePlan(
                    plugin: try Fixture.build("records.c", "-D_GNU_SOURCE", #"-DNAME='"house"'"#), name: "houses", config: houses.config()),
            ], host: host())
        #expect(whenReady(driver) == nil)
        #expect(doors[2] == 0 && doors[9] == 1)
        driver.begin()
        doors[30] = 1
        doors[34] = 2
        houses[30] = 1
        driver.run(.body)
        #expect(doors[35] == 0 && doors[36] == 1)
        doors[30] = 2
        driver.run(.body)
        #expect(doors[35] == Int64(GW_E_FORBIDDEN.rawValue))
        driver.complete()
        driver.retire()
    }

    @Test func derivedBytesAreEqualForEqualPurposes() throws {
        let (first, second, alone) = (Probe(), Probe(), Probe())
        let driver = try driver(first)
        let other = try self.driver(second)
        #expect(first[40] == 0 && first[41] == second[41] && first[41] != first[42] && first[43] == Int64(GW_E_ARGUMENT.rawValue))
        let random = try self.driver(alone, withStore: false)
        #expect(alone[40] == 0 && alone[41] != alone[42])
        for driver in [driver, other, random] { driver.retire() }
    }
}
