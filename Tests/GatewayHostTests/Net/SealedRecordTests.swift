// What is remembered of a TLS record between two writes.

import Testing

@testable import GatewayHost

@Suite struct SealedRecordTests {
    @Test func aRecordThatGoesOutWholeLeavesNothing() {
        var sealed = SealedRecord()
        sealed.recordWaits(offered: 300)
        #expect(sealed.count == 300)
        #expect(sealed.recordSent(300, offered: 500) == 300)
        #expect(sealed.count == 0)
        #expect(sealed.takeSent(100) == 0)
    }

    @Test func whatWentAheadIsTakenOffTheNextOffers() {
        var sealed = SealedRecord()
        sealed.recordWaits(offered: 300)
        #expect(sealed.recordSent(300, offered: 100) == 100)
        #expect(sealed.takeSent(150) == 150)
        #expect(sealed.takeSent(150) == 50)
        #expect(sealed.takeSent(150) == 0)
    }
}
