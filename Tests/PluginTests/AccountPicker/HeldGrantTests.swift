// The credential as all workers of a process have it: which of several records counts, and that nothing brings an older
// token back.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct HeldGrantTests {
    private let held = HeldGrant(Standing("account_1", serial: 1))
    private let moment = HeldGrant.Moment(wall: 1_000, now: 5_000)

    private func grant(_ access: String, _ refresh: String?, _ state: Grant.State = .valid) -> Grant {
        var grant = Grant()
        grant.state = state
        grant.accessToken = access
        grant.refreshToken = refresh
        return grant
    }

    private var sent: String { String(decoding: held.token?.header ?? [], as: UTF8.self) }

    @Test func aRecordThatIsToldLateChangesNothing() {
        held.hold(grant("a1", "r1"), revision: 7, moment)
        held.hold(grant("a2", "r2"), revision: 9, moment)
        held.hold(grant("a1", "r1", .refreshing), revision: 8, moment)
        #expect(sent == "Bearer a2" && held.grant.state == .valid)
        held.hold(grant("a3", "r3"), revision: 10, moment)
        #expect(sent == "Bearer a3")
    }

    @Test func whatCouldNotBeStoredYetIsNotReplacedByWhatIsStored() {
        let claimed = grant("a1", "r1", .refreshing)
        held.hold(claimed, revision: 8, moment)
        held.hold(grant("a2", "r2"), inPlaceOf: claimed, moment)
        // The notice of the claim itself, late; an edit of another field meanwhile; another gateway that gave the claim up.
        held.hold(claimed, revision: 8, moment)
        held.hold(claimed, revision: 11, moment)
        held.hold(grant("a1", "r1", .needsOperator), revision: 12, moment)
        #expect(sent == "Bearer a2" && held.grant.state == .valid)
        // A reading that is older than those.
        held.hold(grant("a0", "r0"), revision: 10, moment)
        #expect(sent == "Bearer a2")
        // Stored at last, and refreshed again somewhere else.
        held.hold(grant("a2", "r2"), revision: 13, moment)
        held.hold(grant("a3", "r3"), revision: 14, moment)
        #expect(sent == "Bearer a3")
        // What was ahead once is not any more: a record may have any tokens now.
        held.hold(grant("a1", "r1"), revision: 15, moment)
        #expect(sent == "Bearer a1")
    }

    @Test func aRefreshTokenThatDoesNotRotateIsNotTakenForTheNewGrant() {
        let claimed = grant("a1", "r", .refreshing)
        held.hold(claimed, revision: 8, moment)
        held.hold(grant("a2", "r"), inPlaceOf: claimed, moment)
        held.hold(claimed, revision: 9, moment)
        #expect(sent == "Bearer a2")
        held.hold(grant("a2", "r"), revision: 10, moment)
        #expect(sent == "Bearer a2" && held.grant.state == .valid)
    }

    @Test func whatTheOperatorWroteCountsAtOnce() {
        let claimed = grant("a1", "r1", .refreshing)
        held.hold(claimed, revision: 8, moment)
        held.hold(grant("a2", "r2"), inPlaceOf: claimed, moment)
        held.hold(grant("theirs", nil), revision: 9, moment)
        #expect(sent == "Bearer theirs")
    }
}
