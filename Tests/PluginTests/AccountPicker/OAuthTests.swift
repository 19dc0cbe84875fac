// OAuth accounts around the state machine: options, link and code, what may be stored, what is sent.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct OAuthTests {
    private static let provider =
        #"{"name":"p","authorize_url":"https://a.example/auth?x=1","token_url":"https://a.example/token","client_id":"id","scopes":["s:one","two"],"redirect_uri":"https://c.example/cb?d=e","headers":{"anthropic-beta":"oauth-1"}}"#
    private static let config = #"{"oauth":[\#(provider)]}"#

    private func provider(_ more: String = "") throws -> OAuthProvider {
        let text = String(Self.provider.dropLast()) + more + "}"
        return try OAuthProvider(Settings(text.withBytes { try! JSON(parsing: $0) }))
    }

    // MARK: The provider

    @Test(arguments: [
        (#","token_url":"http://a.example/token""#, "/token_url: an https:// URL"),
        (#","token_url":"https://u@a.example/""#, "/token_url:"),
        (#","token_url":"http://127.0.0.1.evil.example/""#, "/token_url:"), (#","client_id":"""#, "/client_id: a text of visible"),
        (#","headers":{"User-Agent":"x"}"#, "/headers/User-Agent: this header"),
        (#","headers":{"x-stainless-os":"x"}"#, "/headers/x-stainless-os:"),
        (#","headers":{"Authorization":"x"}"#, "/headers/Authorization:"), (#","headers":{"x-a":"b\n"}"#, "/headers/x-a: a header's value"),
        (#","headers":{"a":"1","b":"1","c":"1","d":"1","e":"1"}"#, "/headers: at most 4"),
    ])
    func aFaultNamesItsPlace(more: String, fault: String) {
        do {
            _ = try provider(more)
            Issue.record("it was taken")
        } catch {
            #expect("\(error)".hasPrefix(fault), "\(error)")
        }
    }

    @Test func loopbackMayBePlain() throws {
        #expect(try provider(#","token_url":"http://127.0.0.1:80/token""#).tokenURL == "http://127.0.0.1:80/token")
        #expect(throws: CreateRefused.self) { try FakeHost(AccountPicker.self, #"{"oauth":[\#(Self.provider),\#(Self.provider)]}"#) }
    }

    // MARK: Link and code

    @Test func theLinkHasAChallengeAndAState() throws {
        let pending = PendingAuthorization(random: Array(0..<64), at: 1_000)
        let link = pending.link(try provider())
        #expect(
            link
                == "https://a.example/auth?x=1&response_type=code&client_id=id&redirect_uri=https%3A%2F%2Fc.example%2Fcb%3Fd%3De&code_challenge=\(pending.challenge)&code_challenge_method=S256&state=\(pending.state)&scope=s%3Aone%20two"
        )
        #expect(PendingAuthorization(pending.text) == pending && pending.until == 1_600)
        #expect(!link.contains(pending.verifier))
    }

    @Test func theChallengeIsThatOfTheStandard() throws {
        // RFC 7636 appendix B.
        let pending = try #require(
            PendingAuthorization(#"{"state":"s","verifier":"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk","until":1}"#))
        #expect(pending.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    }

    @Test func whatIsBroughtBackIsRead() throws {
        let pending = try #require(PendingAuthorization(#"{"state":"st-1","verifier":"v","until":1}"#))
        #expect(pending.code(in: " the-code\n") == .code("the-code"))
        #expect(pending.code(in: "the-code#st-1") == .code("the-code"))
        #expect(pending.code(in: "https://c.example/cb?d=e&code=the%2Dcode&state=st-1") == .code("the-code"))
        #expect(pending.code(in: "http://localhost:1/cb#code=c&state=st-1") == .code("c"))
        for wrong in [
            "the-code#st-2", "https://c.example/cb?code=c&state=st-2", "https://c.example/cb?code=c", "https://c.example/cb?state=st-1",
            "https://c.example/cb?error=access_denied&state=st-1", "two words", "", "#st-1",
        ] {
            guard case .nothing(let words) = pending.code(in: wrong) else {
                Issue.record("\(wrong) was taken")
                continue
            }
            #expect(!words.contains("the-code") && !words.contains("st-1"))
        }
    }

    // MARK: What may be stored

    private func refusals(_ after: String, before: String? = nil, config: String = OAuthTests.config) throws -> [String] {
        try FakeHost(AccountPicker.self, config).check("accounts", id: "account_1", before: before, after: after).refusals
    }

    @Test func withoutAProviderItIsRefusedInWords() throws {
        let refused = try refusals(#"{"name":"n","type":"oauth"}"#, config: "{}")
        #expect(refused.first?.hasPrefix("/type: OAuth accounts are switched off") == true)
    }

    @Test func aTypeHasItsOwnFields() throws {
        #expect(try refusals(#"{"name":"n","type":"api-key"}"#) == ["/api_key: an account of the type api-key needs its key"])
        #expect(try refusals(#"{"name":"n","type":"oauth","api_key":"k"}"#).first?.hasPrefix("/api_key: this belongs") == true)
        #expect(try refusals(#"{"name":"n","type":"api-key","api_key":"k","oauth":{}}"#).first?.hasPrefix("/oauth: this belongs") == true)
        #expect(
            try refusals(#"{"name":"n","type":"oauth"}"#, before: #"{"name":"n","type":"api-key","api_key":"k"}"#).first?.hasPrefix(
                "/type: an account keeps") == true)
        #expect(
            try refusals(#"{"name":"n","type":"oauth","oauth":{"provider":"q"}}"#).first?.hasPrefix(
                "/oauth/provider: the configuration has no") == true)
        #expect(
            try refusals(#"{"name":"n","type":"oauth","oauth":{"authorization":"x"}}"#).first?.hasPrefix("/oauth/authorization: only")
                == true)
        #expect(
            try refusals(#"{"name":"n","type":"oauth","oauth":{"access_token":"a b"}}"#).first?.hasPrefix(
                "/oauth/access_token: a token has") == true)
        #expect(
            try refusals(#"{"name":"n","type":"oauth","oauth":{"access_token":"a","expires":"soon"}}"#).first?.hasPrefix(
                "/oauth/expires: a time") == true)
    }

    @Test func tokensThatAreWrittenMakeItValid() throws {
        let host = try FakeHost(AccountPicker.self, Self.config)
        let created = host.check("accounts", id: "account_1", after: #"{"name":"n","type":"oauth"}"#)
        #expect(created.stored?["oauth"].serialized == #"{"provider":"p","state":"unauthorized"}"#)
        let before =
            #"{"name":"n","type":"oauth","oauth":{"provider":"p","state":"needs_operator","detail":"x","failures":3,"authorization":"y"}}"#
        let written = host.check(
            "accounts", id: "account_1", before: before,
            after:
                #"{"name":"n","type":"oauth","oauth":{"provider":"p","state":"needs_operator","detail":"x","failures":3,"authorization":"y","refresh_token":"r"}}"#
        )
        #expect(written.stored?["oauth"].serialized == #"{"provider":"p","state":"valid","refresh_token":"r","authorization":"y"}"#)
        // What is not about the credential leaves it.
        let renamed = host.check(
            "accounts", id: "account_1", before: before,
            after: before.replacing("\"name\":\"n\"", with: "\"name\":\"m\""))
        #expect(renamed.stored == nil && renamed.refusals.isEmpty)
    }

    // MARK: What is sent

    private func account(_ name: String, _ oauth: String) -> String {
        #"{"name":"\#(name)","type":"oauth","oauth":{"provider":"p",\#(oauth)}}"#
    }

    @Test func aTokenIsSentAndTakenBackForTheNextAccount() throws {
        let host = try FakeHost(
            AccountPicker.self,
            #"{"oauth":[\#(Self.provider)],"accounts":[{"name":"key","api_key":"k","priority":90}]}"#,
            records: ["accounts": ["account_1": account("token", #""state":"valid","access_token":"at""#)]])
        let exchange = host.exchange([("anthropic-beta", "mine"), ("authorization", "Bearer cr_x"), ("x-api-key", "cr_x")])
        #expect(exchange.onSelect() == .continue && exchange.upstream.account == "token")
        #expect(exchange.header("authorization") == "Bearer at" && exchange.header("x-api-key") == nil)
        #expect(exchange.header("anthropic-beta") == "mine,oauth-1")
        #expect(exchange.onAttempt(status: 529) == .retry)
        #expect(exchange.onSelect() == .continue && exchange.upstream.account == "key")
        #expect(exchange.header("authorization") == nil && exchange.header("x-api-key") == "k")
        #expect(exchange.header("anthropic-beta") == "mine")
        exchange.complete()
    }

    @Test func withoutACredentialItIsPassedOver() throws {
        let host = try FakeHost(
            AccountPicker.self, #"{"oauth":[\#(Self.provider)],"wait":{"seconds":0}}"#,
            records: ["accounts": ["account_1": account("token", #""state":"unauthorized""#)]])
        let refused = host.exchange()
        #expect(refused.onSelect() == .respond)
        #expect(refused.response?.body.contains("1 without a credential that could be sent") == true)
        host.put("accounts", "account_1", account("token", #""state":"valid","access_token":"at""#))
        let served = host.exchange()
        #expect(served.onSelect() == .continue && served.header("authorization") == "Bearer at")
        served.complete()
        // One that the upstream rejects, and that cannot be refreshed, rests like any refused key.
        let rejected = host.exchange()
        #expect(rejected.onSelect() == .continue && rejected.onAttempt(status: 401) == .continue)
        rejected.complete()
        #expect(host.exchange().onSelect() == .respond)
    }

    @Test func aProcessWithoutClientsRefreshesNothingByItself() throws {
        let expired = account("token", #""state":"valid","access_token":"at","refresh_token":"r","expires":"1999-01-01T00:00:00Z""#)
        let host = try FakeHost(AccountPicker.self, Self.config, records: ["accounts": ["account_1": expired]])
        host.backgrounds[0].deliverReady()
        #expect(host.fetched == ["POST https://a.example/token"])
        let command = try FakeHost(
            AccountPicker.self, Self.config, records: ["accounts": ["account_1": expired]], workerFlags: GW_WORKER_ADMINISTRATION)
        command.backgrounds[0].deliverReady()
        #expect(command.fetched.isEmpty)
    }
}
