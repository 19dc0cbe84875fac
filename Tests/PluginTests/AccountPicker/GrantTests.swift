// The state machine of an OAuth credential by events, its record, and what a token endpoint's answers mean.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct GrantTests {
    private func grant(expires: Int? = 4_600, lifetime: Int? = 3_600) -> Grant {
        var grant = Grant()
        grant.state = .valid
        grant.accessToken = "a"
        grant.refreshToken = "r"
        grant.expires = expires
        grant.lifetime = lifetime
        return grant
    }

    @Test func itIsRefreshedAheadOfItsEndAndNotAllAtOnce() {
        // A tenth of an hour ahead, and up to half of that more.
        #expect(grant().step(at: 1_000, chance: 0) == .look(at: 4_240))
        #expect(grant().step(at: 1_000, chance: 180) == .look(at: 4_060))
        #expect(grant().step(at: 4_239, chance: 0) == .look(at: 4_240))
        #expect(grant().step(at: 4_240, chance: 0) == .refresh)
        // Ten minutes at most, for a long life and for one that is not known.
        #expect(grant(expires: 100_000, lifetime: 90_000).step(at: 20_000, chance: 0) == .look(at: 99_400))
        #expect(grant(expires: 100_000, lifetime: nil).step(at: 20_000, chance: 300) == .look(at: 99_100))
        #expect(grant(expires: nil, lifetime: nil).step(at: 20_000, chance: 0) == .rest)
        #expect(grant(expires: nil, lifetime: nil).step(at: 20_000, chance: 0, isRejected: true) == .refresh)
        // A provider that gives no life at all is not asked all the time.
        #expect(grant(expires: 1_000, lifetime: 0).step(at: 1_000, chance: 0) == .look(at: 1_010))
        #expect(grant(expires: 1_000, lifetime: nil).step(at: 2_000, chance: 0) == .refresh)
    }

    @Test func aClaimEndsWithAWordOrIsLost() {
        var claimed = grant()
        claimed.claimed(by: "host/1/a", at: 4_240, until: 4_270)
        #expect(claimed.step(at: 4_250, chance: 0) == .look(at: 4_270))
        #expect(claimed.readiness(at: 4_250) == .yes(until: 4_600, comes: true))
        #expect(claimed.readiness(at: 4_700) == .comes(at: nil))
        guard case .giveUp(let words) = claimed.step(at: 4_270, chance: 0) else { return #expect(Bool(false)) }
        #expect(words.contains("host/1/a") && words.contains("authorize it again"))
        claimed.lost(words)
        #expect(claimed.state == .needsOperator && claimed.claim == nil)
        #expect(claimed.readiness(at: 4_300) == .yes(until: 4_600, comes: false))
        #expect(claimed.readiness(at: 4_300, isRejected: true) == .no)
        #expect(claimed.readiness(at: 4_600) == .no)
        // Never again by itself, however late it is.
        #expect(claimed.step(at: 9_999, chance: 0) == .rest)
        #expect(claimed.step(at: 9_999, chance: 0, isRejected: true) == .rest)
        // The one who had the claim comes back with an answer.
        claimed.refreshed(Tokens(access: "b", refresh: "s", lifetime: 60), at: 5_000)
        #expect(claimed.state == .valid && claimed.expires == 5_060 && claimed.detail == nil)
    }

    @Test func whatWasNotUsedIsTriedAgainLater() {
        var failing = grant()
        var waits: [Int] = []
        for _ in 0..<9 {
            failing.claimed(by: "x", at: 5_000, until: 5_030)
            failing.notUsed("status 500", at: 5_000, wait: nil, chance: 0)
            waits.append((failing.retryAt ?? 0) - 5_000)
        }
        #expect(waits == [4, 8, 16, 32, 64, 128, 256, 300, 300])
        #expect(failing.step(at: 5_000, chance: 0) == .look(at: 5_300))
        #expect(failing.readiness(at: 5_000) == .comes(at: 5_300))
        #expect(failing.step(at: 5_300, chance: 0) == .refresh)
        failing.notUsed("status 429", at: 5_300, wait: 1_000, chance: 0)
        #expect(failing.retryAt == 6_300)
        failing.refreshed(Tokens(access: "b", refresh: nil, lifetime: nil), at: 6_300)
        #expect(failing.failures == 0 && failing.retryAt == nil && failing.refreshToken == "r" && failing.expires == nil)
    }

    @Test func whatIsRefusedIsGone() {
        var refused = grant()
        refused.claimed(by: "x", at: 1_000, until: 1_030)
        refused.refused("invalid_grant")
        #expect(refused.accessToken == nil && refused.refreshToken == nil && refused.state == .needsOperator)
        #expect(refused.readiness(at: 1_001) == .no)
        refused.authorized(Tokens(access: "n", refresh: "m", lifetime: 10), at: 2_000)
        #expect(refused.state == .valid && refused.expires == 2_010)
        var alone = grant()
        alone.refreshToken = nil
        #expect(alone.step(at: 1_000, chance: 0) == .look(at: 4_600))
        #expect(alone.readiness(at: 1_000) == .yes(until: 4_600, comes: false))
        #expect(alone.step(at: 4_600, chance: 0) == .giveUp("its access token has expired and there is no refresh token"))
    }

    @Test func aRecordKeepsAllOfIt() throws {
        var grant = grant()
        grant.claimed(by: "host/1/a", at: 4_240, until: 4_270)
        grant.failures = 2
        grant.retryAt = 5_000
        grant.detail = "why"
        let account = JSON.object([("name", .text("n")), ("oauth", .object([("provider", .text("p")), ("authorization", .text("x"))]))])
        let stored = GrantDocument.setting(grant, in: account)
        #expect(try GrantDocument.grant(Settings(stored)) == grant)
        #expect(stored["oauth"]["provider"] == .text("p") && stored["oauth"]["authorization"] == .text("x"))
        #expect(try GrantDocument.grant(Settings(GrantDocument.setting(Grant(), in: stored))) == Grant())
    }

    @Test func oneWordSaysWhetherItMayBeSent() {
        func word(_ readiness: Grant.Readiness) -> GrantWord { GrantWord(bits: GrantWord(readiness, wall: 1_000, now: 50_000).bits) }
        #expect(word(.yes(until: nil, comes: true)).bits == 0)
        #expect(word(.yes(until: 1_010, comes: true)).verdict(at: 59_999) == .ready)
        #expect(word(.yes(until: 1_010, comes: true)).verdict(at: 60_000) == .comes(at: 0))
        #expect(word(.yes(until: 1_010, comes: false)).verdict(at: 60_000) == .missing)
        #expect(word(.comes(at: nil)).waitsUntil(50_000) == 51_000)
        #expect(word(.comes(at: 1_020)).waitsUntil(50_000) == 70_000)
        #expect(word(.no).waitsUntil(50_000) == .max)
        #expect(word(.yes(until: 900, comes: true)).verdict(at: 50_000) == .comes(at: 0))
    }

    // MARK: Answers

    @Test(arguments: [
        (
            200, #"{"access_token":"a","expires_in":60,"refresh_token":"r"}"#,
            TokenReply.granted(Tokens(access: "a", refresh: "r", lifetime: 60))
        ),
        (200, #"{"access_token":"a","expires_in":"60"}"#, .granted(Tokens(access: "a", refresh: nil, lifetime: 60))),
        (200, "<html>", .unclear("the token endpoint answered with status 200 and no access token that can be read")),
        (200, #"{"access_token":"a b"}"#, .unclear("the token endpoint answered with status 200 and no access token that can be read")),
        (400, #"{"error":"invalid_grant"}"#, .refused("the token endpoint answered with status 400 (invalid_grant)")),
        (
            400, #"{"error":"invalid_request","error_description":"no"}"#,
            .notUsed("the token endpoint answered with status 400 (invalid_request: no)", wait: nil)
        ),
        (
            401, #"{"error":"invalid_client","error_description":"secret-of-mine is wrong"}"#,
            .notUsed("the token endpoint answered with status 401 (invalid_client)", wait: nil)
        ),
        (
            400, #"{"type":"error","error":{"type":"invalid_grant","message":"gone"}}"#,
            .refused("the token endpoint answered with status 400 (invalid_grant: gone)")
        ),
        (500, "", .notUsed("the token endpoint answered with status 500", wait: 7)),
        (503, "", .notUsed("the token endpoint answered with status 503", wait: 7)),
        (502, "", .unclear("the token endpoint answered with status 502")),
        (504, "", .unclear("the token endpoint answered with status 504")),
        (302, "", .notUsed("the token endpoint answered with status 302", wait: 7)),
    ])
    func anAnswerSaysWhatBecameOfTheToken(status: Int, body: String, expected: TokenReply) {
        #expect(body.withBytes { TokenReply(status: status, body: $0, retryAfter: "7", hiding: ["secret-of-mine-and-more"]) } == expected)
    }

    @Test func noAnswerSaysItTooIfNothingLeft() {
        #expect(TokenReply(GW_E_UNAVAILABLE, mayHaveRun: false) == .notUsed("the token endpoint could not be reached", wait: nil))
        #expect(TokenReply(GW_E_UNAVAILABLE, mayHaveRun: true) == .unclear("the connection to the token endpoint broke"))
        #expect(TokenReply(GW_E_TIMEOUT, mayHaveRun: true) == .unclear("the token endpoint did not answer in time"))
    }
}
