import PluginABI
import Testing

@testable import GatewayHost

@Suite struct ChainTests {
    private func plan(_ name: String, _ probe: Probe, tag: Int, _ more: String = "") throws -> InstancePlan {
        InstancePlan(
            plugin: try Fixture.build("life.c"), name: name,
            config: probe.config("\"tag\":\(tag)" + (more.isEmpty ? "" : "," + more)))
    }

    /// value[0] counts, the events follow.
    private func events(_ probe: Probe) -> [Int64] { (0..<Int(probe[0])).map { probe[$0 + 1] } }

    @Test func everyScopeIsOpenedInOrderAndClosedInReverse() throws {
        let probe = Probe()
        let driver = try ChainDriver([plan("a", probe, tag: 1), plan("b", probe, tag: 2)])
        driver.retire()
        #expect(events(probe) == [1001, 1002, 3001, 3002, 4002, 4001, 2002, 2001])
    }

    @Test func aWorkerStopsOnlyWhenItsLastExchangeHasEnded() throws {
        let probe = Probe()
        let driver = try ChainDriver([plan("a", probe, tag: 1)])
        driver.begin()
        var stopped = false
        driver.worker.whenStopped = { stopped = true }
        driver.worker.supersede()
        #expect(!stopped && events(probe) == [1001, 3001])
        driver.complete()
        #expect(stopped && events(probe) == [1001, 3001, 4001])
        driver.generation.destroy()
        #expect(events(probe) == [1001, 3001, 4001, 2001])
    }

    @Test func aRefusedConfigurationLeavesNothingAndSaysTheLastError() throws {
        let probe = Probe()
        let fault = #expect(throws: PluginFault.self) {
            try ChainDriver([
                plan("a", probe, tag: 1), plan("b", probe, tag: 2), plan("c", probe, tag: 3, "\"fail\":\"create\""),
            ])
        }
        #expect(fault?.subject == "c")
        #expect(fault?.description.contains("the flux is missing; add `flux:`") == true)
        #expect(fault?.description.contains("first complaint") == false)
        // create failed for c, so c has nothing to destroy.
        #expect(events(probe) == [1001, 1002, 1003, 2002, 2001])
    }

    @Test func aWorkerThatCannotStartStopsThoseBeforeIt() throws {
        let probe = Probe()
        let fault = #expect(throws: PluginFault.self) {
            try ChainDriver([plan("a", probe, tag: 1), plan("b", probe, tag: 2, "\"fail\":\"start\"")])
        }
        #expect(fault?.description.contains("worker_start failed (unavailable)") == true)
        #expect(events(probe) == [1001, 1002, 3001, 3002, 4001])
    }

    @Test func twoEntriesOfOneNameAreRefused() throws {
        let probe = Probe()
        #expect(throws: PluginFault.self) { try ChainDriver([plan("a", probe, tag: 1), plan("a", probe, tag: 2)]) }
        #expect(events(probe).isEmpty)
    }

    @Test func stateTravelsToTheInstanceOfTheSameName() throws {
        let (old, new, other) = (Probe(), Probe(), Probe())
        let first = try ChainDriver([plan("a", old, tag: 1), plan("gone", other, tag: 9)])
        old[60] = 4711
        let second = try ChainDriver(
            [plan("a", new, tag: 2), plan("fresh", other, tag: 8)], host: first.host, previous: first.generation, number: 2)
        #expect(new[61] == 4711)
        #expect(events(new) == [1002, 5002, 3002])
        #expect(other[61] == 0)
        first.retire()
        second.retire()
    }

    @Test func mountsAreFoundAtAndBelowTheirPath() throws {
        let probe = Probe()
        let path = try Fixture.build("services.c")
        let plan = InstancePlan(
            plugin: path, name: "services", config: probe.config("\"list\":[0,{\"a/b\":\"\\u00e9\"}],\"real\":2.5"))
        let driver = try ChainDriver([plan])
        #expect(driver.worker.adminEntry(Bytes("/test")) == 0)
        #expect(driver.worker.adminEntry(Bytes("/test/more")) == 0)
        #expect(driver.worker.adminEntry(Bytes("/tester")) == nil)
        #expect(driver.worker.adminEntry(Bytes("/")) == nil)
        var other = plan
        other.name = "second"
        #expect(throws: PluginFault.self) { try ChainDriver([plan, other]) }
        other.mount = "/elsewhere"
        #expect(try ChainDriver([plan, other]).worker.adminEntry(Bytes("/elsewhere")) == 1)
    }

    @Test func responseHooksRunFromTheInsideOut() throws {
        let probe = Probe()
        let path = try Fixture.build("misuse.c")
        let plans = ["a", "b", "c"].map { InstancePlan(plugin: path, name: $0, config: probe.config()) }
        let driver = try ChainDriver(plans)
        #expect(Array(driver.worker.hooks(.request)) == [0, 1, 2])
        #expect(Array(driver.worker.hooks(.select)) == [0, 1, 2])
        #expect(Array(driver.worker.hooks(.attempt)) == [2, 1, 0])
        #expect(Array(driver.worker.hooks(.chunk)) == [2, 1, 0])
        #expect(Array(driver.worker.hooks(.complete)) == [2, 1, 0])
        #expect(driver.worker.hooks(.body).isEmpty)
        driver.retire()
    }
}
