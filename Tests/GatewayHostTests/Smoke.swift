import Testing
@testable import GatewayHost
@Test func smoke() { #expect(gatewayMain() == 0) }
