import PluginABI
import Testing

@testable import GatewayHost

@Suite struct MessageTests {
    @Test func aMessageIsReadAndChangedAsTheContractSays() throws {
        let probe = Probe()
        let driver = try ChainDriver(try Fixture.build("message.c"), probe.config())
        driver.begin()
        driver.header("x-first", "1")
        driver.header("X-First", "2")
        driver.header("x-empty", "")
        #expect(driver.run(.request) == GW_CONTINUE)
        for index in [0, 1, 2, 3, 4, 5, 6, 9, 14, 17, 18, 19, 20, 21, 22, 23, 24, 25] {
            #expect(probe[index] == 1, "value[\(index)]")
        }
        // x-first once instead of twice, x-empty, and two x-added.
        #expect(probe[7] == 4 && probe[8] == 2)
        for index in [10, 11, 12, 13, 15, 16] {
            #expect(probe[index] == Int64(GW_E_ARGUMENT.rawValue), "value[\(index)]")
        }
        #expect(driver.exchange.path.equals(Bytes("/v1/other")))

        driver.exchange.body = Bytes("{\"model\":\"m\"}")
        driver.exchange.bodyIsComplete = true
        #expect(driver.run(.body) == GW_CONTINUE)
        #expect(probe[30] == 1 && probe[31] == 1)
        #expect(driver.exchange.scopes[0].unsubscribed == UInt32(GW_ON_CHUNK))

        driver.exchange.status = 429
        driver.header("retry-after", "7", response: true)
        #expect(driver.run(.attempt) == GW_RESPOND)
        #expect(probe[35] == 1 && probe[36] == 1)
        let staged = try #require(driver.exchange.staged)
        #expect(staged.status == 503 && staged.body.equals(Bytes("no")) && staged.headers.count == 2)
        #expect(staged.headers[1].known == .contentType && staged.headers[1].origin == .plugin)
        // What the upstream sent stays until the response is really replaced.
        #expect(driver.exchange.responseHeaders.count == 1)
        driver.complete()
        driver.retire()
    }

    @Test func whatIsNotAllowedIsRefusedWithTheRightError() throws {
        let probe = Probe()
        let driver = try ChainDriver(try Fixture.build("misuse.c"), probe.config())
        driver.begin()
        func expect(_ indices: [Int], _ error: gw_error) {
            for index in indices { #expect(probe[index] == Int64(error.rawValue), "value[\(index)]") }
        }
        driver.run(.request)
        expect([0, 1, 2, 9, 10, 11, 14, 15], GW_E_STATE)
        expect([3, 4, 5, 6, 8, 12, 13, 16], GW_E_ARGUMENT)
        expect([7], GW_E_FORBIDDEN)
        #expect(driver.exchange.staged == nil)
        driver.exchange.body = Bytes("{}")
        driver.exchange.bodyIsComplete = true
        driver.run(.select)
        expect([20, 21], GW_OK)
        #expect(driver.exchange.body.equals(Bytes("new body")))
        driver.run(.attempt)
        expect([30, 31, 32], GW_E_STATE)
        driver.run(.response)
        expect([35, 37], GW_OK)
        expect([36], GW_E_ARGUMENT)
        #expect(driver.exchange.bufferResponseLimit == 1000)
        driver.exchange.isCommitted = true
        driver.run(.chunk)
        expect([40, 41], GW_E_STATE)
        expect([42], GW_OK)
        #expect(probe[43] == Int64(GW_REQUEST_COMMITTED))
        #expect(driver.exchange.emitted?.count == 1)
        driver.complete()
        expect([50, 51, 52], GW_E_STATE)
        #expect(probe[53] == 0)
        driver.retire()
    }

    @Test func headersThatAPluginSetAreMarkedAsItsOwn() throws {
        let probe = Probe()
        let driver = try ChainDriver(try Fixture.build("misuse.c"), probe.config())
        driver.begin()
        driver.header("x-api-key", "the client's")
        driver.exchange.bodyIsComplete = true
        driver.run(.select)
        let index = driver.exchange.requestHeaders.firstIndex(of: .xAPIKey)
        let field = try #require(index.map { driver.exchange.requestHeaders[$0] })
        #expect(field.origin == .plugin)
        #expect(field.value.equals(Bytes("secret")))
        driver.complete()
    }

    /// The contract's [worker] functions answer a foreign thread with GW_E_STATE.
    @Test func aForeignThreadIsRefused() throws {
        let probe = Probe()
        let driver = try ChainDriver(try Fixture.build("misuse.c"), probe.config())
        driver.begin()
        let foreigner = Foreigner(driver.exchange.request(0))
        driver.loop.mailbox.enter()
        defer { driver.loop.mailbox.leave() }
        foreigner.runOnOwnThread()
        #expect(foreigner.results == [GW_E_STATE, GW_E_STATE, GW_E_STATE, GW_E_STATE])
        #expect(foreigner.operation == 0)
        #expect(foreigner.header.ptr == nil)
    }
}
