// What becomes of an upstream whose client is gone, by policy.

import Testing

@testable import GatewayHost

@Suite struct DepartureTests {
    @Test func aPolicyIsSpelledInAKeyAsInTheConfiguration() {
        for policy in ClientGoneConfig.Policy.allCases {
            var word = policy.rawValue
            word.withUTF8 { #expect(ClientGoneConfig.Policy(Bytes(UnsafeRawBufferPointer($0))) == policy) }
        }
        #expect(ClientGoneConfig.Policy(Bytes("Abort")) == nil)
        #expect(ClientGoneConfig.Policy(Bytes("")) == nil)
    }

    @Test(arguments: [
        (ClientGoneConfig.Policy.drain, false, false), (.drain, true, false), (.abort, false, true), (.abort, true, true),
        (.abortBeforeFirstByte, false, true), (.abortBeforeFirstByte, true, false),
    ])
    func whoIsGivenUp(policy: ClientGoneConfig.Policy, hasBegun: Bool, isGivenUp: Bool) {
        #expect(policy.abandons(hasBegun: hasBegun) == isGivenUp)
    }

    @Test func aRowSaysThatItsUpstreamWasNotReadToItsEnd() {
        #expect(Departure.allCases.filter(\.isCut) == [.aborted, .crowded, .expired])
        #expect(Set(Departure.allCases.map(\.name)).count == Departure.allCases.count)
    }
}
