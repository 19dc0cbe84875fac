import Testing

@testable import GatewayHost

@Suite struct AdminCredentialTests {
    private let token = "gwa_" + String(repeating: "0f", count: 32)
    private let id = "ses_" + String(repeating: "0", count: 26)
    private let secret = String(repeating: "ab", count: 32)

    private func read(_ authorization: [String] = [], cookies: [String] = []) -> AdminCredential {
        AdminCredential.read(authorization: authorization, cookies: cookies)
    }

    @Test func aTokenOfTheRightFormIsOne() {
        #expect(read(["Bearer \(token)"]) == .token(token))
        #expect(read(["bearer \(token)"]) == .token(token))
        #expect(AdminToken.isOne(AdminToken.make()))
        #expect(AdminToken.make() != AdminToken.make())
        #expect(AdminToken.hint(token) == "gwa_0f0...0f0f")
    }

    @Test(arguments: [
        "", "Bearer", "Bearer ", "Bearer gwa_", "Basic YWRhOnB3", "Token gwa_00", "Bearer cr_00",
    ])
    func whatHasAnotherFormIsMalformed(text: String) { #expect(read([text]) == .malformed) }

    @Test func nearMissesAreMalformed() {
        #expect(read(["Bearer \(token)0"]) == .malformed)
        #expect(read(["Bearer \(token.dropLast())"]) == .malformed)
        #expect(read(["Bearer \(token.uppercased())"]) == .malformed)
        #expect(read(["Bearer  \(token)"]) == .malformed)
        #expect(read(["Bearer \(token)", "Bearer \(token)"]) == .malformed)
    }

    @Test func aCookieIsFoundAmongOthers() {
        let expected = AdminCredential.session(SessionCookie(id: id, secret: secret))
        #expect(read(cookies: ["gw_session=\(id).\(secret)"]) == expected)
        #expect(read(cookies: ["a=b; gw_session=\(id).\(secret); c=d"]) == expected)
        #expect(read(cookies: ["a=b", "gw_session=\(id).\(secret)"]) == expected)
        #expect(read(cookies: ["xgw_session=\(id).\(secret)"]) == .none)
        #expect(read() == .none)
    }

    @Test func twoCookiesOfTheNameAreNone() {
        #expect(read(cookies: ["gw_session=\(id).\(secret); gw_session=\(id).\(secret)"]) == .malformed)
        #expect(read(cookies: ["gw_session=", "gw_session=\(id).\(secret)"]) == .malformed)
    }

    @Test(arguments: ["gw_session=", "gw_session=ses_0.00", "gw_session=../../x", "gw_session=%20"])
    func aCookieOfAnotherFormIsMalformed(cookie: String) { #expect(read(cookies: [cookie]) == .malformed) }

    @Test func aBadTokenIsNotSavedByACookie() {
        #expect(read(["Bearer nonsense"], cookies: ["gw_session=\(id).\(secret)"]) == .malformed)
    }

    @Test func theCookieIsForThisSiteAndNoScript() {
        let cookie = SessionCookie(id: id, secret: secret)
        #expect(
            cookie.header(maximumAge: 60, isSecure: false)
                == "gw_session=\(id).\(secret); Path=/admin; Max-Age=60; HttpOnly; SameSite=Strict")
        #expect(cookie.header(maximumAge: 60, isSecure: true).hasSuffix("; Secure"))
        #expect(SessionCookie.removal(isSecure: true).contains("Max-Age=0"))
    }
}
