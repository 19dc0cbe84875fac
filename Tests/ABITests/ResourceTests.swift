// gw.admin/1 from the host's side: declarations, checks, actions, fixed records, and plugins that misuse them.

import PluginABI
import Testing

@testable import GatewayHost

/// The fixture keeps an answer in a global.
@Suite(.serialized) struct ResourceTests {
    private func driver(_ probe: Probe, _ more: String = "", options: [String] = []) throws -> ChainDriver {
        let path: String
        switch options.count {
        case 0: path = try Fixture.build("resources.c", "-D_GNU_SOURCE")
        default: path = try Fixture.build("resources.c", "-D_GNU_SOURCE", options[0])
        }
        let driver = try ChainDriver(path, probe.config(more))
        driver.begin()
        return driver
    }

    private func owner(_ driver: ChainDriver) throws -> PluginResources {
        try #require(driver.worker.resource("doors", for: driver.exchange)).owner
    }

    private func creation(_ name: String) -> ResourceChange {
        ResourceChange(kind: .create, resource: "doors", id: "door_1", before: nil, after: ["name": .string(name)], actor: "user:a")
    }

    @Test func aDeclarationBelongsToItsEntry() throws {
        let driver = try driver(Probe())
        let resource = try #require(driver.generation.resources["doors"])
        #expect(resource.entry == 0 && resource.declaration.secrets == [["code"]])
        #expect(driver.worker.resource("windows", for: driver.exchange) == nil)
        #expect(try owner(driver).declarations.map(\.name) == ["doors"])
        driver.complete()
        driver.retire()
    }

    @Test func twoEntriesCannotDeclareOneName() throws {
        let path = try Fixture.build("resources.c", "-D_GNU_SOURCE")
        let fault = #expect(throws: PluginFault.self) {
            try ChainDriver(["a", "b"].map { InstancePlan(plugin: path, name: $0, config: Probe().config()) })
        }
        #expect(fault?.subject == "b" && fault?.sentence.contains("\"doors\", and so does a") == true)
    }

    @Test func aWrongDeclarationRefusesTheChainWithItsPlace() throws {
        let fault = #expect(throws: PluginFault.self) {
            try driver(Probe(), options: [#"'-DDECLARATION="{\"resources\":[{\"name\":\"Doors\"}]}"'"#])
        }
        #expect(fault?.sentence.contains("#/resources/0/name: must begin with a small letter") == true)
    }

    @Test func aTableThatEndsEarlyHasTheFunctionsThatItReaches() throws {
        let probe = Probe()
        let driver = try driver(probe, options: ["-DADMIN_SIZE=16"])
        #expect(driver.generation.resources.count == 1)
        #expect(try owner(driver).check(creation("refuse")) == ResourceVerdict())
        #expect(try owner(driver).fixedRecords(of: "doors").isEmpty)
        PluginAction(resource: "doors", action: "echo", input: [:], actor: "a").stage(on: driver.exchange)
        #expect(driver.worker.call(.admin, entry: 0, exchange: driver.exchange) == GW_FAIL)
        driver.complete()
    }

    @Test func aTableThatIsTooShortDeclaresNothing() throws {
        let driver = try driver(Probe(), options: ["-DADMIN_SIZE=8"])
        #expect(driver.generation.resources.isEmpty)
        driver.complete()
    }

    @Test func aCheckSeesTheRecordBeforeAndAfter() throws {
        let probe = Probe()
        let driver = try driver(probe)
        #expect(try owner(driver).check(creation("n")) == ResourceVerdict())
        #expect(probe[0] == 0 && probe[1] == -1 && probe[2] == Int64(#"{"name":"n"}"#.utf8.count))
        var change = creation("n")
        change.kind = .delete
        (change.before, change.after) = (change.after, nil)
        _ = try owner(driver).check(change)
        #expect(probe[0] == 2 && probe[1] == Int64(#"{"name":"n"}"#.utf8.count) && probe[2] == -1)
        driver.complete()
    }

    @Test func aCheckRefusesStoresAndReveals() throws {
        let driver = try driver(Probe())
        let owner = try owner(driver)
        #expect(
            owner.check(creation("refuse")).faults == [
                .init(pointer: "/name", sentence: "is no name for a door"), .init(pointer: "/opens", sentence: "is too much"),
            ])
        let stored = owner.check(creation("store"))
        #expect(stored.faults.isEmpty && stored.reveal == ["code": "9"])
        #expect(stored.document == ["name": "store", "code": "9", "seen": "now", "opens": 3])
        #expect(owner.check(creation("error")).faults == [.init(pointer: "", sentence: "the plugin refuses it: a limit was reached")])
        driver.complete()
    }

    @Test func whatAPluginCannotMeanIsItsFailureAndStoresNothing() throws {
        let driver = try driver(Probe())
        let owner = try owner(driver)
        #expect(owner.check(creation("bad-store")).failure?.contains("store() something that is no JSON object") == true)
        #expect(owner.check(creation("bad-schema")).failure?.contains("its own schema refuses: /name must be a text") == true)
        #expect(owner.check(creation("respond")) == ResourceVerdict())
        #expect(driver.exchange.staged == nil)
        driver.complete()
    }

    @Test func anAnswerThatComesTooLateIsNotHeard() throws {
        let probe = Probe()
        let driver = try driver(probe)
        let owner = try owner(driver)
        #expect(owner.check(creation("keep")) == ResourceVerdict())
        PluginAction(resource: "doors", action: "echo", input: [:], actor: "a").stage(on: driver.exchange)
        #expect(driver.worker.call(.admin, entry: 0, exchange: driver.exchange) == GW_RESPOND)
        #expect(probe[3] == 1)
        #expect(owner.check(creation("n")) == ResourceVerdict())
        driver.complete()
    }

    @Test func anActionIsAnAdminHookWithARecord() throws {
        let probe = Probe()
        let driver = try driver(probe)
        #expect(Array(driver.worker.alone(0)) == [0])
        PluginAction(
            resource: "doors", action: "wait", id: "door_1", record: ["name": "n", "code": "1"], revision: 7, input: ["a": 1],
            actor: "user:a"
        ).stage(on: driver.exchange)
        #expect(driver.worker.call(.admin, entry: 0, exchange: driver.exchange) == GW_SUSPEND)
        #expect(driver.suspend(0))
        #expect(driver.awaitVerdict(of: 0) == GW_RESPOND)
        #expect(driver.exchange.staged?.body.string == #"{"a":1}"#)
        #expect(probe[10] == Int64(#"{"name":"n","code":"1"}"#.utf8.count) && probe[11] == 7 && probe[12] == 6)
        #expect(driver.exchange.action == nil)
        // Without an action there is no on_admin to call.
        #expect(driver.worker.call(.admin, entry: 0, exchange: driver.exchange) == GW_FAIL)
        driver.complete()
    }

    @Test func fixedRecordsAreMarkedAndHaveNoSecrets() throws {
        let driver = try driver(Probe())
        #expect(
            try owner(driver).fixedRecords(of: "doors") == [
                ["id": "config:one", "name": "1"], ["id": "config:two", "name": "2"],
            ])
        driver.complete()
        let other = try self.driver(Probe(), "\"fixed\":\"bad\"")
        #expect(try owner(other).fixedRecords(of: "doors").isEmpty)
        other.complete()
    }
}
