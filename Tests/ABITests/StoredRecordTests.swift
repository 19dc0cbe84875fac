// gw.records/1 over the real store and vault: what is in the file, and that chains hear of each other.

import CLinux
import PluginABI
import Testing

@testable import GatewayHost

/// The fixture keeps its interface in a global.
@Suite(.serialized) struct StoredRecordTests {
    private let folder = Fixture.directory + "/" + Fixture.unique("store")
    private let storage: Storage
    private let vault: Vault

    init() throws {
        mkdir(folder, 0o700)
        (storage, vault) = try Vault.open(
            folder: folder, key: try MasterKey(Secret("a text of thirty-two characters!"), source: "the test"))
    }

    private func driver(_ probe: Probe) throws -> ChainDriver {
        let host = ChainDriver.makeHost()
        host.records = storage
        host.secrets = vault
        let plan = InstancePlan(plugin: try Fixture.build("records.c", "-D_GNU_SOURCE"), name: "fixture", config: probe.config())
        let driver = try ChainDriver([plan], host: host)
        var outcome: PluginFault??
        driver.worker.whenReady { outcome = .some($0) }
        driver.turn { outcome != nil }
        #expect(outcome == .some(nil))
        return driver
    }

    private func run(_ driver: ChainDriver, _ probe: Probe, _ what: Int64, expected: Int64 = 0, document: Int64 = 0) -> gw_error {
        (probe[30], probe[31], probe[32]) = (what, expected, document)
        #expect(driver.run(.body) == GW_CONTINUE)
        return gw_error(rawValue: Int32(probe[35]))
    }

    @Test func aSecretIsSealedInTheFileAndOpenForThePlugin() throws {
        let probe = Probe()
        let driver = try driver(probe)
        driver.begin()
        #expect(run(driver, probe, 2, document: 4) == GW_OK)
        #expect(run(driver, probe, 1) == GW_OK)
        #expect(probe[37] == Int64(#"{"name":"n","code":"canary-of-a-door-7731","opens":3}"#.utf8.count))
        driver.complete()
        driver.retire()
        storage.close()
        var found = 0
        for name in ["gateway.db", "gateway.db-wal"] {
            let content = Fixture.read(folder + "/" + name)
            #expect(!content.contains("canary-of-a-door"))
            if content.contains("gws1.") { found += 1 }
        }
        #expect(found > 0)
    }

    @Test func oneChainHearsWhatAnotherChanges() throws {
        let (first, second) = (Probe(), Probe())
        let writer = try driver(first)
        let reader = try driver(second)
        writer.begin()
        #expect(run(writer, first, 2, document: 3) == GW_OK)
        reader.turn { second[9] == 1 }
        #expect(second[4] == 1 && second[6] == first[36])
        #expect(run(writer, first, 2, expected: first[36], document: 0) == GW_OK)
        #expect(run(writer, first, 3, expected: first[36]) == GW_OK)
        reader.turn { second[7] == 1 }
        #expect(second[7] == 1 && second[10] == 0)
        writer.complete()
        writer.retire()
        reader.retire()
        storage.close()
    }

    @Test func allOfALargeCollectionIsToldBeforeTheFirstRequest() throws {
        let done = Awaited<Bool>()
        let changes = (0..<1000).map {
            RecordChange(collection: "doors", id: "door_\($0)", document: Array("{\"name\":\"\($0)\"}".utf8), label: "\($0)")
        }
        storage.apply(changes) { result in done.give((try? result.get()) != nil) }
        #expect(done.take())
        let probe = Probe()
        let driver = try driver(probe)
        #expect(probe[4] == 1000 && probe[5] == 1 && probe[10] == 0)
        driver.retire()
        storage.close()
    }

    @Test func derivedBytesAreTheSameInTheNextProcess() throws {
        let (first, second) = (Probe(), Probe())
        let driver = try driver(first)
        driver.retire()
        storage.close()
        let (again, vault) = try Vault.open(
            folder: folder, key: try MasterKey(Secret("a text of thirty-two characters!"), source: "the test"))
        let host = ChainDriver.makeHost()
        host.records = again
        host.secrets = vault
        let other = try ChainDriver(
            [InstancePlan(plugin: try Fixture.build("records.c", "-D_GNU_SOURCE"), name: "f", config: second.config())], host: host)
        #expect(first[40] == 0 && first[41] == second[41] && first[42] == second[42] && first[41] != first[42])
        other.retire()
        again.close()
    }
}
