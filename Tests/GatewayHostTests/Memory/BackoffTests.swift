import Testing

@testable import GatewayHost

@Suite struct BackoffTests {
    @Test func pausesGrowAndAreNeverTheSame() {
        var backoff = Backoff(first: 50, longest: 2000)
        #expect([0, 0.5, 0, 0, 0, 0, 0, 0.999].map { backoff.next($0) } == [25, 75, 100, 200, 400, 800, 1000, 1999])
        backoff.reset()
        #expect(backoff.next(0) == 25)
    }
}
