import PluginABI
import Testing

@testable import GatewayHost

/// The fixture keeps its series in a global, as a plugin with one instance may.
@Suite(.serialized) struct ServiceTests {
    private func driver(_ probe: Probe, name: String = Fixture.unique("services")) throws -> ChainDriver {
        var plan = InstancePlan(
            plugin: try Fixture.build("services.c"), name: name,
            config: probe.config("\"list\":[0,{\"a/b\":\"\\u00e9\"}],\"real\":2.5"))
        plan.secrets = ["token": Secret("s3cret")]
        return try ChainDriver([plan])
    }

    @Test func theServicesAnswerAsTheContractSays() throws {
        let probe = Probe()
        let driver = try driver(probe)
        for index in 0...10 { #expect(probe[index] == 1, "value[\(index)]") }
        driver.begin()
        #expect(driver.run(.request) == GW_CONTINUE)
        for index in 20...22 { #expect(probe[index] == 1, "value[\(index)]") }

        driver.exchange.body = Bytes("{\"model\":\"a\\nb\",\"usage\":{\"output_tokens\":42}}")
        driver.exchange.bodyIsComplete = true
        #expect(driver.run(.body) == GW_CONTINUE)
        #expect(probe[40] == 1 && probe[41] == 1)
        #expect(probe[42] == Int64(GW_E_ABSENT.rawValue) && probe[43] == Int64(GW_E_ARGUMENT.rawValue))
        // Three questions, one scan.
        #expect(driver.place.documents.scans == 1)
        #expect(probe[44] == 1)
        #expect(probe[30] == 0 && probe[32] == 2 && probe[33] == 1)
        driver.run(.select)
        #expect(probe[45] == 0)
        #expect(probe[46] == Int64(GW_E_ABSENT.rawValue) && probe[47] == Int64(GW_E_ABSENT.rawValue))

        #expect(driver.run(.admin) == GW_RESPOND)
        let text = try #require(driver.exchange.staged).body.string
        #expect(text.contains("# TYPE test_things counter\ntest_things_total{who=\"a\\\"b\"} 2\n"))
        #expect(text.hasSuffix("# EOF\n"))
        driver.complete()
        driver.retire()
    }

    @Test func leasesAreGivenBackWhenTheExchangeEnds() throws {
        let probe = Probe()
        let driver = try driver(probe)
        driver.exchange.bodyIsComplete = true
        // Two places: two exchanges hold them, a third is refused until one ends.
        let second = Exchange(loop: driver.loop, pool: driver.place.blocks)
        let third = Exchange(loop: driver.loop, pool: driver.place.blocks)
        func take(_ exchange: Exchange) -> Int64 {
            exchange.bodyIsComplete = true
            exchange.driver = driver
            driver.worker.exchangeBegins(exchange)
            #expect(driver.worker.call(.body, entry: 0, exchange: exchange) == GW_SUSPEND)
            driver.place.operations.drainReady(of: exchange)
            return probe[30]
        }
        func end(_ exchange: Exchange) {
            driver.place.operations.cancelAll(of: exchange)
            driver.worker.limiter.releaseAll(of: exchange)
            driver.worker.exchangeEnds(exchange)
            exchange.reset()
        }
        #expect(take(driver.exchange) == 0)
        #expect(take(second) == 0)
        #expect(take(third) == Int64(GW_E_LIMIT.rawValue))
        #expect(probe[31] == 1)
        // The refused take took nothing of the rate either: 3 were there, 2 are taken.
        #expect(probe[32] == 1)
        end(third)
        end(second)
        #expect(take(third) == 0)
        #expect(probe[32] == 0)
        end(third)
        #expect(take(third) == Int64(GW_E_LIMIT.rawValue))
        #expect(probe[31] == 0 && probe[34] > 0)
        end(third)
        end(driver.exchange)
        driver.retire()
    }
}
