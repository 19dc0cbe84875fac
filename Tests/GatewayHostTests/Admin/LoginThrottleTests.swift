import Testing

@testable import GatewayHost

@Suite struct LoginThrottleTests {
    private func failing(_ throttle: inout LoginThrottle, _ count: Int, address: String, user: String, at now: Int) {
        for _ in 0..<count { #expect(throttle.begin(address: address, user: user, now: now) == .mayTry) }
    }

    @Test func theFirstFailuresAreFreeAndThenEachDoublesTheWait() {
        var throttle = LoginThrottle(user: .init(longestDelayMilliseconds: 1 << 40))
        failing(&throttle, 5, address: "192.0.2.1", user: "ada", at: 0)
        #expect(throttle.begin(address: "192.0.2.1", user: "ada", now: 0) == .wait(milliseconds: 1_000, isFirst: true))
        var now = 0
        for wait in [1_000, 2_000, 4_000, 8_000, 16_000] {
            now += wait - 1
            guard case .wait(let rest, _) = throttle.begin(address: "192.0.2.1", user: "ada", now: now) else {
                Issue.record("let in \(rest(of: wait)) early")
                return
            }
            #expect(rest == 1)
            now += 1
            #expect(throttle.begin(address: "192.0.2.1", user: "ada", now: now) == .mayTry)
        }
    }

    private func rest(of wait: Int) -> String { "1 of \(wait) ms" }

    @Test func onlyTheFirstRefusalOfAWaitIsNews() {
        var throttle = LoginThrottle()
        failing(&throttle, 5, address: "192.0.2.1", user: "ada", at: 0)
        #expect(throttle.begin(address: "192.0.2.1", user: "ada", now: 1) == .wait(milliseconds: 999, isFirst: true))
        #expect(throttle.begin(address: "192.0.2.1", user: "ada", now: 2) == .wait(milliseconds: 998, isFirst: false))
    }

    @Test func anAddressWaitsWhoeverItTriesToBe() {
        var throttle = LoginThrottle()
        for index in 0..<5 { failing(&throttle, 1, address: "192.0.2.1", user: "user\(index)", at: 0) }
        guard case .wait = throttle.begin(address: "192.0.2.1", user: "another", now: 0) else {
            Issue.record("a sixth user was tried")
            return
        }
        #expect(throttle.begin(address: "192.0.2.2", user: "another", now: 0) == .mayTry)
    }

    @Test func aUserIsProtectedFromManyAddressesAndNeverLockedOutForLong() {
        var throttle = LoginThrottle()
        for index in 0..<5 { failing(&throttle, 1, address: "192.0.2.\(index)", user: "ada", at: 0) }
        guard case .wait = throttle.begin(address: "198.51.100.1", user: "ada", now: 0) else {
            Issue.record("the sixth address may try")
            return
        }
        var now = 0
        for index in 0..<50 {
            now += LoginThrottle.Policy.user.longestDelayMilliseconds
            #expect(throttle.begin(address: "203.0.113.\(index)", user: "ada", now: now) == .mayTry)
        }
    }

    @Test func aSuccessTakesBackItsOwnTryAndNoOther() {
        var throttle = LoginThrottle()
        failing(&throttle, 4, address: "192.0.2.1", user: "ada", at: 0)
        #expect(throttle.begin(address: "192.0.2.1", user: "mallory", now: 0) == .mayTry)
        throttle.succeeded(address: "192.0.2.1", user: "mallory")
        // Four of ada's failures still count for the address: the next is the fifth, and then it waits.
        #expect(throttle.begin(address: "192.0.2.1", user: "ada", now: 0) == .mayTry)
        #expect(throttle.begin(address: "192.0.2.1", user: "bob", now: 0) == .wait(milliseconds: 1_000, isFirst: true))
    }

    @Test func manyTriesAtOnceAreNoWayAround() {
        var throttle = LoginThrottle()
        let admitted = (0..<100).filter { _ in throttle.begin(address: "192.0.2.1", user: "ada", now: 0) == .mayTry }
        #expect(admitted.count == 5)
    }

    @Test func memoryIsBoundedAndTheWorstAreKept() {
        let policy = LoginThrottle.Policy(longestDelayMilliseconds: 900_000, entryLimit: 100)
        var throttle = LoginThrottle(address: policy, user: policy)
        for _ in 0..<5 { _ = throttle.begin(address: "192.0.2.1", user: "ada", now: 0) }
        for index in 0..<10_000 { _ = throttle.begin(address: "a\(index)", user: "u\(index)", now: 0) }
        #expect(throttle.entryCount <= 200)
        guard case .wait = throttle.begin(address: "192.0.2.1", user: "ada", now: 0) else {
            Issue.record("whoever waits was forgotten in favour of those who do not")
            return
        }
    }

    @Test func whatIsLongPastIsForgotten() {
        var throttle = LoginThrottle()
        failing(&throttle, 5, address: "192.0.2.1", user: "ada", at: 0)
        let later = LoginThrottle.Policy.address.memoryMilliseconds + 2_000
        failing(&throttle, 5, address: "192.0.2.1", user: "ada", at: later)
    }

    @Test func neighboursOfOneIPv6NetworkAreOne() {
        #expect(LoginThrottle.key(of: "2001:db8::1") == LoginThrottle.key(of: "2001:db8::ffff"))
        #expect(LoginThrottle.key(of: "2001:db8:0:1::1") != LoginThrottle.key(of: "2001:db8::1"))
        #expect(LoginThrottle.key(of: "192.0.2.1") != LoginThrottle.key(of: "192.0.2.2"))
    }
}
