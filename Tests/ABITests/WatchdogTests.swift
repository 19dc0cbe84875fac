import CLinux
import Glibc
import PluginABI
import Testing

@testable import GatewayHost

@Suite struct WatchdogTests {
    @Test func anOverrunIsCountedOnceAndRepeatedOnesLeadToQuarantine() throws {
        let probe = Probe()
        let name = Fixture.unique("spin")
        let driver = try ChainDriver([InstancePlan(plugin: try Fixture.build("spin.c"), name: name, config: probe.config())])
        let watchdog = Watchdog(host: driver.host)
        watchdog.watch(driver.generation)
        let instance = driver.generation.instances[0]
        let label = UInt(bitPattern: HookLabel.all(of: name))
        let start = Instant.read()

        for round in 1...PluginInstance.overrunsBeforeQuarantine {
            // The mark as it stands while the hook runs.
            driver.place.mark.pointee.enter(label, request: 1)
            watchdog.sample(start)
            watchdog.sample(start.adding(milliseconds: 9))
            #expect(instance.metrics.overruns.count == round - 1)
            watchdog.sample(start.adding(milliseconds: 11))
            watchdog.sample(start.adding(milliseconds: 500))
            #expect(instance.metrics.overruns.count == round)
            #expect(!driver.host.hasQuarantine)
            watchdog.sample(start.adding(milliseconds: 1100))
            watchdog.sample(start.adding(milliseconds: 1200))
            #expect(instance.metrics.overruns.count == round)
            driver.place.mark.pointee.leave()
            watchdog.sample(start.adding(milliseconds: 1300))
        }
        #expect(driver.host.hasQuarantine)
        #expect(instance.isQuarantined(at: start.adding(seconds: 10)))
        #expect(!instance.isQuarantined(at: start.adding(seconds: 60)))

        // A plugin in quarantine is not called: this one would not come back.
        driver.begin()
        #expect(driver.call(.request, 0) == GW_FAIL)
        #expect(!driver.exchange.scopes[0].entered)
        driver.complete()
        driver.retire()
    }

    @Test func manyShortCallsAreNoOverrun() throws {
        let name = Fixture.unique("short")
        let driver = try ChainDriver([
            InstancePlan(plugin: try Fixture.build("tables.c", "-DVARIANT=7"), name: name)
        ])
        let watchdog = Watchdog(host: driver.host)
        watchdog.watch(driver.generation)
        let start = Instant.read()
        for turn in 0..<100 {
            driver.place.mark.pointee.enter(UInt(bitPattern: HookLabel.all(of: name)), request: 1)
            watchdog.sample(start.adding(milliseconds: turn * 10))
        }
        #expect(driver.generation.instances[0].metrics.overruns.count == 0)
        driver.place.mark.pointee.leave()
        driver.retire()
    }

    /// The thread itself, with a hook that really does not come back until it was named.
    @Test func aHookThatRunsIsNamedWhileItRuns() throws {
        let probe = Probe()
        let name = Fixture.unique("stuck")
        let driver = try ChainDriver([InstancePlan(plugin: try Fixture.build("spin.c"), name: name, config: probe.config())])
        let watchdog = Watchdog(host: driver.host)
        watchdog.watch(driver.generation)
        watchdog.start()
        defer { watchdog.stop() }
        let release = Releaser(driver.generation.instances[0], probe)
        release.start()
        driver.begin()
        #expect(driver.call(.request, 0) == GW_CONTINUE)
        release.join()
        #expect(driver.generation.instances[0].metrics.overruns.count == 1)
        driver.complete()
        driver.retire()
    }
}

/// Lets the spinning hook go once its overrun was counted.
private final class Releaser: @unchecked Sendable {
    private let instance: PluginInstance
    private let probe: Probe
    private var thread = pthread_t()

    init(_ instance: PluginInstance, _ probe: Probe) {
        self.instance = instance
        self.probe = probe
    }

    func start() { pthread_create(&thread, nil, releaserMain, Unmanaged.passUnretained(self).toOpaque()) }
    func join() { pthread_join(thread, nil) }

    fileprivate func run() {
        let deadline = Instant.read().adding(seconds: 10)
        while instance.metrics.overruns.count == 0, Instant.read() < deadline { sched_yield() }
        UnsafeMutableRawPointer(probe.memory).storeBytes(of: 1, as: Int64.self)
    }
}

private func releaserMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    Unmanaged<Releaser>.fromOpaque(argument!).takeUnretainedValue().run()
    return nil
}
