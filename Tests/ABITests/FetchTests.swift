import PluginABI
import Synchronization
import Testing

@testable import GatewayHost

/// The fixture keeps its interfaces in globals.
@Suite(.serialized) struct FetchTests {
    private func driver(_ probe: Probe, _ outcome: FetchOutcome?) throws -> (ChainDriver, ScriptedFetcher) {
        let driver = try ChainDriver(try Fixture.build("fetch.c"), probe.config())
        let fetcher = ScriptedFetcher(outcome)
        driver.place.fetcher = fetcher
        driver.begin()
        return (driver, fetcher)
    }

    @Test func theAnswersStatusBodyAndHeadersArrive() throws {
        let probe = Probe()
        let (driver, fetcher) = try driver(
            probe,
            .response(
                status: 201, headers: [(Array("x-a".utf8), Array("1".utf8)), (Array("X-B".utf8), [])], body: Bytes("body")))
        #expect(driver.run(.request) == GW_CONTINUE)
        #expect((0...6).map { probe[$0] } == [1, 0, 201, 1, 1, 1, 1])
        #expect(fetcher.asked == ["GET http://example.com/token {} 30000"])
        driver.complete()
        driver.retire()
    }

    @Test func aFailureIsToldByItsError() throws {
        let probe = Probe()
        let (driver, _) = try driver(probe, .failed(GW_E_TIMEOUT))
        #expect(driver.run(.request) == GW_CONTINUE)
        #expect(probe[0] == 1 && probe[1] == Int64(GW_E_TIMEOUT.rawValue))
        driver.complete()
    }

    @Test func theEndOfTheExchangeCancelsIt() throws {
        let probe = Probe()
        let (driver, fetcher) = try driver(probe, nil)
        #expect(driver.call(.request, 0) == GW_SUSPEND)
        #expect(driver.suspend(0))
        driver.complete()
        #expect(probe[0] == 1 && probe[1] == Int64(GW_E_CANCELLED.rawValue))
        #expect(fetcher.cancelled == 1)
    }

    @Test func itSaysWhetherItMayHaveBeenCarriedOut() throws {
        for mayHaveRun in [true, false] {
            let probe = Probe()
            let (driver, _) = try driver(probe, .failed(GW_E_UNAVAILABLE, mayHaveRun: mayHaveRun))
            #expect(driver.run(.request) == GW_CONTINUE)
            #expect(probe[2] == (mayHaveRun ? Int64(GW_FETCH_MAY_HAVE_RUN) : 0))
            driver.complete()
        }
    }

    @Test func itSaysWhetherTheProxyIsToBlame() throws {
        for (mayHaveRun, flags) in [(false, GW_FETCH_PROXY_FAILED), (true, GW_FETCH_PROXY_FAILED | GW_FETCH_MAY_HAVE_RUN)] {
            let probe = Probe()
            let (driver, _) = try driver(probe, .failed(GW_E_TIMEOUT, mayHaveRun: mayHaveRun, isOfProxy: true))
            #expect(driver.run(.request) == GW_CONTINUE)
            #expect(probe[2] == Int64(flags))
            driver.complete()
        }
    }

    /// A chain that is replaced stays until what it sent in the background has been answered.
    @Test func whatIsFetchedInTheBackgroundIsAwaited() throws {
        let probe = Probe()
        let (driver, fetcher) = try driver(probe, nil)
        #expect(driver.run(.response) == GW_CONTINUE)
        #expect(probe[7] == 0)
        driver.complete()
        var isStopped = false
        driver.worker.whenStopped = { isStopped = true }
        driver.worker.supersede()
        #expect(!isStopped && driver.host.backgroundWork.load(ordering: .relaxed) == 1)
        fetcher.end(.failed(GW_E_TIMEOUT, mayHaveRun: true))
        driver.turn { isStopped }
        #expect(isStopped && probe[8] == 1 && probe[9] == 1 && driver.host.backgroundWork.load(ordering: .relaxed) == 0)
        driver.generation.destroy()
    }

    /// The end of the process does not wait for ever.
    @Test func theEndCutsWhatIsFetchedInTheBackground() throws {
        let probe = Probe()
        let (driver, fetcher) = try driver(probe, nil)
        #expect(driver.run(.response) == GW_CONTINUE)
        driver.complete()
        driver.worker.end()
        #expect(probe[8] == 1 && fetcher.cancelled == 1 && driver.host.backgroundWork.load(ordering: .relaxed) == 0)
        driver.generation.destroy()
    }

    @Test func withoutAFetcherTheServiceIsUnavailable() throws {
        let probe = Probe()
        let (driver, _) = try driver(probe, nil)
        driver.place.fetcher = nil
        #expect(driver.run(.request) == GW_CONTINUE)
        #expect(probe[1] == Int64(GW_E_UNAVAILABLE.rawValue))
        driver.complete()
    }

    @Test func theGatewayIsControlledOnlyWithTheCapability() throws {
        let probe = Probe()
        let control = ScriptedControl()
        let driver = try ChainDriver(try Fixture.build("fetch.c"), probe.config()) { $0.capabilities = [.control] }
        driver.host.control = control
        driver.begin()
        #expect(driver.run(.body) == GW_CONTINUE)
        #expect(probe[10] == 1 && probe[11] == 1 && probe[12] == 0)
        control.fault = PluginFault("gateway.yaml", "line 3 is odd")
        #expect(driver.run(.body) == GW_CONTINUE)
        #expect(probe[12] == Int64(GW_E_ARGUMENT.rawValue))
        #expect(probe[13] == Int64("gateway.yaml: line 3 is odd".utf8.count))
        driver.complete()

        let without = Probe()
        let plain = try ChainDriver(try Fixture.build("fetch.c"), without.config())
        plain.begin()
        #expect(plain.run(.body) == GW_CONTINUE)
        #expect(without[10] == 0 && without[11] == 0)
        plain.complete()
    }
}

final class ScriptedFetcher: Fetcher {
    private let outcome: FetchOutcome?
    private(set) var asked: [String] = []
    fileprivate(set) var cancelled = 0
    private var running: [(FetchOutcome) -> Void] = []

    /// Ends those that wait.
    func end(_ outcome: FetchOutcome) {
        for ended in running { ended(outcome) }
        running = []
    }

    /// - Parameter outcome: nil: it ends when the test says so.
    init(_ outcome: FetchOutcome?) { self.outcome = outcome }

    func start(_ request: FetchRequest, ended: @escaping (FetchOutcome) -> Void) throws(FetchRefusal) -> any Fetch {
        asked.append(
            "\(request.method.string) \(request.url.string) \(request.body.string) \(request.timeoutMilliseconds)")
        let fetch = ScriptedFetch(self)
        if let outcome { ended(outcome) } else { running.append(ended) }
        return fetch
    }

    func reopen(_ proxy: Bytes) { asked.append("reopen \(proxy.string)") }
}

private final class ScriptedFetch: Fetch {
    private let fetcher: ScriptedFetcher

    init(_ fetcher: ScriptedFetcher) { self.fetcher = fetcher }

    func cancel() { fetcher.cancelled += 1 }
}

final class ScriptedControl: GatewayControl, @unchecked Sendable {
    var fault: PluginFault?

    func status() -> String { "{\"generation\":1}" }
    func reload(config: String?, done: @escaping @Sendable (PluginFault?) -> Void) { done(fault) }
}
